# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/users.sh: the system users of the processes, the same as the
# package's; only root needs them.  Sourced by sh after common.sh.

users_make() {
	am_root || return 0
	getent group chancery >/dev/null || groupadd --system chancery
	for process in acme validator resolver probe signer token \
	    publisher; do
		id "chancery-$process" >/dev/null 2>&1 && continue
		useradd --system --gid chancery --no-create-home \
		    --home-dir /nonexistent --shell /usr/sbin/nologin \
		    "chancery-$process"
	done
}
