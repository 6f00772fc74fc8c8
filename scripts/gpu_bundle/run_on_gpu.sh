#!/usr/bin/env bash
# Measures this project on a GPU machine with what lies in this folder and the LibTorch of the machine, stage by stage.
# A stage that fails is a row, not the end; after every stage the table in results/ is whole. See docs/gpu.md.
# usage: run_on_gpu.sh [--dry]
#   --dry            without a GPU: everything starts once on the CPU, and nothing is measured
#   BUDGET=480       seconds for all stages
#   STAGES="a b"     these stages alone
#   OUT=folder       where the table goes, instead of results/ beside this file
#   PYTHON=program   the Python whose torch is used, instead of python3
#   LIBTORCH=folder  a LibTorch that is no Python package
set -euo pipefail

fail() {
  echo "run_on_gpu: $*" >&2
  exit 8
}

bundle=$(cd "$(dirname "$0")" && pwd)
dry=
if [[ ${1:-} == --dry ]]; then dry=1; fi
readonly bundle dry budget=${BUDGET:-480} python=${PYTHON:-python3}
mkdir -p "${OUT:=$bundle/results}"
OUT=$(cd "$OUT" && pwd)

# --- The machine's LibTorch ----------------------------------------------------------------------------------------

command -v "$python" >/dev/null || fail "python: got no $python, want Python 3.9 or newer (name it in PYTHON)"
libtorch=${LIBTORCH:-$("$python" -c '
import importlib.util  # not torch itself, whose import takes seconds
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec else "")')}
[[ -f $libtorch/lib/libtorch_cuda.so ]] ||
  fail "LibTorch: got ${libtorch:-none}, want a CUDA build (name its Python in PYTHON or its folder in LIBTORCH)"

# abi <version>: 2.11.0+cu130 -> 2.11+cu130
abi() { sed -E 's/^([0-9]+\.[0-9]+)[^+]*/\1/' <<<"$1"; }
torch_version=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$libtorch/version.py" 2>/dev/null || cat "$libtorch/build-version")
built_for=$(head -n 1 "$bundle/built_for")
[[ $(abi "$torch_version") == "$(abi "$built_for")" ]] ||
  fail "LibTorch $libtorch: got $torch_version, want $(abi "$built_for"), which the programs were built for"

library_path=$libtorch/lib
for path in "$libtorch"/../nvidia/*/lib "$bundle/lib" /usr/local/nvidia/lib64; do
  if [[ -d $path ]]; then library_path+=:$path; fi
done
export LD_LIBRARY_PATH=$library_path:${LD_LIBRARY_PATH:-}
export PATH=$bundle/bin:$PATH:/usr/local/cuda/bin
export PYTHONUNBUFFERED=1

# --- Stages --------------------------------------------------------------------------------------------------------

# Programs write where they run, and the bundle may be read-only.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r --no-preserve=mode "$bundle"/{configs,data} "$work"
cd "$work"
mkdir logs output
failed=()
SECONDS=0

summarize() { "$python" "$bundle/summarize.py" "$bundle" "$work" "$OUT"; }

# stage <group>[/<name>] <limit in seconds> <command>...: into a log of its own.
stage() {
  local name=$1 limit=$2 status=0 began left=$((budget - SECONDS))
  shift 2
  [[ " ${STAGES:-${name%%/*}} " == *" ${name%%/*} "* ]] || return 0
  if ((left < 5)); then
    printf '%s\tno time left\t0\t0\n' "$name" >>stages.tsv
    return
  fi
  began=$EPOCHREALTIME
  timeout -k 5 $((limit < left ? limit : left)) "$@" >"logs/${name//\//.}.log" 2>&1 </dev/null || status=$?
  if ((status)); then failed+=("$name"); fi
  printf '%s\texit %s\t%s\t%s\n' "$name" "$status" "$began" "$EPOCHREALTIME" >>stages.tsv
  echo "[$SECONDS s] $name: exit $status"
  summarize || echo "run_on_gpu: no table after $name" >&2
}

# settings <array> <key=value>...: fills the array with arguments for the programs.
settings() {
  local -n into=$1
  local setting
  into=()
  for setting in "${@:2}"; do into+=(--set "$setting"); done
}

if [[ $dry ]]; then
  touch dry
  on=(--device cpu) probe_on=(--dry)
  settings small train.micro_batch=1 train.accumulation=1 data.sequence_length=16 model.num_hidden_layers=1
  train_steps=2 bench_steps=1 whole=2 half=1 few=1 many=2 tokens=2
else
  on=(--device cuda) probe_on=()
  small=()
  train_steps=100 bench_steps=5 whole=20 half=10 few=3 many=9 tokens=64
fi
text=
for file in data/corpus/*.jsonl; do
  domain=$(basename "$file" .jsonl)
  text+="${text:+, }{\"path\": \"$file\", \"domain\": \"$domain\"}"
done
settings text "data.train=[$text]" checkpoint.pth=off checkpoint.keep=1 metrics.report_every=0 schedule.warmup_steps=0
settings bare evaluation.every=0 sample.every=0 checkpoint.every=0 metrics.router_every=0

# The machine.
if [[ ! $dry ]]; then
  stage gpu 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv,noheader
fi
stage libraries 20 bash -c '! ldd "$@" 2>&1 | grep "not found"' - "$bundle"/bin/*
while read -r test; do stage "cpu_tests/$test" 40 "$test" --gtest_brief=1; done <"$bundle/cpu_tests"
while read -r test; do stage "cuda_tests/$test" 90 "$test"; done <"$bundle/cuda_tests"

# Op by op, and the gradients of a small model against the CPU's.
stage info 30 gpu_probe info --config configs/minimind3_moe_768.json "${probe_on[@]}"
stage step 60 gpu_probe step --config configs/debug.json --set train.micro_batch=2 "${probe_on[@]}"
for config in minimind3_moe_768 moe_512; do
  stage "ops/$config" 60 gpu_probe ops --config "configs/$config.json" "${small[@]}" "${probe_on[@]}"
done

# A run as it is, with its expert table, and text from it.
stage train 90 pretrain --config configs/moe_512.json "${on[@]}" "${text[@]}" "${small[@]}" --set run.name=train \
  --set train.steps=$train_steps --set metrics.experts_every=50 --set sample.every=0 --set evaluation.tokens=4096
stage generate 60 generate --run output/train --prompt 'In the beginning' --max-new-tokens $tokens "${on[@]}"

# bench <name> <config> <micro-batch> <accumulation> <argument>...
bench() {
  stage "bench/$1.$3" 40 pretrain --config "configs/$2.json" "${on[@]}" --set "train.micro_batch=$3" \
    --set "train.accumulation=$4" "${@:5}" "${small[@]}" --bench $bench_steps
}
adamw=(--set optim.type=adamw)  # with every model, so that they compare; what Muon costs is a line of its own
dense_512=(--set model.model_type=dense --set model.intermediate_size=1536)
for batch in '32 8' '128 2'; do
  read -r micro_batch accumulation <<<"$batch"
  bench minimind3_moe_768 minimind3_moe_768 "$micro_batch" "$accumulation"
  bench minimind3_768 minimind3_768 "$micro_batch" "$accumulation"
done
for batch in '32 8' '64 4'; do
  read -r micro_batch accumulation <<<"$batch"
  bench moe_512 moe_512 "$micro_batch" "$accumulation" "${adamw[@]}"
  bench moe_512_dense moe_512 "$micro_batch" "$accumulation" "${adamw[@]}" "${dense_512[@]}"
done
bench moe_512_muon moe_512 32 8
bench minimind3_768_fp32 minimind3_768 16 1 --set train.precision=fp32
bench minimind3_moe_768_fp16 minimind3_moe_768 32 1 --set train.precision=fp16

# The same bytes again, and after a stop in the middle?
run=(pretrain --config configs/moe_512.json "${on[@]}" "${text[@]}" "${bare[@]}" "${small[@]}"
  --set "train.steps=$whole")
if [[ ! $dry ]]; then run+=(--set train.micro_batch=8 --set train.accumulation=2); fi
stage resume/whole 40 "${run[@]}" --set run.name=resume.whole
stage resume/again 40 "${run[@]}" --set run.name=resume.again
# 75 says that a run was stopped and can be resumed.
stage resume/half 40 bash -c '"$@" || (($? == 75))' - "${run[@]}" --set run.name=resume.halves \
  --set train.stop_after=$half
stage resume/rest 40 "${run[@]}" --set run.name=resume.halves
stage resume/graph 40 "${run[@]}" --set run.name=resume.graph --set train.cuda_graph=true
# What that costs; what it saves to launch a micro-batch as one, of a large one and of a small one; and our own products
# of experts in a whole step.
bench minimind3_moe_768_any_order minimind3_moe_768 32 8 --set run.deterministic=false
bench minimind3_moe_768_graph minimind3_moe_768 32 8 --set train.cuda_graph=true
bench minimind3_moe_768_tensor_cores minimind3_moe_768 32 8 --set run.expert_products=tensor_cores
bench moe_512 moe_512 4 8 "${adamw[@]}"
bench moe_512_graph moe_512 4 8 "${adamw[@]}" --set train.cuda_graph=true

# Two lengths of a run: what one step takes is their difference.
for config in minimind3_moe_768 minimind3_768 moe_512; do
  for steps in $few $many; do
    stage "profile/$config.$steps" 45 gpu_probe run --config "configs/$config.json" "${probe_on[@]}" "${text[@]}" \
      "${bare[@]}" "${adamw[@]}" --set train.accumulation=1 "${small[@]}" --set train.steps="$steps" \
      --set run.name=profile \
      --trace "$config.$steps.json"
    rm -rf output/profile
  done
  stage "profile/$config" 30 "$python" "$bundle/profile_step.py" $config.$few.json $config.$many.json \
    $((many - few))
  rm -f $config.*.json
done
stage waits 40 gpu_probe waits --config configs/moe_512.json "${probe_on[@]}" "${text[@]}" "${bare[@]}" \
  --set train.accumulation=1 "${small[@]}" --set train.steps=$few --set run.name=waits
if command -v compute-sanitizer >/dev/null; then
  stage sanitizer 60 compute-sanitizer --tool memcheck --error-exitcode 9 ops_cuda_test --gtest_filter='*Swiglu*'
fi

# MiniMind's own model, where somebody laid its file beside this one. Last: it takes what is left.
if [[ -f $bundle/model_minimind.py && ! $dry ]]; then
  for config in minimind3_moe_768 minimind3_768; do
    stage "python/$config" 100 "$python" "$bundle/time_minimind.py" "$bundle/model_minimind.py" "configs/$config.json"
  done
fi

# Logs and records, no weights.
find output -maxdepth 2 \( -name '*.jsonl' -o -name train.log \) -exec cp --parents {} logs \;
tar -czf "$OUT/logs.tar.gz" logs stages.tsv
cat "$OUT/summary.txt"
((${#failed[@]} == 0)) || fail "stages: got failures in ${failed[*]}, want none (their logs are in $OUT/logs.tar.gz)"
