#!/bin/sh
# Resolves the lock of each line anew from setup.py, and checks that each package has a wheel for every Python of the
# line or is named in sources.txt. Called by `make lock`.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
nowhere=$(mktemp -d)
trap 'rm -rf "$nowhere"' EXIT

grep -v '^#' requirements/lines.txt | while read -r line tfx glibc first last extras; do
  lock=requirements/$line.txt
  platform=x86_64-manylinux_$(echo "$glibc" | tr . _)
  scope=--universal # one lock for several Pythons, with markers where they differ
  if [ "$first" = "$last" ]; then scope="--python-platform $platform"; fi

  # shellcheck disable=SC2046,SC2086 # one word for each option
  echo "tfx==$tfx.*" | "$uv" pip compile --quiet setup.py - $(printf -- "--extra %s " $extras) $scope \
    --python-version "$first" --no-header --no-annotate --output-file "$lock"
  # What [tool.uv] in pyproject.toml says of every machine is left out of each package's marker.
  sed -i -E \
    -e "s/ and (platform_machine|sys_platform|platform_python_implementation|implementation_name) [!=]= '[^']*'//g" \
    -e "s/( ;| and) python_full_version < '3\.$((${last#3.} + 1))'\$//" \
    -e "1i # The line \`$line\`, made from setup.py by \`make lock\`; installed by \`make setup\`." "$lock"

  for minor in $(seq "${first#3.}" "${last#3.}"); do
    "$uv" pip install --quiet --dry-run --no-deps --target "$nowhere" --python-version "3.$minor" \
      --python-platform "$platform" -r requirements/sources.txt -r "$lock"
  done
  echo "Made $lock: TFX $tfx, Python $first to $last, glibc $glibc or later"
done
