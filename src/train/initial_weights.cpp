// A path is tried as a file, as a checkpoint and as a run.
#include "train/initial_weights.h"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <filesystem>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/named_access.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// `remedy` is the way out that any user of weights has; a run can be trained from scratch as well.
[[noreturn]] void refuse(const std::string& key, const std::string& got, const std::string& want,
                         const std::string& remedy) {
  const std::string from_scratch = key == kInitFrom ? "train from scratch with --set init.from=\"\", or " : "";
  throw Error(ExitCode::kCheckpoint, got_want(key, got, want, from_scratch + remedy));
}

/// A tied head stands in many files a second time; it must be the embedding then.
void drop_tied_head(NamedTensors& tensors, const std::string& file) {
  const auto find = [&](const std::string& name) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
  };
  const auto head = find("lm_head.weight"), embedding = find("model.embed_tokens.weight");
  if (head == tensors.end() || embedding == tensors.end()) return;
  const bool comparable = head->second.scalar_type() == embedding->second.scalar_type();
  if (!comparable || !at::equal(head->second, embedding->second)) {
    throw Error(ExitCode::kCheckpoint, got_want(file + ":lm_head.weight", "a head of its own", "the embedding",
                                                "set model.tie_word_embeddings to false"));
  }
  tensors.erase(head);
}

}  // namespace

std::string find_weights(const std::string& from, const std::string& key) {
  const fs::path path(from);
  if (!fs::exists(path)) {
    refuse(key, from + ", and there is nothing at " + fs::absolute(path).lexically_normal().string(), "weights",
           "put the file there");
  }
  if (fs::is_regular_file(path)) {
    if (path.extension() == ".safetensors") return from;
    refuse(key, from, "a .safetensors file, a checkpoint folder or a run",
           "convert a .pth file in Python with safetensors.torch.save_file(torch.load(path), \"x.safetensors\")");
  }
  if (fs::exists(path / "model.safetensors")) return (path / "model.safetensors").string();
  if (fs::exists(path / "checkpoints" / "best")) return (path / "checkpoints" / "best" / "model.safetensors").string();
  if (fs::exists(path / "checkpoints")) {
    const CheckpointStore store((path / "checkpoints").string(), 1);
    if (!store.steps().empty()) return store.step_folder(store.steps().back()) + "/model.safetensors";
  }
  refuse(key, from, "a folder with model.safetensors or checkpoints/", "name a run below output/");
}

void load_weights(const std::string& from, bool tied, Parameters& parameters, const std::string& key) {
  const std::string file = find_weights(from, key);
  NamedTensors tensors = SafetensorsFile(file).tensors();
  if (tied) drop_tied_head(tensors, file);
  copy_named(tensors, parameters.named(parameters.master()), file);
  parameters.refresh_shadow();
}

}  // namespace mm
