#!/usr/bin/env bash
# docs/config.md lists the settings as `pretrain --describe` prints them.
# usage: config_doc_test.sh <folder of the programs> [--update: write the list anew]
set -euo pipefail

described=$("$1/pretrain" --describe)
cd "$(dirname "$0")/../.."
page=docs/config.md

if [[ ${2:-} == --update ]]; then
  written=$(described=$described awk '
    /^```$/ {inside = 0}
    !inside {print}
    /^```text$/ {inside = 1; print ENVIRON["described"]}' "$page")
  printf '%s\n' "$written" >"$page"
fi

listed=$(sed -n '/^```text$/,/^```$/p' "$page" | sed '1d;$d')
diff <(echo "$listed") <(echo "$described") || {
  echo "$page: got another list, want that of pretrain --describe (run tests/e2e/config_doc_test.sh $1 --update)"
  exit 1
}
