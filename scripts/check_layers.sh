#!/usr/bin/env bash
# Checks the includes of src/ against the folder order of src/README.md: check_layers.sh [src folder]
# Prints `file:line: folder may not include X (reason)` for each wrong one and exits 1.
set -euo pipefail

src=${1:-$(dirname "$0")/../src}
if [[ ! -d $src/core ]]; then
  echo "$src: got no folder 'core', want the src folder (name it: check_layers.sh <src>)" >&2
  exit 2
fi
cd "$src"

mapfile -d '' files < <(
  find . -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -printf '%P\0' | sort -z
)
awk -v label="$(basename "$PWD")/" '
  BEGIN {
    # room -> the rooms it may include besides itself. A room is a folder that is named here, with what lies below it as
    # far as that is no room of its own.
    may["core"] = ""
    may["core/characters"] = may["core/files"] = "core"
    may["core/terminal"] = "core core/characters"
    may["core/process"] = "core core/files core/terminal"
    may["core/json"] = "core core/characters core/files"
    may["core/config"] = "core core/characters core/files core/json"
    may["core/watchdog"] = "core core/terminal"
    core = "core core/characters core/files core/terminal core/process core/json core/config"
    may["tokenizer/unicode"] = core
    may["tokenizer/bpe"] = core " tokenizer/unicode"
    may["tokenizer/files"] = core " tokenizer/unicode tokenizer/bpe"
    may["tokenizer"] = may["tokenizer/training"] = core " tokenizer/unicode tokenizer/bpe tokenizer/files"
    may["data/text"] = core " tokenizer"
    may["data/tokens"] = core " tokenizer data/text"
    may["data/windows"] = core " tokenizer data/text data/tokens"
    may["data"] = core " tokenizer tokenizer/training data/text data/tokens data/windows"
    data = "data data/text data/tokens data/windows"
    may["metrics"] = core
    may["metrics/alarms"] = may["metrics/domains"] = core " metrics"
    metrics = "metrics metrics/alarms metrics/domains"
    may["view"] = core " " metrics
    may["view/history"] = may["view/tensorboard"] = core " " metrics " view"
    may["view/report/sections"] = core " " metrics " view view/history"
    may["view/report"] = may["view/report/sections"] " view/report/sections"
    may["dashboard"] = may["view/report"] " view/report"
    may["ops"] = core
    may["model"] = core " ops"
    may["optim"] = core " ops model"
    may["checkpoint"] = core
    may["checkpoint/store"] = core " checkpoint"
    may["checkpoint/pth/zip"] = core
    may["checkpoint/pth/pickle"] = core " checkpoint"
    may["checkpoint/pth"] = core " checkpoint checkpoint/pth/pickle checkpoint/pth/zip"
    may["interchange/config"] = core " tokenizer model checkpoint checkpoint/store"
    may["interchange/tensors"] = may["interchange/config"] " checkpoint/pth interchange/config"
    may["interchange"] = may["interchange/tensors"] " ops interchange/tensors"
    may["interchange/export"] = may["interchange"] " interchange"
    may["interchange/gguf"] = may["interchange/export"] " interchange/export"
    may["distributed"] = core
    may["recipe/sections"] = core " " data " optim"
    checkpoint = "checkpoint checkpoint/store"
    interchange = "interchange interchange/config interchange/export"
    may["recipe"] = core " tokenizer " data " " metrics " model optim " checkpoint " distributed " interchange " recipe/sections"
    may["engine"] = core " " data " " metrics " ops model optim distributed recipe recipe/sections"
    may["eval/generation"] = core " tokenizer data/text metrics model"
    may["eval"] = core " tokenizer " data " " metrics " ops model recipe recipe/sections engine eval/generation"
    may["train"] = core " tokenizer " data " " metrics " ops model optim " checkpoint " " interchange \
      " interchange/tensors distributed recipe recipe/sections engine eval eval/generation"
    may["train/replay"] = may["train"] " train"
    may["run"] = may["train"] " core/watchdog train train/replay view view/history view/report view/tensorboard"
    may["run/trial"] = may["run"] " run"
    may["experiment"] = core " " metrics " view view/history view/report view/report/sections model " checkpoint \
      " optim recipe recipe/sections"
    may["experiment/result"] = may["experiment"] " experiment"
    may["app/program"] = core " tokenizer ops model interchange interchange/config recipe recipe/sections engine"
    may["app"] = may["run"] " run run/trial dashboard experiment experiment/result interchange/gguf app/program"
    split(core " core/watchdog tokenizer tokenizer/unicode tokenizer/bpe tokenizer/files tokenizer/training data/text " \
      "data/tokens data/windows " metrics " view view/history view/report view/report/sections view/tensorboard dashboard",
      names)
    for (i in names) torch_free[names[i]] = 1
  }

  function refuse(why) {
    printf "%s%s:%d: %s may not include %s (%s)\n", label, FILENAME, FNR, folder, target, why
    wrong = 1
  }

  function is_torch(path) { return path ~ /^(torch|ATen|c10|caffe2)\// }

  # Only these files of data/ turn samples into tensors.
  function is_loader(path) { return path ~ /^data\/(batch|loader)/ }

  # The innermost room that holds a file; its top folder where there is none.
  function room_of(path,    top) {
    top = path
    sub(/\/.*/, "", top)
    while (sub(/\/[^\/]*$/, "", path)) if (path in may) return path
    return top
  }

  FNR == 1 { folder = room_of(FILENAME) }

  match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/) {
    target = substr($0, RSTART, RLENGTH)
    ours = target ~ /"$/
    gsub(/^[^<"]*[<"]|[>"]$/, "", target)

    if (!(folder in may)) refuse("the folder is not in the table of scripts/check_layers.sh")
    else if (is_torch(target)) {
      if (target ~ /^(torch\/(torch|all|types)|ATen\/(ATen|Functions))\.h$/) {
        refuse("it costs ten seconds a file and more; include what is used")
      } else if (target ~ /^torch\/csrc\/autograd\/custom_function/ && FILENAME != "ops/own_gradient.cpp") {
        refuse("only ops/own_gradient.cpp: it costs ten seconds a file")
      }
      else if (FILENAME ~ /\.cuh?$/) refuse("CUDA kernels work on raw pointers")
      else if (folder in torch_free) refuse("no LibTorch here")
      else if (folder == "data" && !is_loader(FILENAME)) refuse("LibTorch only in data/batch* and data/loader*")
    } else if (target ~ /^(spdlog|fmt)\//) {
      if (FILENAME != "core/terminal/log.cpp") refuse("only core/terminal/log.cpp")
    } else if (target ~ /^CLI\//) {
      if (FILENAME != "app/program/command_line.cpp") refuse("only app/program/command_line.cpp")
    } else if (target ~ /^httplib/) {
      if (FILENAME != "dashboard/server.cpp") refuse("only dashboard/server.cpp")
    } else if (target ~ /^nlohmann\//) {
      if (FILENAME !~ /\.cpp$/ && target != "nlohmann/json_fwd.hpp") refuse("only .cpp files")
    } else if (target == "simdjson.h") {
      if (FILENAME !~ /\.cpp$/ && FILENAME != "core/json/json_reader.h") refuse("only .cpp files and core/json/json_reader.h")
    } else if (ours) {
      to = room_of(target)
      if (target !~ /\//) refuse("write it with its folder")
      else if (to != folder && index(" " may[folder] " ", " " to " ") == 0) {
        refuse(may[folder] == "" ? "only itself" : "only itself and " may[folder])
      } else if (folder == "data" && is_loader(target) && !is_loader(FILENAME)) {
        refuse("it brings LibTorch, which is only for data/batch* and data/loader*")
      }
    }
  }

  END { exit wrong }
' "${files[@]}"
