#!/usr/bin/env bash
# Python opens what we write, and we what Python wrote: tests/python/interchange.py, exports.py and foreign_models.py
# with LibTorch's own torch. Nothing to do where LibTorch is no torch wheel of this Python.
# usage: python_test.sh <folder of the programs>
# MM_PYTHON names another Python, one with transformers for example (scripts/python_check.sh makes such).
set -euo pipefail
programs=$1
cd "$(dirname "$0")/../.."

# Models this small only wait for a second thread.
export OMP_NUM_THREADS=1
export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$(dirname "$(scripts/setup.sh --print)")
python=${MM_PYTHON:-python3}
"$python" -W ignore -c 'import torch' 2>/dev/null || exit 77
"$python" -W ignore tests/python/interchange.py "$programs" tests/golden
"$python" -W ignore tests/python/exports.py "$programs" tests/golden
exec "$python" -W ignore tests/python/foreign_models.py "$programs" tests/golden
