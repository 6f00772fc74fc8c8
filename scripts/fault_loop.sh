#!/usr/bin/env bash
# Interrupts small runs at every change of a file, in every way that tests/faults knows, and at 200 random instants; an
# hour or two. The tests do the same at a few places.
# usage: scripts/fault_loop.sh [<random kills, by default 200> [<option of faults_test>...]]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/build.sh release -DMM_TESTS=ON >/dev/null
MM_FAULT_POINTS=1000000 MM_FAULT_KILLS=${1:-200} build/release/bin/faults_test "${@:2}"
