#!/usr/bin/env bash
# From a bare machine to a small MoE model trained on real text: set-up, build, corpus, training.
# Run again it resumes. Arguments go to pretrain, e.g. scripts/quickstart.sh --set train.steps=2000
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
preset=$(scripts/setup.sh --preset)
scripts/build.sh "$preset" -DMM_TESTS=OFF
scripts/get_corpus.sh

watch=()
if [[ -t 1 && ${TERM:-dumb} != dumb ]]; then watch=(--watch); fi
status=0
"build/$preset/bin/pretrain" --config configs/quickstart.json "${watch[@]}" "$@" || status=$?
case $status in
  0 | 75)
    cat <<TEXT

programs  build/$preset/bin/   pretrain, generate, ... (each with --help)
text      data/corpus/         one JSONL file a domain
run       output/              config, log, metrics and checkpoints of each run; see output/README.md
again     scripts/quickstart.sh resumes this run where it is
TEXT
    ;;
esac
exit "$status"
