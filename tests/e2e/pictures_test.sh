#!/usr/bin/env bash
# Other programs read our pictures: tests/python/pictures.py. Nothing to do where neither TensorBoard nor Chromium is
# installed.
# usage: pictures_test.sh <folder of the programs>
# MM_PYTHON names another Python, one with tensorboard for example (scripts/pictures_check.sh makes such).
set -euo pipefail
programs=$1
exec "${MM_PYTHON:-python3}" "$(dirname "$0")/../python/pictures.py" "$programs" "$programs/../pictures"
