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
    # folder -> the folders it may include besides itself
    may["core"] = ""
    may["tokenizer"] = "core"
    may["data"] = "core tokenizer"
    may["metrics"] = "core"
    may["ops"] = "core"
    may["model"] = "core ops"
    may["optim"] = "core ops"
    may["checkpoint"] = "core"
    may["interchange"] = "core ops model checkpoint"
    may["distributed"] = "core"
    may["train"] = "core tokenizer data metrics ops model optim checkpoint interchange distributed"
    may["app"] = may["train"] " train"
    split("core tokenizer metrics", names)
    for (i in names) torch_free[names[i]] = 1
  }

  function refuse(why) {
    printf "%s%s:%d: %s may not include %s (%s)\n", label, FILENAME, FNR, folder, target, why
    wrong = 1
  }

  function is_torch(path) { return path ~ /^(torch|ATen|c10|caffe2)\// }

  # Only these files of data/ turn samples into tensors.
  function is_loader(path) { return path ~ /^data\/(batch|loader)/ }

  FNR == 1 {
    folder = FILENAME
    sub(/\/.*/, "", folder)
  }

  match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/) {
    target = substr($0, RSTART, RLENGTH)
    ours = target ~ /"$/
    gsub(/^[^<"]*[<"]|[>"]$/, "", target)

    if (!(folder in may)) refuse("the folder is not in the table of scripts/check_layers.sh")
    else if (is_torch(target)) {
      if (target ~ /^torch\/(torch|all)\.h$/) refuse("it costs half a minute a file; include what is used")
      else if (FILENAME ~ /\.cuh?$/) refuse("CUDA kernels work on raw pointers")
      else if (folder in torch_free) refuse("no LibTorch here")
      else if (folder == "data" && !is_loader(FILENAME)) refuse("LibTorch only in data/batch* and data/loader*")
    } else if (target ~ /^(spdlog|fmt)\//) {
      if (FILENAME != "core/log.cpp") refuse("only core/log.cpp")
    } else if (target ~ /^CLI\//) {
      if (folder != "app") refuse("only app")
    } else if (target ~ /^nlohmann\//) {
      if (FILENAME !~ /\.cpp$/) refuse("only .cpp files")
    } else if (ours) {
      to = target
      if (!sub(/\/.*/, "", to)) refuse("write it with its folder")
      else if (to != folder && index(" " may[folder] " ", " " to " ") == 0) {
        refuse(may[folder] == "" ? "only itself" : "only itself and " may[folder])
      } else if (folder == "data" && is_loader(target) && !is_loader(FILENAME)) {
        refuse("it brings LibTorch, which is only for data/batch* and data/loader*")
      }
    }
  }

  END { exit wrong }
' "${files[@]}"
