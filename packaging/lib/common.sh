# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/common.sh: messages, times, other users.  Sourced by sh.

umask 022
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# A numbered heading, then indented lines below it.
step_number=0
step() {
	step_number=$((step_number + 1))
	printf '\n%d. %s\n' "$step_number" "$*"
}

note() {
	printf '   %s\n' "$*"
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# seconds FROM_MS: since then, as 1.2
seconds() {
	elapsed=$(($(now_ms) - $1))
	printf '%d.%d s' $((elapsed / 1000)) $((elapsed % 1000 / 100))
}

am_root() {
	[ "$(id -u)" -eq 0 ]
}

# as_user NAME COMMAND...: as root, change to that user; else we are it.
as_user() {
	user=$1
	shift
	if am_root; then
		runuser -u "$user" -- "$@"
	else
		"$@"
	fi
}

# The name that stands for a folder where a short one is needed.
short_name() {
	printf 'chancery-demo-%s' \
	    "$(printf '%s' "$1" | sha256sum | cut -c 1-10)"
}

random_pin() {
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# quietly LOGFILE WHAT COMMAND...: its output is shown only when it fails.
quietly() {
	quiet_log=$1
	quiet_what=$2
	shift 2
	if ! "$@" >>"$quiet_log" 2>&1; then
		tail -n 25 "$quiet_log" >&2
		die "$quiet_what failed; all of it is in $quiet_log"
	fi
}
