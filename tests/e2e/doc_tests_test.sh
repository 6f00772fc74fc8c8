#!/usr/bin/env bash
# Every test that a page of docs/ names exists: `Suite.Name`, or `Suite.NameBegins...` and `Suite.*` for several.
# usage: doc_tests_test.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

python3 - <<'PYTHON'
import pathlib
import re
import sys

defined = set()
for path in pathlib.Path("tests").rglob("*.cpp"):
    defined |= {f"{suite}.{name}" for suite, name in
                re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", path.read_text(), re.MULTILINE)}
suites = {test.partition(".")[0] for test in defined}
missing = []
for page in sorted(pathlib.Path("docs").glob("*.md")):
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for suite, name, more in re.findall(r"`([A-Z]\w+)\.([A-Z]\w*|)(\.\.\.|\*|)`", line):
            if not name and not more:
                continue
            known = suite in suites and any(
                test == f"{suite}.{name}" or (more and test.startswith(f"{suite}.{name}")) for test in defined)
            if not known:
                missing.append(f"{page}:{number}: got {suite}.{name}{more}, want a test that exists")
print("\n".join(missing))
sys.exit(1 if missing or not defined else 0)
PYTHON
