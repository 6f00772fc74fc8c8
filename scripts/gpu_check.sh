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
  local name=$1 started=$SECONDS result=ok
  shift
  echo "gpu_check: $name"
  "$@" >"$logs/$name.log" 2>&1 || result="exit $?"
  tail -n "${lines:-3}" "$logs/$name.log"
  rows+=("$(printf '%-24s%-10s%6d s  %s' "$name" "$result" $((SECONDS - started)) "$logs/$name.log")")
}

timed tests_cuda ctest --preset cuda --label-regex cuda
timed tests_cpu ctest --preset cuda --label-regex 'unit|parity' --label-exclude 'cuda|slow'
for model in minimind3_768 minimind3_moe_768; do
  lines=12 timed "bench_$model" build/cuda/bin/pretrain --config "configs/$model.json" --bench --device cuda:0
done

# Without the corpus (it needs the network once), the Python sources of this machine are text enough.
text=data/corpus
if [[ ! -d $text ]]; then
  text=data/gpu_check
  python3 scripts/corpus.py / "$text" python
fi
rm -rf output/gpu_check_moe_512
lines=40 timed train_moe_512 build/cuda/bin/pretrain --config configs/moe_512.json --device cuda:0 \
  --set run.name=gpu_check_moe_512 --set train.steps=100 --set metrics.experts_every=50 \
  --set "data.train=[{\"path\": \"$text/python.jsonl\"}]" --set tokenizer.train=true

printf '\n%s\nLibTorch %s\nnvcc %s\n\n' "$gpu" "${libtorch[@]}"
printf '%s\n' "${rows[@]}"
[[ ! ${rows[*]} =~ "exit " ]]
