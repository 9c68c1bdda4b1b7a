#!/bin/sh
# usage: lint.sh BUILD_FOLDER    check every C++ file: formatter, layers, sizes, words, clang-tidy
#        lint.sh --format        let the formatter write its changes
#
# BUILD_FOLDER is the lint preset's: clang-tidy needs flags that clang understands. Every check
# runs before the exit status tells whether one failed.
set -u
cd "$(dirname "$0")/.." || exit 1

sources() {
  find src tests bench -name node_modules -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0
}

if [ "${1:-}" = --format ]; then
  sources | xargs -0 clang-format-16 -i
  exit
fi

build=${1:?usage: lint.sh BUILD_FOLDER | --format}
status=0
sources | xargs -0 clang-format-16 --dry-run --Werror || status=1
python3 tools/check_layers.py || status=1
python3 tools/tidy.py || status=1
# The units of the lint build: a unit of several sources walks the libraries' headers once.
# Sources that the build writes come from checked files.
# A unit is silent unless something was found in it. Tests go without the path-sensitive analyzer:
# it takes most of a minute to walk GoogleTest's macros, and the sanitizers run the tests anyway.
# shellcheck disable=SC2016  # the inner shell expands it
python3 -c 'import json, sys
files = {entry["file"] for entry in json.load(open(sys.argv[1]))}
print(*sorted(name for name in files if not name.endswith("_data.cpp")), sep="\0", end="")' \
  "$build/compile_commands.json" |
  xargs -0 -n 1 -P "${JOBS:-2}" sh -c '
    case $1 in *_test.*) checks=-clang-analyzer-\* ;; *) checks= ;; esac
    found=$(clang-tidy-16 --quiet --checks="$checks" -p "$0" "$1" 2>&1) ||
      { echo "$found"; exit 1; }
  ' "$build" || status=1
exit $status
