# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/appliance.sh: the ceremony, start and stop of a trial CA, and
# the certificate that a real client obtains.  Sourced by sh after the others;
# $data and $run are set by settings_place.

ctl() {
	"$data/programs/chancery/chanceryctl" -c "$data/chancery.conf" "$@"
}

# Its process id while it runs; chanceryd holds a lock on this file.
appliance_pid() {
	pid=$(cat "$run/chancery/chanceryd.pid" 2>/dev/null) || return 1
	[ -r "/proc/$pid/cmdline" ] &&
	    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" |
	    grep -qxF "$data/chancery.conf" && echo "$pid"
}

# ceremony_file SAMPLE MODULE: the sample, for this trial's root token.
ceremony_file() {
	sed -e "s|/etc/chancery/root|$data/tokens/root|" \
	    -e "s|/etc/chancery/officer|$data/officer|" \
	    -e "s|module = \"[^\"]*\"|module = \"$2\"|" \
	    -e "s,Example \(Root\|Issuing\) CA 1,Chancery Trial \1 CA," \
	    -e 's|"Example"|"Chancery Trial"|' \
	    -e '1,/^$/d' "$1"
}

# appliance_ceremony SAMPLE MODULE: once.  One that was cut short goes on
# with the same file and the same tokens.
appliance_ceremony() {
	[ ! -e "$data/ceremony.done" ] || return 0
	mkdir -p "$data/tokens" "$data/state"
	token_make "$data/tokens/root" chancery-root
	token_make "$data/tokens/issuing" chancery-issuing
	token_give "$data/tokens/issuing" chancery-token chancery
	if [ ! -e "$data/ceremony.conf" ]; then
		ceremony_file "$1" "$2" >"$data/ceremony.conf.new"
		mv "$data/ceremony.conf.new" "$data/ceremony.conf"
	fi
	quietly "$data/log/ceremony.log" "the ceremony" \
	    ctl init "$data/ceremony.conf"
	ln -sf state/officer.conf "$data/officer.conf"
	: >"$data/ceremony.done"
}

# After chanceryd was killed its processes finish what they have in hand.
appliance_wait_gone() {
	waited=0
	while [ "$waited" -lt 150 ] && grep -qsz \
	    "^$data/programs/chancery/chancery-[a-z]*\$" \
	    /proc/[0-9]*/cmdline; do
		sleep 0.1
		waited=$((waited + 1))
	done
}

appliance_start() {
	appliance_wait_gone
	log=$data/log/chanceryd.log
	[ -e "$log" ] || : >"$log"
	skip=$(wc -l <"$log")
	setsid "$data/programs/chancery/chanceryd" -c "$data/chancery.conf" \
	    >>"$log" 2>&1 </dev/null 9>&- &
	daemon=$!
	waited=0
	until tail -n "+$((skip + 1))" "$log" | grep -q '^chanceryd: ready: '
	do
		if ! kill -0 "$daemon" 2>/dev/null ||
		    [ "$waited" -ge 600 ]; then
			tail -n "+$((skip + 1))" "$log" | tail -n 15 >&2
			die "the appliance does not start; see $log"
		fi
		sleep 0.1
		waited=$((waited + 1))
	done
}

# Ask it to end and wait: requests in hand are finished.
appliance_stop() {
	if pid=$(appliance_pid); then
		kill -TERM "$pid" 2>/dev/null
		waited=0
		while [ -e "/proc/$pid" ] && [ "$waited" -lt 300 ]; do
			[ "$(cut -d ' ' -f 3 "/proc/$pid/stat" \
			    2>/dev/null)" != Z ] || break
			sleep 0.1
			waited=$((waited + 1))
		done
	fi
	appliance_wait_gone
	[ ! -e "$data/pg/PG_VERSION" ] || cluster_stop "$data/pg"
}

# A real client, lego, proves demo.test by http-01 and gets a certificate.
appliance_demo() {
	mkdir -p "$data/demo"
	demo_log=$data/log/lego.log
	: >"$demo_log"
	quietly "$demo_log" lego env \
	    LEGO_CA_CERTIFICATES="$data/state/root.pem" lego \
	    --server "https://localhost:$port_acme/directory" \
	    --path "$data/demo/lego" --email demo@example.com --accept-tos \
	    --domains demo.test --http \
	    --http.port "127.0.0.1:$port_http01" run
	cp "$data/demo/lego/certificates/demo.test.crt" \
	    "$data/demo/chain.pem.new"
	mv "$data/demo/chain.pem.new" "$data/demo/chain.pem"
}

appliance_show_demo() {
	openssl verify -CAfile "$data/state/root.pem" \
	    -untrusted "$data/demo/chain.pem" "$data/demo/chain.pem" \
	    >/dev/null || die "the demo certificate does not verify"
	openssl x509 -in "$data/demo/chain.pem" -noout -issuer -serial \
	    -dates -ext subjectAltName | sed 's/^/   /'
	note "verified up to the root"
	entries=$(PGOPTIONS='-c search_path=chancery' psql -X -q -A -t \
	    -h "$run/pg" -p 5432 -U chancery -d chancery \
	    -c "SELECT count(*) || ' entries, the last one: ' ||
	    (SELECT kind FROM log_entry ORDER BY index DESC LIMIT 1)
	    FROM log_entry")
	note "issuance log: $entries"
}

appliance_fingerprint() {
	openssl x509 -in "$data/state/root.pem" -noout -fingerprint -sha256 |
	    cut -d = -f 2
}
