#!/usr/bin/env bash
# Set-up, build and all tests. The last line is "N passed, N failed".
# usage: scripts/test.sh [<preset>, by default the one that fits this machine] [<option of ctest>...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-$(scripts/setup.sh --preset)}
if [[ $preset == cuda ]]; then scripts/setup.sh --cuda; else scripts/setup.sh --cpu; fi
scripts/build.sh "$preset" -DMM_TESTS=ON

results=$PWD/build/$preset/tests.xml
rm -f "$results"
status=0
ctest --preset "$preset" --output-junit "$results" "${@:2}" || status=$?

# count <attribute of the first element in the results>
count() { grep -oE -m 1 "\b$1=\"[0-9]+" "$results" | grep -oE '[0-9]+'; }
failed=$(count failures)
echo "$(($(count tests) - failed - $(count skipped) - $(count disabled))) passed, $failed failed"
exit "$status"
