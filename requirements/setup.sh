#!/bin/sh
# Makes .venv: the newest line of packages that the C library of this machine can load, on a Python that fits.
#
#     requirements/setup.sh [PYTHON]
#
# PYTHON is a command or a path. Without it, any fitting Python that is here is taken, or else uv fetches one. The lines
# are in lines.txt. Called by `make setup`.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/.venv
asked=${1:-}
uv_version=0.13.9
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Says why the work ends; the log of what was tried comes first.
fail() {
  [ ! -e "$scratch/log" ] || tail -n 3 "$scratch/log" >&2
  printf '%s\n' "$*" >&2
  exit 1
}

# Sets line, tfx, glibc, first and last, and pythons, which names the two.
choose_line() {
  machine="$(uname -s) $(uname -m)"
  [ "$machine" = "Linux x86_64" ] || fail "DSPnet needs Linux on x86_64: TFX has no packages for $machine."
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || glibc="glibc 0"
  glibc=${glibc#glibc }
  while read -r line tfx least first last _; do
    [ "$line" != "#" ] || continue
    needed=$least pythons="Python $first to $last"
    [ "$first" != "$last" ] || pythons="Python $first"
    # sort -C tells whether the two versions stand in order.
    if printf '%s\n%s\n' "$least" "$glibc" | sort -V -C; then return; fi
  done <"$root/requirements/lines.txt"
  [ "$glibc" != 0 ] || glibc="another C library"
  fail "DSPnet needs glibc $needed or later, found $glibc. Use Debian 10, Ubuntu 20.04 or later, or a container of one."
}

# Prints MAJOR.MINOR of a Python, or nothing.
version_of() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# Tells whether a Python runs the chosen line.
fits() {
  version=$(version_of "$1")
  [ "${version%%.*}" = 3 ] && [ "${version#3.}" -ge "${first#3.}" ] && [ "${version#3.}" -le "${last#3.}" ]
}

# Sets uv: the one on PATH, or one that a Python of any version installs into $scratch.
find_uv() {
  if uv=$(command -v uv); then return; fi
  uv=$scratch/uv/bin/uv
  for python in "${asked:-python3}" python3 python3.13 python3.12 python3.11; do
    rm -rf "$scratch/uv"
    if "$python" -m venv "$scratch/uv" &&
      "$scratch/uv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"; then return; fi
  done >"$scratch/log" 2>&1
  fail "Found neither uv nor a Python that can install it. Install uv, or (Debian, Ubuntu) the package python3-venv."
}

# Makes .venv, and sets how its Python was come by.
make_venv() {
  find_uv
  range=">=$first,<3.$((${last#3.} + 1))"
  if [ -n "$asked" ]; then
    how=named python=$asked
  elif python=$("$uv" python find --quiet --system --no-python-downloads "$range" 2>/dev/null); then
    how="found here"
  else
    how="fetched by uv" python=$range
  fi
  rm -rf "$venv"
  "$uv" venv --quiet --python "$python" "$venv" 2>"$scratch/log" ||
    fail "No $pythons is here, and uv could not fetch one. Install one, or name it: make setup PYTHON=/path/to/python"
  "$uv" pip install --quiet --python "$venv/bin/python" "uv==$uv_version"
}

choose_line
if [ -n "$asked" ] && ! fits "$asked"; then
  fail "DSPnet needs $pythons here (glibc $glibc), but $asked is ${version:-no Python that runs}. Name another."
fi
if [ -z "$asked" ] && [ -x "$venv/bin/uv" ] && fits "$venv/bin/python"; then how="in .venv already"; else make_venv; fi
python=$("$venv/bin/python" -c 'import os, platform, sys
print(f"Python {platform.python_version()} ({os.path.realpath(sys.executable)})")')
echo "Taking the $line line of packages, TFX $tfx, for glibc $glibc, on $python, $how"
echo "Installing it into .venv (a few minutes the first time)"
"$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --no-deps \
  -r "$root/requirements/sources.txt" -r "$root/requirements/$line.txt"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e "$root"
