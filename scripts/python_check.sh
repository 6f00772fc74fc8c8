#!/usr/bin/env bash
# Opens what we write with llama.cpp, with the gguf package and with releases of transformers, each release in a virtual
# environment of its own below build/python, starts runs with torchrun, and compares the ids of random strings with those
# of the tokenizers library; torch is LibTorch's own. The last line is "N passed, N failed".
# usage: scripts/python_check.sh <release of transformers>...
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$(scripts/setup.sh --preset)
for release in "$@"; do
  environment=build/python/transformers-$release
  packages="transformers==$release numpy sentencepiece protobuf gguf"
  [[ $release != "$1" ]] || packages+=" xllamacpp==2026.10.11549"
  if [[ $(cat "$environment/ready" 2>/dev/null) != "$packages" ]]; then
    python3 -m venv --clear "$environment"
    # shellcheck disable=SC2086
    "$environment/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" > "$environment/ready"
  fi
done

# What our programs make is the same whoever opens it, so it is made once. Models this small only wait for a second
# thread, and a program that is told how its threads wait need not start twice (src/app/program/waiting_policy.cpp).
MM_MADE=$(mktemp -d)
said=$(mktemp)
trap 'rm -rf "$MM_MADE" "$said"' EXIT
PYTHONPATH=$(dirname "$(scripts/setup.sh --print)")
export MM_MADE PYTHONPATH OMP_NUM_THREADS=1 GOMP_SPINCOUNT=100000
status=0
# check <release of transformers> <name of a file in tests/python>
check() {
  "build/python/transformers-$1/bin/python3" -W ignore "tests/python/$2.py" "build/$preset/bin" tests/golden |
    tee -a "$said" || status=1
}
for what in gguf_files gguf_in_llama_cpp torchrun random_strings; do check "$1" "$what"; done
for release in "$@"; do check "$release" with_transformers; done
awk '/^[0-9]+ passed, [0-9]+ failed$/ {good += $1; bad += $3} END {print good + 0 " passed, " bad + 0 " failed"}' "$said"
exit "$status"
