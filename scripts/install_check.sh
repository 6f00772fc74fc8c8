#!/usr/bin/env bash
# Installs a build into an empty prefix, and uses what is there from an empty folder, with nothing but that prefix on PATH
# before the system's: every program starts and tells its version, no name hides another program's, completions are
# bash's, a run is trained from an installed config, and what it says to type next works.
# The last line is "N passed, N failed". Wants a build.
# usage: scripts/install_check.sh [<preset>, by default the one that fits this machine]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-$(scripts/setup.sh --preset)}
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "build/$preset" --prefix "$prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
mkdir "$work/home"
cd "$work/home"
PATH=$prefix/bin:/usr/bin:/bin

passed=0
failed=0
# check <what> <command>...
check() {
  if "${@:2}" >"$work/log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1"
    tail -n 20 "$work/log"
  fi
}

# Every program of the build folder is there; gpu_probe, which is for the GPU bundle, stays.
has_all_programs() {
  local source
  for source in "$root"/src/app/*.cpp; do
    if ! grep -q '^int main' "$source" || [[ $source == */gpu_probe.cpp ]]; then continue; fi
    source=$(basename "$source" .cpp)
    [[ -x $prefix/bin/minimind-$source || $source == pretrain ]] || { echo "got no $source"; return 1; }
  done
}
hides_nothing() { ! find "$prefix/bin" -mindepth 1 -printf '%f\n' | grep -vE '^(pretrain|minimind-.*)$'; }
tells_version() {
  local version
  version=$("$1" --version)
  [[ $version == "minimind.cpp "*$'\nLibTorch '[0-9]*$'\nCUDA '*$'\ncompiler '* ]] || { echo "got $version"; return 1; }
}
helps_by_its_name() { "$1" --help | grep -qE "^ +$1 "; }

# offers <what> <word>...: what bash would offer for the last of the words.
offers() {
  # shellcheck disable=SC1090
  source "$prefix/share/bash-completion/completions/$2"
  compopt() { :; }  # there is no line being edited
  COMP_WORDS=("${@:2}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  "$(complete -p "$2" | sed -E 's/.*-F (\S+).*/\1/')" "$2" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$1" || { echo "got ${COMPREPLY[*]}"; return 1; }
}

# train <run> [<launcher>...]
train() {
  printf '{"text": "In the beginning was a short text, number %d of many."}\n' {1..400} >text.jsonl
  "${@:2}" pretrain --config configs/debug.json --set data.train=text.jsonl --set data.validation_fraction=0.1 \
    --set tokenizer.path=tokenizer.json --set model.vocab_size=400 --set tokenizer.vocab_size=400 \
    --set run.name="$1" --set train.steps=4 | tee trained.log
}
# The commands of the run's last lines, as they stand there.
do_what_it_says() {
  local commands
  commands=$(sed -nE 's/^(next)? {6,10}(minimind-[a-z]+ .*)/\2/p' trained.log)
  [[ -n $commands ]] || { cat trained.log; return 1; }
  while read -r command; do
    echo "+ $command"
    bash -c "$command" </dev/null
  done <<<"$commands"
}

check 'every program is installed' has_all_programs
check 'no name hides the program of somebody else' hides_nothing
for program in "$prefix"/bin/*; do
  program=${program##*/}
  [[ $program != *-get-corpus && $program != *-launch ]] || continue
  check "$program tells its version" tells_version "$program"
  check "$program shows examples that can be typed" helps_by_its_name "$program"
  check "the completion of $program offers its options" offers --version "$program" --ver
done
check 'completion knows the settings' offers model.hidden_size= pretrain --set model.hi
check 'completion knows the devices' offers cuda minimind-evaluate --device cu
check 'completion knows what a tokenizer can do' offers inspect minimind-tokenizer ins
check 'a run of two processes' train two minimind-launch --ranks 2
check 'a run from an installed config' train installed
check 'what it says to type next' do_what_it_says
check 'an installed experiment finds its config' minimind-experiment configs/experiments/router.json --check \
  --set data.train=text.jsonl --set run.threads=1
check 'licence and notice are there' test -s "$prefix/share/doc/minimind.cpp/LICENSE" \
  -a -s "$prefix/share/doc/minimind.cpp/NOTICE"

echo "$passed passed, $failed failed"
((failed == 0))
