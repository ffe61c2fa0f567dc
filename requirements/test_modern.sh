#!/bin/sh
# Runs the tests and the pipeline on the modern line of packages. Called by `make test-modern`.
#
#     [WORKERS=2] [ARGS="arguments of pytest"] requirements/test_modern.sh
#
# A machine whose C library is too old for the line gets a root of Debian 13, kept in .modern; that takes the superuser
# and debootstrap. Exit code 77 says that there is no such root and nothing was tested.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/.modern
unset MAKEFLAGS MFLAGS MAKELEVEL # of the `make` that calls

least=$(awk '$1 == "modern" { print $3 }' requirements/lines.txt)
glibc=$(getconf GNU_LIBC_VERSION)
work='make test WORKERS="$1" ARGS="$2"; unset ARGS; make run'

if printf '%s\n%s\n' "$least" "${glibc#glibc }" | sort -V -C; then
  exec sh -euc "$work" sh "${WORKERS:-2}" "${ARGS:-}"
fi

skip() {
  echo "NOT TESTED on the modern line: it needs glibc $least, this machine has $glibc, and $1" >&2
  exit 77
}

if [ ! -e "$root/.made" ]; then
  [ "$(id -u)" = 0 ] || skip "only the superuser can make a root that has it"
  command -v debootstrap >/dev/null || skip "debootstrap, which makes a root that has it, is not installed"
  echo "Making a root of Debian 13 in .modern (once, a few minutes)"
  rm -rf "$root"
  mkdir "$root"
  # No compiler is among them: the line does without.
  debootstrap --variant=minbase --include=ca-certificates,make,python3,python3-venv trixie "$root" >"$root/log" 2>&1 || {
    tail -n 3 "$root/log" >&2
    skip "debootstrap could not make a root that has it; .modern/log tells why"
  }
  touch "$root/.made"
fi

# shellcheck disable=SC2016
unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$1/proc"' sh "$root" 2>>"$root/log" ||
  skip "this machine lets nobody mount what a root needs (unshare, mount); .modern/log tells why"

# The root finds and trusts what this machine does. It gets the files of the project, but nothing made from them.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
mkdir -p "$root/dspnet"
find "$root/dspnet" -mindepth 1 -maxdepth 1 ! -name .venv ! -name data -exec rm -rf {} +
git ls-files --cached --others --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
  tar -c --files-from - | tar -x -C "$root/dspnet"

# Namespaces of its own: the mounts and processes end with it.
# shellcheck disable=SC2016
exec unshare --mount --pid --fork --kill-child sh -euc '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  exec chroot "$1" env LANG=C.UTF-8 HOME=/root sh -euc "cd /dspnet; $2" sh "$3" "$4"
' sh "$root" "$work" "${WORKERS:-2}" "${ARGS:-}"
