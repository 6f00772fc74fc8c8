#!/usr/bin/env bash
# Set-up, build and all tests. The last line is "N passed, N failed".
# usage: scripts/test.sh [<preset>, by default the one that fits this machine] [-D<variable of cmake>=<value>...]
#                        [<option of ctest>...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-$(scripts/setup.sh --preset)}
if [[ $preset == cuda ]]; then scripts/setup.sh --cuda; else scripts/setup.sh --cpu; fi
variables=()
while [[ ${2:-} == -D* ]]; do
  variables+=("$2")
  set -- "$preset" "${@:3}"
done
scripts/build.sh "$preset" -DMM_TESTS=ON "${variables[@]}"

results=$PWD/build/$preset/test-results
rm -rf "$results"
status=0
GTEST_OUTPUT="xml:$results/" ctest --preset "$preset" --output-junit "$results/ctest.xml" "${@:2}" || status=$?

# A test program counts as the cases in it, a script as one; a program that crashed, as one that failed.
python3 - "$results" <<'PYTHON'
import collections
import pathlib
import sys
import xml.etree.ElementTree as xml

results = pathlib.Path(sys.argv[1])
passed = failed = 0
skipped = collections.Counter()
for test in xml.parse(results / "ctest.xml").iter("testcase"):
    name, status = test.get("name"), test.get("status")
    cases = results / f"{name}.xml"
    if cases.exists():
        suites = list(xml.parse(cases).iter("testcase"))
        bad = [case for case in suites if case.find("failure") is not None]
        left_out = [case for case in suites if case.get("result") in ("skipped", "suppressed")]
        skipped.update(case.get("classname") for case in left_out)
        passed += len(suites) - len(bad) - len(left_out)
        failed += max(len(bad), status == "fail")
    elif status == "run":
        passed += 1
    elif status == "fail":
        failed += 1
    else:
        skipped[name] += 1
if skipped:
    print("skipped:", ", ".join(f"{name} ({count})" for name, count in skipped.items()))
print(f"{passed} passed, {failed} failed")
PYTHON
exit "$status"
