# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/settings.sh: where a trial CA lives, what is remembered of
# it, its ports and its chancery.conf.  Sourced by sh after common.sh.

# Other users (PostgreSQL's and ours) must be able to walk to it.
settings_walkable() {
	case $1 in
	*[!-A-Za-z0-9_./+,@~]*) return 1 ;;
	esac
	runuser -u nobody -- test -x "$1" 2>/dev/null
}

# Where the data of DIR are: there, or below /var/lib with links.
settings_place() {
	data=$1
	if [ ! -e "$1/settings" ] && am_root && ! settings_walkable "$1"; then
		data=/var/lib/$(short_name "$1")
		note "other users cannot walk to $1:"
		note "programs and data are in $data, links in $1"
		mkdir -p "$data"
		chmod 755 "$data"
		for name in build programs log state pg tokens chancery.conf \
		    demo ceremony.conf officer.conf officer.key; do
			ln -sfn "$data/$name" "$1/$name"
		done
	fi
	# A socket's path has 107 octets.
	run=$data/run
	[ ${#run} -le 70 ] || settings_short_run
	mkdir -p "$run" "$data/log"
}

settings_short_run() {
	if am_root; then
		run=/run/$(short_name "$data")
		return
	fi
	run=/tmp/$(short_name "$data")
	mkdir -m 700 "$run" 2>/dev/null || [ -O "$run" ] ||
	    die "$run belongs to somebody else"
}

# Local TCP ports that somebody listens on, in decimal, one a line.
settings_busy_ports() {
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
	    awk '$4 == "0A" { n = split($2, part, ":"); print part[n] }' |
	    sort -u | while read -r hex; do echo $((0x$hex)); done
}

# Four ports that are free, at a place that depends on the folder, so that
# two made at the same moment do not meet.
settings_ports() {
	busy=" $(settings_busy_ports | tr '\n' ' ') "
	hash=$(printf '%s' "$data" | cksum | cut -d ' ' -f 1)
	port=$((14000 + hash % 4000 * 4))
	for name in acme publisher http01 tls_alpn; do
		while case $busy in *" $port "*) true ;; *) false ;; esac; do
			port=$((port + 1))
		done
		echo "port_$name=$port"
		port=$((port + 1))
	done
}

# Chosen at the first run, the same ever after: clients remember URLs.
settings_load() {
	if [ ! -e "$data/settings" ]; then
		settings_ports >"$data/settings.new"
		mv "$data/settings.new" "$data/settings"
	fi
	. "$data/settings"
}

settings_user() {
	if am_root; then printf ' user = "chancery-%s";' "$1"; fi
}

# Every name under .test is here, unless --dns names another resolver: that
# one may serve names of its own, which the root zone's keys would deny.  The
# name of the first certificate stays here.
settings_resolver() {
	local_name=test
	if [ -n "$1" ]; then
		local_name=demo.test
		printf ' forward = "%s"; trust_anchor = "/dev/null";\n   ' \
		    "$1"
	fi
	printf ' local = ( { name = "%s"; address = "127.0.0.1"; } );' \
	    "$local_name"
}

# settings_conf DNS MODULE: chancery.conf of the trial, on standard output.
settings_conf() {
	cat <<-END
	# Written by packaging/quickstart at each start: for a trial on this
	# machine.  It may validate names that lead to loopback, and addresses.
	base_url = "https://localhost:$port_acme";
	state_dir = "$data/state";
	run_dir = "$run/chancery";
	libexec_dir = "$data/programs/chancery";
	data_dir = "$data/programs/share/chancery";
	database: { host = "$run/pg"; port = "5432"; name = "chancery";
	    owner = "chancery"; };
	acme: {$(settings_user acme)
	    listen = [ "127.0.0.1:$port_acme" ]; };
	policy: { ip_identifiers = [ "0.0.0.0/0", "::/0" ]; };
	validator: {$(settings_user validator)
	    http01_port = "$port_http01"; tls_alpn_port = "$port_tls_alpn";
	    allow = [ "127.0.0.0/8", "::1/128" ]; };
	resolver: {$(settings_user resolver)
	   $(settings_resolver "$1") };
	probe: {$(settings_user probe) };
	signer: {$(settings_user signer) };
	token: {$(settings_user token)
	    module = "$2"; label = "chancery-issuing";
	    pin_file = "$data/tokens/issuing/pin";
	    softhsm_conf = "$data/tokens/issuing/softhsm2.conf"; };
	publisher: {$(settings_user publisher)
	    listen = [ "127.0.0.1:$port_publisher" ];
	    url = "http://localhost:$port_publisher"; };
	renew: {$(settings_user renew) };
	END
}

# settings_env MODULE: D/env, to be sourced by sh.
settings_env() {
	cat <<-END
	CHANCERY_DIRECTORY='https://localhost:$port_acme/directory'
	CHANCERY_ROOT='$data/state/root.pem'
	CHANCERY_PUBLISHER='http://localhost:$port_publisher'
	CHANCERY_CONF='$data/chancery.conf'
	CHANCERY_BIN='$data/programs/chancery'
	CHANCERY_DEMO_CERT='$data/demo/chain.pem'
	CHANCERY_HTTP01_PORT='$port_http01'
	CHANCERY_TLS_ALPN_PORT='$port_tls_alpn'
	CHANCERY_OFFICER='$data/officer.conf'
	CHANCERY_PIN_FILE='$data/tokens/issuing/pin'
	CHANCERY_LOG='$data/log/chanceryd.log'
	CHANCERY_BUILD='$data/build'
	PGHOST='$run/pg'
	PGPORT='5432'
	PGDATABASE='chancery'
	PGUSER='chancery'
	PKCS11_MODULE='$1'
	SOFTHSM2_CONF='$data/tokens/issuing/softhsm2.conf'
	END
	echo 'export CHANCERY_DIRECTORY CHANCERY_ROOT CHANCERY_PUBLISHER'
	echo 'export CHANCERY_CONF CHANCERY_BIN CHANCERY_DEMO_CERT'
	echo 'export CHANCERY_HTTP01_PORT CHANCERY_TLS_ALPN_PORT'
	echo 'export CHANCERY_OFFICER CHANCERY_PIN_FILE CHANCERY_LOG'
	echo 'export CHANCERY_BUILD PGHOST PGPORT PGDATABASE PGUSER'
	echo 'export PKCS11_MODULE SOFTHSM2_CONF'
}
