# SPDX-License-Identifier: Apache-2.0
#
# packaging/lib/build.sh: compiles the tree out of the tree.  Sourced by sh
# after common.sh.  CHANCERY_CONFIGURE holds more options for configure.

# build_configure SOURCE BUILD PREFIX LOGFILE: again only when needed.
build_configure() {
	build_options="--prefix=$3 --bindir=$3/chancery --sbindir=$3/chancery
	    --libexecdir=$3 ${CHANCERY_CONFIGURE:-}"
	build_recipe=$(echo $1 $build_options)
	[ -e "$2/Makefile" ] &&
	    [ "$(cat "$2/recipe" 2>/dev/null)" = "$build_recipe" ] && return
	rm -f "$2/Makefile" "$2/config.status"
	mkdir -p "$2"
	(cd "$2" && quietly "$4" configure "$1/configure" $build_options) ||
	    exit 1
	printf '%s\n' "$build_recipe" >"$2/recipe"
}

# build_install SOURCE BUILD PREFIX LOGFILE: programs in PREFIX/chancery.
build_install() {
	mkdir -p "$2"
	: >"$4"
	build_configure "$@"
	quietly "$4" make make -C "$2" -j "$(nproc)" all
	quietly "$4" "make install" make -C "$2" install
}
