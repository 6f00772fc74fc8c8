#!/usr/bin/env bash
# Installs what the build needs and this machine lacks: apt packages and LibTorch. Safe and quick to call every time.
#
# LibTorch is what Torch_DIR or CMAKE_PREFIX_PATH names, else an importable `torch` of python3, else the torch wheel
# in the user's cache folder. CMake asks this script (--print) for the answer, so that the rule is written once.
set -euo pipefail
shopt -s inherit_errexit

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [--cpu | --cuda] [--print | --preset]

Installs the apt packages and the LibTorch that the build needs, and nothing that is there already.

  --cpu     LibTorch for the CPU is enough, whatever this machine has
  --cuda    the CUDA build of LibTorch and its compiler, with or without a GPU (needs 12 GB of disk)
            default: --cuda where an NVIDIA driver answers, --cpu elsewhere
  --print   install nothing: print the folder of the LibTorch that would be used, and for --cuda its nvcc
  --preset  install nothing: print the preset that fits this machine, "cuda" or "release"
  --help    this text
TEXT
}

# What is downloaded is pinned in scripts/wheels/ by version and SHA-256, and lock.py there renews that. CPU and CUDA have
# two versions: a bundle (gpu_bundle.sh) runs with the LibTorch of the machine that it is taken to, and those have 2.11.
readonly wheels=$(dirname "${BASH_SOURCE[0]}")/wheels
# wheel_version <list>: of torch in it.
wheel_version() { sed -nE 's/^torch==([0-9.]+).*/\1/p' "$wheels/$1.txt"; }

readonly min_torch=2.11
cpu_wheel=$(wheel_version cpu)
cuda_wheel=$(wheel_version cuda)  # on PyPI this is +cu130
readonly cpu_wheel cuda_wheel
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/minimind.cpp
readonly cpu_tree=$cache/torch-$cpu_wheel-cpu
readonly cuda_tree=$cache/torch-$cuda_wheel-cu130
readonly apt_packages=(
  g++ cmake ninja-build ccache git pkg-config ca-certificates python3 python3-venv python3-pip
  libcli11-dev nlohmann-json3-dev libspdlog-dev libsentencepiece-dev libsimdjson-dev libxxhash-dev libdeflate-dev
  libcpp-httplib-dev libgloo-dev zlib1g-dev libzstd-dev
  libgtest-dev libgmock-dev libbenchmark-dev groff-base)

say() { echo "setup: $*" >&2; }

# fail <exit code> <what> <got> <want> <what to do>; codes are the programs': 2 usage and set-up, 7 storage, 8 device.
fail() {
  say "$2: got $3, want $4 ($5)"
  exit "$1"
}

# at_least <version> <minimum>: compares major.minor.
at_least() {
  local have want
  IFS=. read -ra have <<<"$1"
  IFS=. read -ra want <<<"$2"
  ((10#${have[0]} > 10#${want[0]} || (10#${have[0]} == 10#${want[0]} && 10#${have[1]} >= 10#${want[1]})))
}

# --- What is there -------------------------------------------------------------------------------------------------

# driver_version: that of the NVIDIA driver, if one answers.
driver_version() {
  command -v nvidia-smi >/dev/null || return 1
  local version
  version=$(timeout 20 nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1) || return 1
  [[ $version == [0-9]* ]] && echo "$version"
}

# torch_root <folder>: the LibTorch that <folder> is, holds under torch/, or is the share/cmake[/Torch] of.
torch_root() {
  local root
  for root in "$1" "$1/torch" "$1/../.." "$1/../../.."; do
    if [[ -f $root/lib/libtorch_cpu.so && -d $root/include/ATen ]]; then
      (cd "$root" && pwd)
      return
    fi
  done
  return 1
}

torch_version() {
  cat "$1"/include/torch/{headeronly,csrc/api/include/torch}/version.h 2>/dev/null |
    sed -nE 's/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+).*/\2/p' | paste -sd. || true
}

is_cuda_build() { [[ -f $1/lib/libtorch_cuda.so ]]; }

# cuda_version <root>: major.minor of the CUDA that a LibTorch was built with.
cuda_version() {
  local local_version
  local_version=$(grep -hoE '\+cu[0-9]+' "$1/version.py" "$1/build-version" 2>/dev/null | head -n 1) || true
  [[ -n $local_version ]] || return 1
  echo "${local_version:3:-1}.${local_version: -1}"
}

# cuda_compiler <root>: the nvcc of the wheel's own tree, or one of this machine, if its version is that of LibTorch.
cuda_compiler() {
  local want nvcc version found=none
  want=$(cuda_version "$1") || fail 8 "CUDA of $1" "no version" "a build that names one" "use the torch wheel"
  for nvcc in "$1/../nvidia/cu${want%%.*}/bin/nvcc" "${CUDACXX:-}" "$(command -v nvcc || true)" \
    "/usr/local/cuda-$want/bin/nvcc" /usr/local/cuda/bin/nvcc; do
    [[ -x $nvcc ]] || continue
    version=$("$nvcc" --version | sed -nE 's/.*release ([0-9.]+),.*/\1/p') || true
    if [[ $version == "$want" ]]; then
      echo "$(cd "$(dirname "$nvcc")" && pwd)/nvcc"
      return
    fi
    found="$version at $nvcc"
  done
  fail 8 "CUDA compiler for $1" "$found" "nvcc $want" \
    "put it on PATH or in CUDACXX, or leave the Python environment that has this torch, or use --cpu"
}

# check_driver <root>: whether the driver is new enough for that LibTorch, or for the one that would be installed.
check_driver() {
  local cuda=13.0 oldest=580
  if [[ -n $1 ]]; then cuda=$(cuda_version "$1" || echo 13.0); fi
  if [[ $cuda == 12.* ]]; then oldest=525; fi
  at_least "$driver" $oldest.0 ||
    fail 8 "NVIDIA driver" "$driver" "$oldest or newer for CUDA $cuda" "update the driver, or use --cpu"
}

# named_torch: the root that Torch_DIR or CMAKE_PREFIX_PATH names; these are orders, so a bad one is an error.
named_torch() {
  local root='' folder named_by=Torch_DIR
  if [[ -n ${Torch_DIR:-} ]]; then
    root=$(torch_root "$Torch_DIR") || fail 2 Torch_DIR "$Torch_DIR" "a folder of LibTorch" "correct or unset it"
  else
    local folders
    named_by=CMAKE_PREFIX_PATH
    IFS=':;' read -ra folders <<<"${CMAKE_PREFIX_PATH:-}"
    for folder in "${folders[@]}"; do
      root=$(torch_root "$folder") && break
    done
  fi
  [[ -n $root ]] || return 0
  local version
  version=$(torch_version "$root")
  at_least "${version:-0.0}" $min_torch ||
    fail 2 "LibTorch at $root" "${version:-no version}" "$min_torch or newer" "correct or unset $named_by"
  if [[ $want == cuda ]] && ! is_cuda_build "$root"; then
    fail 8 "LibTorch at $root" "a CPU build" "a CUDA build" "correct or unset $named_by, or use --cpu"
  fi
  echo "$root"
}

# importable_torch: the root of python3's torch, if it will do.
importable_torch() {
  command -v python3 >/dev/null || return 0
  local folder root version
  folder=$(python3 -c '
import importlib.util
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "")' 2>/dev/null) || return 0
  [[ -n $folder ]] && root=$(torch_root "$folder") || return 0
  version=$(torch_version "$root")
  at_least "${version:-0.0}" $min_torch || return 0
  if [[ $want == cuda ]] && ! is_cuda_build "$root"; then return 0; fi
  echo "$root"
}

# cached_torch <tree>: the root in a tree of the cache folder whose installation was finished.
cached_torch() {
  [[ -f $1/.complete ]] || return 0
  local root
  for root in "$1"/lib/python3*/site-packages; do
    torch_root "$root" && return
  done
}

# find_torch: the first of the three places that has what is wanted; nothing if it must be installed.
find_torch() {
  local root
  root=$(named_torch)
  [[ -n $root ]] || root=$(importable_torch)
  if [[ -z $root && $want == cpu ]]; then root=$(cached_torch "$cpu_tree"); fi
  [[ -n $root ]] || root=$(cached_torch "$cuda_tree")
  echo "$root"
}

# --- What is installed ---------------------------------------------------------------------------------------------

install_packages() {
  local missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "packages: got no apt-get, want Debian 12, Ubuntu 24.04 or newer (elsewhere install what these hold:" \
      "${apt_packages[*]})"
    return
  fi
  mapfile -t missing < <(
    comm -23 <(printf '%s\n' "${apt_packages[@]}" | sort) \
      <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${apt_packages[@]}" 2>/dev/null |
        sed -n 's/^installed //p' | sort -u))
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail 2 packages "neither root nor sudo" "${missing[*]}" "ask an administrator for: apt-get install ..."
    as_root=(sudo)
  fi
  say "installing with apt-get${as_root:+ and sudo}: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=2 -o Acquire::http::Timeout=20)
  { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
    fail 2 packages "an error from apt-get" "${missing[*]}" "check the network and 'apt-get update', then run again"
}

need_disk() {
  local free
  free=$(df -Pk "$cache" | awk 'NR == 2 {print int($4 / 1048576)}')
  ((free >= $1)) ||
    fail 7 "disk of $cache" "$free GB free" "$1 GB" "free some, or point XDG_CACHE_HOME to another disk"
}

# pip_install <tree> <list>...: what lists in scripts/wheels/ name, and nothing else; a file of another SHA-256 is not
# unpacked. Quiet, and with pip's download beside the tree, where the space was checked.
pip_install() {
  local tree=$1
  shift
  TMPDIR=$tree/tmp "$tree/bin/python" -m pip install -qq --no-cache-dir --disable-pip-version-check --no-deps \
    --only-binary=:all: --require-hashes "${@/#/--requirement=$wheels/}" 2>"$tree/tmp/pip.log"
}

download_failed() {
  local tree=$1 what="torch $2" got="a failed download of torch $2"
  if [[ -s $tree/tmp/pip.log ]]; then cat "$tree/tmp/pip.log" >&2; fi
  if grep -q 'DO NOT MATCH THE HASHES' "$tree/tmp/pip.log" 2>/dev/null; then
    fail 2 LibTorch "a file of another SHA-256, which was not unpacked" "$what as scripts/wheels/ has it" \
      "find out what serves your packages, or set Torch_DIR to a LibTorch $min_torch or newer"
  fi
  fail 2 LibTorch "$got" "it in $tree" \
    "check the network and run again, or set Torch_DIR to a LibTorch $min_torch or newer"
}

# new_tree <tree>: an empty virtual environment. It counts as installed only when finish_tree has marked it.
new_tree() {
  rm -rf "$1"
  python3 -m venv "$1" || fail 2 python3 "no virtual environment" "its venv module" "apt-get install python3-venv"
  mkdir "$1/tmp"
}

finish_tree() {
  [[ -n $(torch_root "$1"/lib/python3*/site-packages) ]] || download_failed "$1" "$2"
  rm -rf "$1/tmp"
  touch "$1/.complete"
}

install_cpu_torch() {
  need_disk 4
  say "installing LibTorch $cpu_wheel for the CPU (0.5 GB) in $cpu_tree"
  new_tree "$cpu_tree"
  # An index without CPU builds has the CUDA wheel, whose libtorch_cpu.so wants two small NVIDIA libraries and no more.
  pip_install "$cpu_tree" cpu_build.txt python.txt || pip_install "$cpu_tree" cpu.txt python.txt ||
    download_failed "$cpu_tree" "$cpu_wheel"
  finish_tree "$cpu_tree" "$cpu_wheel"
}

install_cuda_torch() {
  need_disk 12
  say "installing LibTorch $cuda_wheel for CUDA 13.0 and its compiler (4 GB) in $cuda_tree"
  new_tree "$cuda_tree"
  pip_install "$cuda_tree" cuda.txt python.txt || download_failed "$cuda_tree" "$cuda_wheel"

  # Two repairs make NVIDIA's folder a toolkit for CMake: lib64, and names for the linker.
  local toolkit library
  for toolkit in "$cuda_tree"/lib/python3*/site-packages/nvidia/cu13; do
    ln -s lib "$toolkit/lib64"
    for library in "$toolkit"/lib/lib*.so.*; do
      ln -sf "${library##*/}" "${library%%.so.*}.so"
    done
  done
  finish_tree "$cuda_tree" "$cuda_wheel"
}

install_torch() {
  { mkdir -p "$cache" && [[ -w $cache ]]; } 2>/dev/null ||
    fail 7 "cache folder" "no permission for $cache" "a writable folder" "set XDG_CACHE_HOME"
  exec 9>"$cache/.lock"
  flock 9  # two checkouts may be set up at once
  [[ -z $(find_torch) ]] || return 0
  if [[ $want == cuda ]]; then install_cuda_torch; else install_cpu_torch; fi
}

# --- Main ----------------------------------------------------------------------------------------------------------

want=auto
task=install
for argument; do
  case $argument in
    --cpu) want=cpu ;;
    --cuda) want=cuda ;;
    --print) task=print ;;
    --preset) task=preset ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      usage >&2
      fail 2 argument "$argument" "one of the above" "leave it out"
      ;;
  esac
done

driver=$(driver_version || true)
if [[ $want == auto ]]; then
  want=cpu
  if [[ -n $driver ]]; then want=cuda; fi
fi
if [[ $task == preset ]]; then
  if [[ $want == cuda ]]; then echo cuda; else echo release; fi
  exit 0
fi

if [[ $task == install ]]; then install_packages; fi
root=$(find_torch)
if [[ $want == cuda && -n $driver ]]; then check_driver "$root"; fi
if [[ -z $root && $task == install ]]; then
  install_torch
  root=$(find_torch)
fi
[[ -n $root ]] || fail 2 "LibTorch ($want)" none "$min_torch or newer" "run scripts/setup.sh --$want"
if [[ $want == cuda ]]; then nvcc=$(cuda_compiler "$root"); fi

if [[ $task == print ]]; then
  echo "$root"
  if [[ $want == cuda ]]; then echo "$nvcc"; fi
fi
