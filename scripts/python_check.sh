#!/usr/bin/env bash
# Opens what we write with releases of transformers and with the gguf package, each release in a virtual environment of
# its own below build/python; torch is LibTorch's own. The last line is that of the last release: "N passed, N failed".
# usage: scripts/python_check.sh <release of transformers>...
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$(scripts/setup.sh --preset)
for release in "$@"; do
  environment=build/python/transformers-$release
  packages="transformers==$release numpy sentencepiece protobuf gguf"
  if [[ $(cat "$environment/ready" 2>/dev/null) != "$packages" ]]; then
    python3 -m venv --clear "$environment"
    # shellcheck disable=SC2086
    "$environment/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" > "$environment/ready"
  fi
done

# What only depends on us is tried once.
torch=$(dirname "$(scripts/setup.sh --print)")
PYTHONPATH=$torch "build/python/transformers-$1/bin/python3" -W ignore tests/python/gguf_files.py "build/$preset/bin" \
  tests/golden
for release in "$@"; do
  MM_PYTHON=build/python/transformers-$release/bin/python3 tests/e2e/python_test.sh "build/$preset/bin"
done
