#!/usr/bin/env bash
# scripts/check_layers.sh passes the tree as it is, and names every kind of wrong include put into a copy of it.
set -euo pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failures=0

if ! "$root/scripts/check_layers.sh"; then
  echo "FAILED: the tree itself breaks the order above"
  failures=1
fi

# expect <file under src> <include line> <message, or empty when the include is fine>
# A message that ends in a space may go on: with the rooms that the table names.
expect() {
  local file=$1 include=$2 message=$3 got status=0
  rm -rf "$copy/src"
  mkdir -p "$copy/src/core" "$copy/src/$(dirname "$file")"
  printf '// A comment.\n%s\n' "$include" > "$copy/src/$file"
  got=$("$root/scripts/check_layers.sh" "$copy/src") || status=$?
  local want=${message:+src/$file:2: $message} want_status=$((${#message} > 0))
  if [[ $want == *' ' ]]; then got=${got:0:${#want}}; fi
  if [[ $got != "$want" || $status != "$want_status" ]]; then
    printf 'FAILED: %s with %s\n  got  (%s) %s\n  want (%s) %s\n' \
      "$file" "$include" "$status" "$got" "$want_status" "$want"
    failures=1
  fi
}

expect core/x.h '#include "train/loop.h"' 'core may not include train/loop.h (only itself)'
expect core/json/x.h '#include "core/config/fields.h"' \
  'core/json may not include core/config/fields.h (only itself and core core/characters core/files)'
expect core/x.h '#include "core/json/json_text.h"' 'core may not include core/json/json_text.h (only itself)'
expect model/moe/x.cpp '#include "optim/adam.h"' 'model may not include optim/adam.h (only itself and core '
expect metrics/x.cpp '  #  include "data/reader.h"' 'metrics may not include data/reader.h (only itself and core '
expect data/text/x.h '#include "data/tokens/token_store.h"' \
  'data/text may not include data/tokens/token_store.h (only itself and core '
expect train/x.h '#include "app/pretrain.h"' 'train may not include app/pretrain.h (only itself and core '
expect train/x.h '#include "train/replay/replay.h"' 'train may not include train/replay/replay.h (only itself and core '
expect app/program/x.cpp '#include "run/run.h"' 'app/program may not include run/run.h (only itself and core '
expect core/x.cpp '#include "text.h"' 'core may not include text.h (write it with its folder)'
expect misc/x.cpp '#include "core/text.h"' \
  'misc may not include core/text.h (the folder is not in the table of scripts/check_layers.sh)'
expect data/store.cpp '#include <c10/util/Half.h>' \
  'data may not include c10/util/Half.h (LibTorch only in data/batch* and data/loader*)'
expect data/store.cpp '#include "data/batch.h"' \
  'data may not include data/batch.h (it brings LibTorch, which is only for data/batch* and data/loader*)'
expect ops/x.cpp '#include <torch/torch.h>' \
  'ops may not include torch/torch.h (it costs ten seconds a file and more; include what is used)'
expect ops/x.cpp '#include <torch/csrc/autograd/custom_function.h>' 'ops may not include '\
'torch/csrc/autograd/custom_function.h (only ops/own_gradient.cpp: it costs ten seconds a file)'
expect core/files/files.cpp '#include <spdlog/spdlog.h>' 'core/files may not include spdlog/spdlog.h '\
'(only core/terminal/log.cpp)'
expect app/x.cpp '#include <CLI/CLI.hpp>' 'app may not include CLI/CLI.hpp (only app/program/command_line.cpp)'
expect data/x.h '#include <simdjson.h>' \
  'data may not include simdjson.h (only .cpp files and core/json/json_reader.h)'
expect tokenizer/bpe/x.cpp '#include <ATen/core/Tensor.h>' 'tokenizer/bpe may not include ATen/core/Tensor.h (no LibTorch here)'
expect model/config.h '#include <nlohmann/json.hpp>' 'model may not include nlohmann/json.hpp (only .cpp files)'

expect core/terminal/log.cpp '#include <spdlog/logger.h>' ''
expect data/loader.cpp '#include "data/batch.h"' ''
expect data/batch.h '#include <ATen/core/Tensor.h>' ''
expect train/x.cpp '#include "model/language_model.h"' ''
expect train/replay/x.cpp '#include "train/trainer.h"' ''
expect view/report/x.cpp '#include "view/series.h"' ''
expect app/program/command_line.cpp '#include <CLI/CLI.hpp>' ''
expect ops/own_gradient.cpp '#include <torch/csrc/autograd/custom_function.h>' ''
expect core/x.cpp '// #include "train/loop.h"' ''

exit $failures
