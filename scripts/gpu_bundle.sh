#!/usr/bin/env bash
# Packs what measures this project on a GPU machine without network, compiler or packages: programs and tests of
# build/cuda, the shared libraries that a bare machine lacks, configs, a tokenizer and text. See docs/gpu.md.
# usage: scripts/gpu_bundle.sh [<folder>, by default .gpu]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

fail() {
  echo "gpu_bundle: $*" >&2
  exit 2
}

readonly folder=${1:-.gpu} build=build/cuda
readonly programs=(pretrain generate gpu_probe)
readonly cpu_tests=(ops_test)  # a smoke test of that machine's processor
readonly domains=(bible_en literature_zh)
readonly most_megabytes=64

# What is packed lies in parts of the folder that are made anew; results and a model_minimind.py stay.
if [[ -e $folder && ! -f $folder/built_for && -n $(ls -A "$folder") ]]; then
  fail "folder: got $folder, which holds something else, want a new one or an older bundle"
fi
mkdir -p "$folder"
rm -rf "$folder"/{bin,lib,configs,data}
mkdir -p "$folder"/{bin,lib,configs,data/corpus}

mapfile -t cuda_tests < <(ctest --test-dir $build -N -L cuda | sed -nE 's/^ *Test +#[0-9]+: (\S+)$/\1/p')
((${#cuda_tests[@]})) || fail "$build: got no test with the label cuda, want one (run scripts/build.sh cuda)"
printf '%s\n' "${cpu_tests[@]}" >"$folder/cpu_tests"
printf '%s\n' "${cuda_tests[@]}" >"$folder/cuda_tests"

for name in "${programs[@]}" "${cpu_tests[@]}" "${cuda_tests[@]}"; do
  [[ -x $build/bin/$name ]] || fail "$build/bin/$name: got nothing, want it built (run scripts/build.sh cuda)"
  strip -o "$folder/bin/$name" "$build/bin/$name"
done

# The machine has its C and C++ libraries and LibTorch with all of CUDA; the rest comes along.
torch=$(scripts/setup.sh --print --cuda | sed -n 1p)
python_packages=$(realpath "$torch/..")
for program in "$folder"/bin/*; do ldd "$program"; done | sed -nE 's/^\s*(\S+) => (\/\S+) .*/\1 \2/p' | sort -u |
  while read -r name path; do
    [[ $name =~ ^lib(c|m|dl|rt|pthread|util|gcc_s|stdc\+\+)\.so ]] && continue
    [[ $(realpath "$path") == "$python_packages"/* ]] && continue
    cp -L "$path" "$folder/lib/$name"
  done

cp configs/*.json "$folder/configs/"
cp scripts/gpu_bundle/* "$folder/"

# Without the corpus and a network to get it, the Python sources of this machine are text enough.
if scripts/get_corpus.sh >&2; then
  for domain in "${domains[@]}"; do cp "data/corpus/$domain.jsonl" "$folder/data/corpus/"; done
else
  python3 scripts/corpus.py / "$folder/data/corpus" python
fi
# One step makes the tokenizer, and shows that what was packed runs.
(
  cd "$folder"
  text=$(printf '"%s", ' data/corpus/*.jsonl)
  LD_LIBRARY_PATH=$torch/lib:$PWD/lib bin/pretrain --config configs/moe_512.json --device cpu \
    --set run.name=tokenizer --set "data.train=[${text%, }]" --set train.steps=1 --set schedule.warmup_steps=0 \
    --set train.micro_batch=1 --set train.accumulation=1 --set data.sequence_length=32 \
    --set model.num_hidden_layers=1 --set evaluation.every=0 --set sample.every=0 --set checkpoint.pth=off >&2
  rm -rf output data/corpus/*.tokens
)

{
  sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py"
  git describe --always --dirty 2>/dev/null || echo unknown
} >"$folder/built_for"

megabytes=$(du -sm --exclude=results "$folder" | cut -f 1)
echo "bundle: $folder, $megabytes MB, for LibTorch $(paste -sd ' ' "$folder/built_for" | sed 's/ / from commit /')"
((megabytes < most_megabytes)) || fail "$folder: got $megabytes MB, want less than $most_megabytes"
