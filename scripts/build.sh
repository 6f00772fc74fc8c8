#!/usr/bin/env bash
# Configures and builds one preset of CMakePresets.json; programs land in build/<preset>/bin/.
# usage: scripts/build.sh [<preset>, by default the one that fits this machine] [<option of cmake --preset>...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-$(scripts/setup.sh --preset)}

# A file that includes LibTorch takes its compiler up to 2 GB.
memory_gb=$(awk '/^MemTotal/ {print int($2 / 1048576)}' /proc/meminfo)
jobs=$((memory_gb / 2 < $(nproc) ? memory_gb / 2 : $(nproc)))

cmake --preset "$preset" --log-level=WARNING "${@:2}"
cmake --build --preset "$preset" --parallel "$((jobs > 0 ? jobs : 1))"
