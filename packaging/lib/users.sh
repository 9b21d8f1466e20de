# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/users.sh: the system users of the processes, as the package
# makes them; only root needs them.  Sourced by sh after common.sh.

# users_make SYSUSERS: the users that this sysusers.d(5) file lists, also
# where there is no systemd.
users_make() {
	am_root || return 0
	getent group chancery >/dev/null || groupadd --system chancery
	for name in $(awk '$1 == "u" { print $2 }' "$1"); do
		id "$name" >/dev/null 2>&1 && continue
		useradd --system --gid chancery --no-create-home \
		    --home-dir /nonexistent --shell /usr/sbin/nologin "$name"
	done
}
