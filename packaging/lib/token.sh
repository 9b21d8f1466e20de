# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/token.sh: SoftHSM tokens, each in a folder and with a
# softhsm2.conf of its own, so that whoever has one does not see the other.
# Sourced by sh after common.sh.

token_module() {
	for module in /usr/lib/softhsm/libsofthsm2.so \
	    /usr/lib/*/softhsm/libsofthsm2.so; do
		if [ -e "$module" ]; then
			echo "$module"
			return 0
		fi
	done
	die "no SoftHSM module: apt-get install softhsm2"
}

# softhsm2-util takes PINs from a terminal or from its command line, where
# every user of the machine could read them: so script(1) is its terminal.
token_initialise() {
	printf '%s\n%s\n%s\n%s\n' "$3" "$3" "$4" "$4" |
	    SOFTHSM2_CONF=$2 script -qec \
	    "softhsm2-util --init-token --free --label $1" /dev/null \
	    >/dev/null 2>&1
}

# token_make FOLDER LABEL: FOLDER/{softhsm2.conf,pin,so-pin,objects/}
token_make() {
	[ ! -e "$1/ready" ] || return 0
	rm -rf "$1"
	mkdir -m 700 "$1" "$1/objects"
	cat >"$1/softhsm2.conf" <<-END
	directories.tokendir = $1/objects
	objectstore.backend = file
	log.level = ERROR
	slots.removable = false
	END
	(
		umask 077
		random_pin >"$1/pin"
		random_pin >"$1/so-pin"
	)
	token_initialise "$2" "$1/softhsm2.conf" "$(cat "$1/so-pin")" \
	    "$(cat "$1/pin")" ||
	    die "softhsm2-util cannot make the token $2 in $1"
	: >"$1/ready"
}

# token_give FOLDER USER GROUP: all of it now belongs to that user.
token_give() {
	! am_root || chown -R "$2:$3" "$1"
}
