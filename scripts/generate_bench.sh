#!/usr/bin/env bash
# How fast `generate` writes, against transformers with its key/value cache: the same weights, prompts and threads, in
# turns. MiniMind-3's shapes, dense and with experts, in fp32 on the CPU. On an idle machine.
# usage: scripts/generate_bench.sh [<rounds> [<release of transformers>]]
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
release=${2:-4.57.6}
preset=$(scripts/setup.sh --preset)
environment=build/python/transformers-$release
if [[ ! -e $environment/ready ]]; then
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check "transformers==$release" numpy
  touch "$environment/ready"
fi
PYTHONPATH=$(dirname "$(scripts/setup.sh --print)") "$environment/bin/python3" -W ignore \
  tests/python/generate_bench.py "build/$preset/bin/generate" tests/golden/tokenizers/g4 "$rounds"
