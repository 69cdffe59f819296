#!/bin/sh
# Fetches the embedded ClickHouse (libchdb) into the user's cache folder, where
# earshot looks for it. Does nothing when it is there. Prints its path.
#
# The version is the one that internal/chdb/locate.go names; the checksum is
# what npm publishes for it, kept here so that a changed package is refused.
set -eu

version=26.7.3-stable.1

die() {
	echo "fetch embedded ClickHouse: $*" >&2
	exit 1
}

case $(uname -s)-$(uname -m) in
Linux-x86_64 | Linux-amd64)
	package=@chdb/lib-linux-x64-gnu
	integrity='XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=='
	;;
Linux-aarch64 | Linux-arm64)
	# Not published in this version when this was written: taken when it is there,
	# by the checksum that the registry gives.
	package=@chdb/lib-linux-arm64-gnu
	integrity=
	;;
*)
	die "there is none for $(uname -s) on $(uname -m); use an external ClickHouse with --store"
	;;
esac

cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/earshot/chdb/$version
library=$cache/libchdb.so
if [ -f "$library" ]; then
	echo "$library"
	exit 0
fi

command -v npm >/dev/null 2>&1 || die "npm is not installed (Debian: apt-get install npm); or set EARSHOT_CHDB to a libchdb.so of version $version"
command -v openssl >/dev/null 2>&1 || die "openssl is not installed (Debian: apt-get install openssl); it checks the download"

mkdir -p "$cache" || die "cannot create $cache"
free=$(df -Pk "$cache" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge 1000 ] || die "$cache has $free MiB free; 1000 MiB are needed while unpacking"

work=$(mktemp -d "$cache/fetch.XXXXXX") || die "cannot write to $cache"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo "fetching $package $version (178 MB, 566 MB unpacked) ..." >&2
(cd "$work" && npm pack --loglevel=error "$package@$version" >npm.out 2>npm.err) ||
	die "npm pack $package@$version failed; is the network there, and the registry reachable? npm says: $(grep -E 'error (code|network|[0-9]+|syscall|errno) ' "$work/npm.err" | head -n 4 | tr '\n' ' ')"
tarball=$(find "$work" -name '*.tgz' | head -n 1)
[ -n "$tarball" ] || die "npm pack wrote no package"

if [ -z "$integrity" ]; then
	integrity=$(npm view "$package@$version" dist.integrity 2>/dev/null | sed 's/^sha512-//')
fi
got=$(openssl dgst -sha512 -binary "$tarball" | openssl base64 -A)
[ "$got" = "$integrity" ] || die "the checksum of $package@$version is sha512-$got, not sha512-$integrity; nothing was installed"

tar -xzf "$tarball" -C "$work" package/libchdb.so || die "cannot unpack the package into $cache"
mv "$work/package/libchdb.so" "$library" # within one folder: whole or not at all
echo "$library"
