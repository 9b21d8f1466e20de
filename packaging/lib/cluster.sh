# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/cluster.sh: a private PostgreSQL cluster on a Unix socket.
# Sourced by sh after common.sh.  PostgreSQL refuses to run as root: there
# the user postgres runs it, otherwise we ourselves do.

cluster_roles='acme validator signer publisher operator'

cluster_user() {
	if am_root; then echo postgres; else id -un; fi
}

# Programs of the version that made DATA, or the newest that is installed.
cluster_programs() {
	version=$(cat "$1/PG_VERSION" 2>/dev/null) || version='*'
	programs=$(ls -d /usr/lib/postgresql/$version/bin 2>/dev/null |
	    sort -V | tail -n 1)
	[ -x "$programs/initdb" ] ||
	    die "no PostgreSQL server $version: apt-get install postgresql"
	echo "$programs"
}

# Who on this machine may be which role; no passwords exist.
cluster_ident() {
	if am_root; then
		echo 'chancery root chancery'
		echo 'chancery root chancery_operator'
		for role in acme validator signer publisher; do
			echo "chancery chancery-$role chancery_$role"
		done
	else
		me=$(id -un)
		echo "chancery $me postgres"
		echo "chancery $me chancery"
		for role in $cluster_roles; do
			echo "chancery $me chancery_$role"
		done
	fi
}

cluster_settings() {
	cat <<-END
	listen_addresses = ''
	port = 5432
	unix_socket_directories = '$1'
	max_connections = 150
	shared_buffers = 64MB
	logging_collector = off
	log_line_prefix = '%m [%p] %u '
	END
}

# cluster_make DATA SOCKETDIR LOGFILE
cluster_make() {
	[ ! -e "$1/PG_VERSION" ] || return 0
	programs=$(cluster_programs "$1")
	owner=$(cluster_user)
	new=$1.new
	rm -rf "$new"
	mkdir -m 700 "$new"
	! am_root || chown "$owner:" "$new"
	quietly "$3" initdb as_user "$owner" "$programs/initdb" -D "$new" \
	    -U postgres --data-checksums --encoding=UTF8 --locale=C.UTF-8 \
	    --auth-local=peer --auth-host=reject
	cluster_settings "$2" >>"$new/postgresql.conf"
	{
		am_root && echo 'local all postgres peer' ||
		    echo 'local all postgres peer map=chancery'
		echo 'local chancery all peer map=chancery'
	} >"$new/pg_hba.conf"
	cluster_ident >"$new/pg_ident.conf"
	mv "$new" "$1"
}

cluster_running() {
	as_user "$(cluster_user)" "$(cluster_programs "$1")/pg_ctl" \
	    -D "$1" status >/dev/null 2>&1
}

# cluster_start DATA SOCKETDIR LOGFILE
cluster_start() {
	owner=$(cluster_user)
	mkdir -p "$2"
	[ -e "$3" ] || : >"$3"
	! am_root || chown "$owner:" "$2" "$3"
	cluster_running "$1" && return 0
	as_user "$owner" "$(cluster_programs "$1")/pg_ctl" -D "$1" -l "$3" \
	    -w -t 60 start >/dev/null || {
		tail -n 10 "$3" >&2
		die "PostgreSQL does not start; its messages are in $3"
	}
}

cluster_stop() {
	cluster_running "$1" || return 0
	as_user "$(cluster_user)" "$(cluster_programs "$1")/pg_ctl" -D "$1" \
	    -m fast -w -t 60 stop >/dev/null
}

# cluster_super SOCKETDIR DATABASE [psql argument]...
cluster_super() {
	socket=$1
	database=$2
	shift 2
	as_user "$(cluster_user)" psql -X -q -A -t -v ON_ERROR_STOP=1 \
	    -h "$socket" -p 5432 -U postgres -d "$database" "$@"
}

# cluster_database SOCKETDIR CLUSTER_SQL: the database and its roles.
cluster_database() {
	there=$(cluster_super "$1" postgres -c \
	    "SELECT 1 FROM pg_database WHERE datname = 'chancery'")
	[ "$there" = 1 ] ||
	    cluster_super "$1" postgres -c 'CREATE DATABASE chancery'
	# The superuser may not be able to read our file: we read it.
	cluster_super "$1" chancery -f - <"$2"
}
