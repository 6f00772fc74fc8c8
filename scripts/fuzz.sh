#!/usr/bin/env bash
# Builds the fuzz targets of tests/fuzz/ and runs each for a while. Needs Clang 14, which it installs, and no LibTorch.
set -euo pipefail
shopt -s inherit_errexit nullglob
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/fuzz.sh [<seconds> | <count>runs] [<target>...]

Fuzzes every target (pth, pickle, safetensors, tokenizer_json, text, token_file, archive), or those that are named, for
20 seconds each unless told otherwise: `scripts/fuzz.sh 60`, `scripts/fuzz.sh 3000000runs pth`. Prints a line for each
and exits 1 when there is a finding: a crash, a broken promise, more than 2 seconds, more than 64 MiB at once (160 of a
zstd file, which may ask for a window of 128).

A target stops at its first finding, which is kept in build/fuzz/findings/<target>/ and tried first by the next call.
Inputs that reach new code are kept in build/fuzz/corpus/<target>/, from where the next call goes on. A finding that is
fixed belongs into tests/fuzz/regressions/<target>/.
TEXT
}

readonly packages=(clang-14 libclang-rt-14-dev llvm-14)
readonly build=build/fuzz
declare -A largest=([pth]=2048 [pickle]=2560 [safetensors]=1024 [tokenizer_json]=2048
  [text]=1200 [token_file]=1024 [archive]=1024)  # bytes of an input
declare -A words=([pth]=pth [pickle]=pth [safetensors]=safetensors [tokenizer_json]=tokenizer_json
  [text]=text [token_file]=text [archive]=text)

declare -A megabytes=([archive]=160)  # at once; others 64

install_clang() {
  if command -v clang++-14 >/dev/null; then return; fi
  local as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  echo "fuzz: installing ${packages[*]}" >&2
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null; } || {
    echo "fuzz: packages: got an error from apt-get, want ${packages[*]} (install them and run again)" >&2
    exit 2
  }
}

# stat_of <log> <name>: a number that libFuzzer printed at its end.
stat_of() { sed -nE "s/^stat::$2: +([0-9]+)$/\1/p" "$1"; }

# fuzz <target>: prints its line; fails when there is a finding.
fuzz() {
  local target=$1 corpus=$build/corpus/$1 findings=$build/findings/$1 log=$build/$1.log status=0
  mkdir -p "$corpus" "$findings"
  local fuzzer=("$build/bin/fuzz_$target" -timeout=2 "-malloc_limit_mb=${megabytes[$target]:-64}" -rss_limit_mb=1024
    "-artifact_prefix=$findings/")
  local past=(tests/fuzz/regressions/"$target"/* "$findings"/*)
  if ((${#past[@]})) && ! "${fuzzer[@]}" "${past[@]}" >"$log" 2>&1; then
    echo "$target: a finding of the past is back or still there, see $log"
    return 1
  fi

  "${fuzzer[@]}" "$limit" "-max_len=${largest[$target]}" "-dict=tests/fuzz/${words[$target]}.dict" \
    -print_final_stats=1 "$corpus" "$build/seeds/$target" >"$log" 2>&1 || status=$?
  local coverage
  coverage=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
  printf '%-14s %10s runs %7s runs/s %5s edges %2d findings\n' "$target" "$(stat_of "$log" number_of_executed_units)" \
    "$(stat_of "$log" average_exec_per_sec)" "${coverage:-?}" "$((status != 0))"
  if ((status != 0)); then
    echo "$target: exit status $status, see $log and $findings"
    return 1
  fi
}

limit=-max_total_time=20
if [[ ${1:-} =~ ^([0-9]+)(runs)?$ ]]; then
  if [[ ${BASH_REMATCH[2]} ]]; then limit=-runs=${BASH_REMATCH[1]}; else limit=-max_total_time=${BASH_REMATCH[1]}; fi
  shift
fi
targets=("$@")
if ((${#targets[@]} == 0)); then targets=(pth pickle safetensors tokenizer_json text token_file archive); fi
for target in "${targets[@]}"; do
  if [[ ! -v largest[$target] ]]; then
    usage >&2
    exit 2
  fi
done

install_clang
scripts/build.sh fuzz >&2
rm -rf "$build/seeds"
"$build/bin/fuzz_seeds" "$build/seeds"

export ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH
# Two at a time; what they print comes in their order.
failed=0
for ((i = 0; i < ${#targets[@]}; i += 2)); do
  running=()
  for target in "${targets[@]:i:2}"; do
    fuzz "$target" >"$build/$target.said" 2>&1 &
    running+=($!)
  done
  for process in "${running[@]}"; do wait "$process" || failed=1; done
  for target in "${targets[@]:i:2}"; do cat "$build/$target.said"; done
done
exit "$failed"
