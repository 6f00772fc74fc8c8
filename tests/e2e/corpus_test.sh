#!/usr/bin/env bash
# scripts/get_corpus.sh gives the same bytes twice, every line a JSON document, and leaves a corpus that is there alone.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The corpus of this checkout, where there is one, is the first of two. Without a network there is nothing to test; 77
# says "skipped" to ctest.
scripts/get_corpus.sh || exit 77
cp -r data/corpus "$work/first"
scripts/get_corpus.sh "$work/second"
diff -r -x "*.tokens" "$work/first" "$work/second"

python3 - "$work"/first/*.jsonl <<'PYTHON'
import json, sys, unicodedata
assert len(sys.argv) == 6, sys.argv
for path in sys.argv[1:]:
    for line in open(path, encoding="utf-8"):
        document = json.loads(line)
        assert list(document) == ["text"] and len(document["text"]) >= 64, (path, line)
        assert unicodedata.is_normalized("NFC", document["text"]) and "\x1b" not in document["text"], (path, line)
PYTHON

touch -d '2001-01-01' "$work/first/python.jsonl"
scripts/get_corpus.sh "$work/first"
[[ $(date -r "$work/first/python.jsonl" +%Y) == 2001 ]]
