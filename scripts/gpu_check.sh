#!/usr/bin/env bash
# Builds, packs and measures on a machine with a GPU, in one call; the stages and the table are those of docs/gpu.md.
# Needs no network where the packages, a CUDA LibTorch and its nvcc are there.
# usage: scripts/gpu_check.sh [--dry]     scripts/gpu_bundle/run_on_gpu.sh says what it means, and which variables count
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

fail() {
  echo "gpu_check: $*" >&2
  exit 8
}

if [[ ${1:-} != --dry ]]; then
  nvidia-smi &>/dev/null || fail "GPU: got no answer from nvidia-smi, want an NVIDIA driver (run this on a CUDA machine)"
fi
scripts/setup.sh --cuda || echo "gpu_check: going on with what is installed" >&2
LIBTORCH=$(scripts/setup.sh --print --cuda | sed -n 1p)
export LIBTORCH
scripts/build.sh cuda -DMM_TESTS=ON
scripts/gpu_bundle.sh .gpu
bash .gpu/run_on_gpu.sh "$@"
