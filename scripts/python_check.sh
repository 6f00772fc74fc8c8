#!/usr/bin/env bash
# Opens what we write with releases of transformers, each in a virtual environment of its own below build/python; torch
# is LibTorch's own. The last line is that of the last release: "N passed, N failed".
# usage: scripts/python_check.sh <release of transformers>...
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$(scripts/setup.sh --preset)
for release in "$@"; do
  environment=build/python/transformers-$release
  if [[ ! -e $environment/ready ]]; then
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "transformers==$release" numpy
    touch "$environment/ready"
  fi
  MM_PYTHON=$environment/bin/python3 tests/e2e/python_test.sh "build/$preset/bin"
done
