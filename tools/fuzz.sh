#!/bin/sh
# usage: fuzz.sh BUILD_FOLDER SECONDS
#
# Runs every fuzz target of the fuzz preset for SECONDS, from its kept corpus, JOBS at a time.
# New inputs stay in BUILD_FOLDER/corpus; a crash is written to BUILD_FOLDER/crashes and ends the
# run with status 1 (so does an input that takes 30 seconds: less, and a busy machine looks like a
# hang). A crash that was fixed moves to tests/fuzz/corpus/<name>/ by hand.
set -eu
cd "$(dirname "$0")/.."
build=${1:?usage: fuzz.sh BUILD_FOLDER SECONDS}
seconds=${2:?usage: fuzz.sh BUILD_FOLDER SECONDS}

mkdir -p "$build/crashes"
targets=$(find "$build/tests/fuzz" -name '*_fuzz' -type f -perm -u+x | sort)
if [ -z "$targets" ]; then
  echo "$build: no fuzz targets were built" >&2
  exit 1
fi
export build seconds
# shellcheck disable=SC2016  # the inner shell expands it
echo "$targets" | xargs -P "${JOBS:-2}" -I '{}' sh -c '
  name=$(basename "$1" _fuzz)
  mkdir -p "$build/corpus/$name"
  "$1" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$build/crashes/$name-" \
      "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$build/corpus/$name.log" 2>&1 ||
    { tail -n 100 "$build/corpus/$name.log"; exit 1; }
  echo "$name: $(sed -n "s/^stat::number_of_executed_units: *//p" "$build/corpus/$name.log") inputs"
' sh '{}'
