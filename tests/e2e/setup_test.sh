#!/usr/bin/env bash
# scripts/setup.sh with a made-up machine around it: every message it can end with, reached without network or rights.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp -r "$(dirname "$0")/../../scripts/"{setup.sh,wheels} "$work"
mkdir "$work/bin" "$work/cache"
failures=0

# tool <name> <script>: a stand-in for a program of the machine.
tool() {
  printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
  chmod 755 "$work/bin/$1"
}

# libtorch <folder> <version> <local version>: what setup.sh looks at in a LibTorch.
libtorch() {
  local major minor patch
  IFS=. read -r major minor patch <<<"$2"
  mkdir -p "$1/lib" "$1/share/cmake/Torch" "$1/include/ATen" "$1/include/torch/headeronly"
  touch "$1/lib/libtorch_cpu.so"
  if [[ $3 == cu* ]]; then touch "$1/lib/libtorch_cuda.so"; fi
  echo "__version__ = '$2+$3'" >"$1/version.py"
  printf '#define TORCH_VERSION_MAJOR %d\n#define TORCH_VERSION_MINOR %d\n#define TORCH_VERSION_PATCH %d\n' \
    "$major" "$minor" "$patch" >"$1/include/torch/headeronly/version.h"
}

# expect <exit code> <text in the output> <argument or VAR=value>...: runs setup.sh in the made-up machine.
expect() {
  local want=$1 text=$2 output status=0 variables=()
  shift 2
  while [[ ${1:-} == *=* ]]; do
    variables+=("$1")
    shift
  done
  output=$(env -i HOME="$work" PATH="$work/bin:/usr/bin:/bin" XDG_CACHE_HOME="$work/cache" "${variables[@]}" \
    "${as_user[@]}" bash "$work/setup.sh" "$@" 2>&1) || status=$?
  if [[ $status != "$want" || $output != *"$text"* ]]; then
    printf 'setup.sh %s\n  got  exit %s: %s\n  want exit %s: ...%s...\n' "$*" "$status" "$output" "$want" "$text"
    failures=$((failures + 1))
  fi
}
as_user=()

# A machine with all packages, a python3 without torch, no NVIDIA driver, and an empty cache.
tool dpkg-query 'for name in "${@:4}"; do echo "installed $name"; done'
tool apt-get 'exit 100'
tool python3 'exit 1'
tool nvidia-smi 'exit 9'
readonly cpu_tree=$work/cache/minimind.cpp/torch-2.13.0-cpu
readonly cpu_root=$cpu_tree/lib/python3.11/site-packages/torch

expect 2 'argument: got --cudda, want' --cudda
expect 0 'usage: scripts/setup.sh' --help
expect 0 'release' --preset
expect 2 'LibTorch (cpu): got none, want 2.11 or newer (run scripts/setup.sh --cpu)' --print

# A tree counts when its installation was finished, not before.
libtorch "$cpu_root" 2.13.0 cpu
expect 2 'LibTorch (cpu): got none' --print
touch "$cpu_tree/.complete"
expect 0 "$cpu_root" --print
expect 0 '' # nothing is missing: says nothing, does nothing

# What the user names goes first, and must do.
libtorch "$work/new" 2.12.1 cpu
libtorch "$work/old" 2.6.0 cpu
libtorch "$work/gpu" 2.12.0 cu999
expect 0 "$work/new" Torch_DIR="$work/new/share/cmake/Torch" --print
expect 0 "$work/new" CMAKE_PREFIX_PATH="/usr;$work/new" --print
expect 2 "Torch_DIR: got /nowhere, want a folder of LibTorch" Torch_DIR=/nowhere --print
expect 2 "LibTorch at $work/old: got 2.6.0, want 2.11 or newer" CMAKE_PREFIX_PATH="$work/old" --print
expect 8 "LibTorch at $work/new: got a CPU build, want a CUDA build" Torch_DIR="$work/new" --print --cuda

# An importable torch goes before the cache, if it is new enough.
tool python3 "echo $work/new"
expect 0 "$work/new" --print
tool python3 "echo $work/old"
expect 0 "$cpu_root" --print
tool python3 'exit 1'

# CUDA: the compiler must be LibTorch's, the driver new enough.
expect 8 "CUDA compiler for $work/gpu: got" Torch_DIR="$work/gpu" --print --cuda
tool nvcc 'echo "Cuda compilation tools, release 99.9, V99.9.0"'
expect 0 "$work/bin/nvcc" Torch_DIR="$work/gpu" --print --cuda
tool nvidia-smi 'echo 535.104.05'
expect 0 'cuda' --preset
expect 8 'NVIDIA driver: got 535.104.05, want 580 or newer for CUDA 99.9' Torch_DIR="$work/gpu"
expect 8 'NVIDIA driver: got 535.104.05, want 580 or newer for CUDA 13.0'
expect 0 '' --cpu
tool nvidia-smi 'exit 9'

# Failed installations leave nothing that looks finished.
rm "$cpu_tree/.complete"
tool df 'printf "header\nx 1 1 3145728 1 x\n"'
expect 7 'got 3 GB free, want 4 GB'
expect 7 'got 3 GB free, want 12 GB' --cuda
tool df 'printf "header\nx 1 1 31457280 1 x\n"'
expect 2 'python3: got no virtual environment'
tool python3 '[[ $2 == venv ]] && mkdir -p "$3/bin" && ln -s /bin/false "$3/bin/python"'
expect 2 'LibTorch: got a failed download of torch 2.13.0'
expect 2 'LibTorch (cpu): got none' --print

# Packages: says what it installs, and why it cannot.
tool dpkg-query 'for name in "${@:5}"; do echo "installed $name"; done'
tool sudo 'exec "$@"'
expect 2 'installing with apt-get'
expect 2 'packages: got an error from apt-get, want g++'
if ((EUID == 0)) && command -v setpriv >/dev/null; then
  chmod -R a+rX "$work"
  rm "$work/bin/sudo"
  [[ -x /usr/bin/sudo ]] || as_user=(setpriv --reuid 65534 --clear-groups)
  ((${#as_user[@]} == 0)) || expect 2 'packages: got neither root nor sudo, want g++'
fi

# What is downloaded is unpacked when its SHA-256 is the one in wheels/, and not before.
as_user=()
tool dpkg-query 'for name in "${@:4}"; do echo "installed $name"; done'
rm "$work/bin/python3" "$work/bin/df"
mkdir "$work/served"
libtorch "$work/served/torch" 9.9.9 cpu
(cd "$work/served" && touch torch/include/ATen/Tensor.h && mkdir torch-9.9.9.dist-info &&
  printf 'Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9\n' >torch-9.9.9.dist-info/METADATA &&
  printf 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n' >torch-9.9.9.dist-info/WHEEL &&
  touch torch-9.9.9.dist-info/RECORD && python3 -m zipfile -c torch-9.9.9-py3-none-any.whl torch torch-9.9.9.dist-info)
served=(PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$work/served")
readonly new_tree=$work/cache/minimind.cpp/torch-9.9.9-cpu
: >"$work/wheels/python.txt"
# list <SHA-256>
list() { echo "torch==9.9.9 --hash=sha256:$1" | tee "$work/wheels/cpu.txt" >"$work/wheels/cpu_build.txt"; }
list "$(printf '%064d' 7)"
expect 2 'LibTorch: got a file of another SHA-256, which was not unpacked, want torch 9.9.9' "${served[@]}" --cpu
if compgen -G "$new_tree/lib/python3*/site-packages/torch" >/dev/null; then
  echo 'setup.sh unpacked a file of another SHA-256'
  failures=$((failures + 1))
fi
list "$(sha256sum "$work"/served/*.whl | cut -d ' ' -f 1)"
expect 0 'installing LibTorch 9.9.9' "${served[@]}" --cpu
expect 0 "$new_tree" --print

((failures == 0)) && echo 'setup.sh: every message as expected'
