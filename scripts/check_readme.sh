#!/usr/bin/env bash
# Runs the commands that README.md shows of the programs, as written. A training that would take longer than a moment
# gets --check; that of several processes is short. Wants a build and the run that scripts/quickstart.sh leaves. The two
# scripts of the README are not called here: this is called after them. README_zh.md has the same commands, and no page
# links to what is not there.
set -euo pipefail
cd "$(dirname "$0")/.."

# blocks <page>: its code, a line each.
blocks() { awk '/^ *```/ {inside = !inside; print "```"; next} inside' "$1"; }

diff <(blocks README.md) <(blocks README_zh.md) || {
  echo "README_zh.md: got other code than README.md, want the same blocks in the same order" >&2
  exit 1
}
python3 scripts/check_links.py

mapfile -t commands < <(
  blocks README.md | grep -v '^```' | sed -e 's/^ *//' |
    sed -e ':join' -e '/\\$/ {N; s/ *\\\n */ /; b join}' | grep -E '^(build/|scripts/launch)')
((${#commands[@]})) || { echo "README.md: got no command of a program, want some" >&2; exit 1; }

# Text that the reader brings.
missing=()
for file in $(printf '%s\n' "${commands[@]}" | grep -o 'data/[a-z0-9_]*\.jsonl' | sort -u); do
  [[ -e $file ]] || { missing+=("$file"); head -n 200 data/corpus/python.jsonl > "$file"; }
done
trap 'rm -f "${missing[@]}"' EXIT

for command in "${commands[@]}"; do
  if [[ $command == build/*/pretrain* && $command != *--check* && $command != *--bench* ]]; then command+=' --check'; fi
  echo "+ $command"
  bash -c "$command" || { echo "README.md: got exit $? from the command above, want 0" >&2; exit 1; }
done
echo "$((${#commands[@]} + 2)) passed, 0 failed"
