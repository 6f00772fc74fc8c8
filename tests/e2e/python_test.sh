#!/usr/bin/env bash
# Python opens what we write: tests/python/interchange.py with LibTorch's own torch. Nothing to do where LibTorch is no
# torch wheel of this Python. What other packages make of it is in scripts/python_check.sh.
# usage: python_test.sh <folder of the programs>
set -euo pipefail
programs=$1
cd "$(dirname "$0")/../.."

# Models this small only wait for a second thread.
export OMP_NUM_THREADS=1
export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$(dirname "$(scripts/setup.sh --print)")
python3 -W ignore -c 'import torch' 2>/dev/null || exit 77
exec python3 -W ignore tests/python/interchange.py "$programs" tests/golden
