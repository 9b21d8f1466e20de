# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/packages.sh: Debian packages, installed only when missing.
# Sourced by sh after common.sh.

packages_run='postgresql softhsm2 openssl dns-root-data lego'
packages_build='build-essential pkg-config dpkg-dev libssl-dev libpq-dev
    libjansson-dev libp11-dev libp11-kit-dev libunbound-dev
    libidn2-dev libpsl-dev libconfig-dev libseccomp-dev'
packages_test='libcmocka-dev certbot uacme opensc curl binutils procps mandoc
    python3 python3-pytest python3-psycopg2 python3-cryptography
    python3-requests ldnsutils nsd'

package_installed() {
	case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in
	*' ok installed') return 0 ;;
	esac
	# Other packages that serve as well.
	case $1 in
	pkg-config) command -v pkg-config >/dev/null ;;
	*) return 1 ;;
	esac
}

packages_missing() {
	for package in "$@"; do
		package_installed "$package" || printf '%s ' "$package"
	done
}

# Debian would make a PostgreSQL cluster "main" and start it: not asked for.
no_main_cluster() {
	dropin=/etc/postgresql-common/createcluster.d/chancery-quickstart.conf
	mkdir -p "${dropin%/*}"
	echo 'create_main_cluster = false' >"$dropin"
}

main_cluster_again() {
	rm -f "$dropin"
	rmdir "${dropin%/*}" 2>/dev/null || true
}

# NSD is for tests that run it themselves: its service stays masked.
no_name_server() {
	case " $* " in
	*' nsd '*) ;;
	*) return 0 ;;
	esac
	mkdir -p /etc/systemd/system
	[ -e /etc/systemd/system/nsd.service ] ||
	    ln -s /dev/null /etc/systemd/system/nsd.service
}

apt_install() {
	apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
	    -o Dpkg::Use-Pty=0 install "$@"
}

# packages_install LOGFILE PACKAGE...
packages_install() {
	apt_log=$1
	shift
	missing=$(packages_missing "$@")
	missing=${missing% }
	if [ -z "$missing" ]; then
		note "all packages are there"
		return 0
	fi
	am_root || die "packages are missing; install them first:
    sudo apt-get install --no-install-recommends $missing"
	note "installing: $missing" | fold -s -w 76 | sed '2,$s/^/     /'
	export DEBIAN_FRONTEND=noninteractive
	# A foreign repository that fails must not stop us.
	apt-get -q -o DPkg::Lock::Timeout=300 update >>"$apt_log" 2>&1 ||
	    note "apt-get update had errors (see $apt_log); going on"
	(
		no_main_cluster
		no_name_server $missing
		trap main_cluster_again EXIT
		quietly "$apt_log" "apt-get install $missing" \
		    apt_install $missing
	) || exit 1
}
