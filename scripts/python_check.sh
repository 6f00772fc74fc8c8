#!/usr/bin/env bash
# Opens what we write with llama.cpp, with the gguf package and with releases of transformers, each release in a virtual
# environment of its own below build/python, and starts runs with torchrun; torch is LibTorch's own. The last line is
# that of the last release: "N passed, N failed".
# usage: scripts/python_check.sh <release of transformers>...
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$(scripts/setup.sh --preset)
for release in "$@"; do
  environment=build/python/transformers-$release
  packages="transformers==$release numpy sentencepiece protobuf gguf"
  [[ $release != "$1" ]] || packages+=" xllamacpp==2026.10.11549"
  if [[ $(cat "$environment/ready" 2>/dev/null) != "$packages" ]]; then
    python3 -m venv --clear "$environment"
    # shellcheck disable=SC2086
    "$environment/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" > "$environment/ready"
  fi
done

# What only depends on us is tried once.
torch=$(dirname "$(scripts/setup.sh --print)")
for check in gguf_files gguf_in_llama_cpp torchrun; do
  PYTHONPATH=$torch "build/python/transformers-$1/bin/python3" -W ignore "tests/python/$check.py" "build/$preset/bin" \
    tests/golden
done
for release in "$@"; do
  MM_PYTHON=build/python/transformers-$release/bin/python3 tests/e2e/python_test.sh "build/$preset/bin"
done
