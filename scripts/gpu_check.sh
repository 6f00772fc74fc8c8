#!/usr/bin/env bash
# Builds, tests and times the program on a CUDA machine, in one call, and prints a short table. Needs no network where
# the packages, a CUDA LibTorch and its nvcc are there.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "gpu_check: $*" >&2
  exit 8
}

gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1) ||
  fail "GPU: got no answer from nvidia-smi, want an NVIDIA driver (run this on a CUDA machine)"
logs=output/gpu_check
mkdir -p "$logs"

scripts/setup.sh --cuda || echo "gpu_check: going on with what is installed" >&2
mapfile -t libtorch < <(scripts/setup.sh --print --cuda)
((${#libtorch[@]} == 2)) || exit 8
scripts/build.sh cuda -DMM_TESTS=ON

rows=()
# timed <row> <command>...: runs it into a log of its own; a failure is a row, not the end.
timed() {
  local name=$1 log=$logs/$1.log started=$SECONDS result=ok number
  shift
  echo "gpu_check: $name"
  "$@" >"$log" 2>&1 || result="exit $?"
  tail -n "${lines:-3}" "$log"
  number=$(grep -E 'tok/s|tests passed' "$log" | tail -n 1 || true)
  rows+=("$(printf '%-24s%-9s%5d s  %s' "$name" "$result" $((SECONDS - started)) "${number#"${number%%[! ]*}"}")")
}

timed tests_cuda ctest --preset cuda --label-regex cuda
timed tests_cpu ctest --preset cuda --label-regex 'unit|parity' --label-exclude 'cuda|slow'
for model in minimind3_768 minimind3_moe_768; do
  lines=12 timed "bench_$model" build/cuda/bin/pretrain --config "configs/$model.json" --bench --device cuda:0
done

# Without the corpus, which takes a network, the Python sources of this machine are text enough.
text=()
if [[ ! -s data/corpus/python.jsonl ]]; then
  python3 scripts/corpus.py / data/gpu_check python
  text=(--set data.train=data/gpu_check/python.jsonl --set tokenizer.path=data/gpu_check/tokenizer.model)
fi
rm -rf output/gpu_check_moe_512
lines=40 timed train_moe_512 build/cuda/bin/pretrain --config configs/moe_512.json --device cuda:0 \
  --set run.name=gpu_check_moe_512 --set train.steps=100 --set metrics.experts_every=50 "${text[@]}"

printf '\n%s\nLibTorch %s\nnvcc %s\nlogs %s\n\n' "$gpu" "${libtorch[@]}" "$logs"
printf '%s\n' "${rows[@]}"
[[ ! ${rows[*]} =~ "exit " ]]
