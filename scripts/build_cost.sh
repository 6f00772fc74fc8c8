#!/usr/bin/env bash
# What compiling costs: builds a preset from nothing, without the compiler cache, and prints the processor time of its
# dearest files, and what touching a header makes compile again. In build/cost; takes as long as such a build takes.
# usage: scripts/build_cost.sh [<preset>, by default dev] [<option of cmake --preset>...]
#        scripts/build_cost.sh --headers [<build folder>, by default build/dev]   the second table alone, in a second
set -euo pipefail
cd "$(dirname "$0")/.."

# headers <build folder>: of each of our headers, how many files it is compiled into; ninja knows.
headers() {
  ninja -C "$1" -t deps | python3 -c '
import collections, re, sys
files = collections.Counter()
for line in sys.stdin:
    found = re.search(r"/((?:src|tests)/\S+\.h)$", line.strip())
    if found and line.startswith(" "):
        files[found[1]] += 1
print("files  a touched header compiles again")
for header, count in files.most_common(20):
    print(f"{count:5}  {header}")'
}

if [[ ${1:-} == --headers ]]; then
  headers "${2:-build/dev}"
  exit
fi

preset=${1:-dev}
log=$PWD/build/cost.tsv
rm -rf build/cost "$log"
mkdir -p build
# Stands where ccache would, in front of every command of a compiler.
cat >build/timed <<TIMED
#!/usr/bin/env python3
import os, sys
arguments = sys.argv[1:]
child = os.spawnvp(os.P_NOWAIT, arguments[0], arguments)
_, status, used = os.wait4(child, 0)
output = arguments[arguments.index("-o") + 1] if "-o" in arguments else "?"
with open("$log", "a") as log:
    log.write(f"{used.ru_utime + used.ru_stime:.2f}\t{used.ru_maxrss // 1024}\t{output}\n")
sys.exit(os.waitstatus_to_exitcode(status))
TIMED
chmod +x build/timed
cmake --preset "$preset" -B build/cost -DMM_CCACHE="$PWD/build/timed" --log-level=WARNING "${@:2}" >/dev/null
started=$SECONDS
cmake --build build/cost --parallel 2 >/dev/null
python3 - "$log" $((SECONDS - started)) <<'PYTHON'
import sys

rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
costs = sorted(((float(seconds), int(megabytes), output) for seconds, megabytes, output in rows), reverse=True)
of_tests = sum(cost[0] for cost in costs if cost[2].startswith("tests/"))
total = sum(cost[0] for cost in costs)
print(f"{len(costs)} commands, {total:.0f} s of processor time ({of_tests:.0f} s of it tests), {sys.argv[2]} s by the clock")
print("    s   MB  the dearest")
for seconds, megabytes, output in costs[:20]:
    print(f"{seconds:5.1f} {megabytes:4}  {output}")
PYTHON
headers build/cost
