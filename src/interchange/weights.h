// Weights from elsewhere, whatever file they come in: opened, recognised and brought to one set of names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/named_tensors.h"
#include "core/files/files.h"
#include "interchange/file_model.h"
#include "interchange/training_state.h"
#include "model/parameters/parameters.h"

namespace mm {

struct Weights {
  FileModel file;           ///< path, and the model as far as files tell
  std::string description;  ///< for people: "g3c .pth, fp16, 26 tensors; the head is the embedding"
  /// Hugging Face names, one tensor per expert, the head only when it is not tied. Views of mapped files, for reading
  /// alone.
  NamedTensors tensors;
  std::optional<TrainingState> training;
  std::string tokenizer_path;   ///< the tokenizer that belongs to it, "" when none was found
  int64_t sequence_length = 0;  ///< that it was trained with, 0 when unknown
  int64_t max_positions = 0;    ///< the longest sequence that a Hugging Face config allows, 0 when none says
  std::vector<std::shared_ptr<const MappedFile>> maps;
};

/// Opens weights and reads no data yet but the heads that may be tied.
///   from   a .pth of any MiniMind generation (a `_resume.pth` too), a .safetensors file, a Hugging Face folder, a run
///          (output/<run>: its best checkpoint, else its newest) or a checkpoint folder in one
///   given  the generation when the user knows better than the file, else null
///   key    the setting or option that `from` is the value of, for messages
/// Throws Error(kCheckpoint) naming the path looked at and the ways out.
Weights open_weights(const std::string& from, const Generation* given, const std::string& key);

/// The tensors for a model with the resolved config `model`, in its rotary layout; router biases that it has and the
/// file lacks are 0. Throws Error(kCheckpoint) with one list of missing, unexpected and mis-shaped tensors.
NamedTensors checked_tensors(const Weights& weights, const ModelConfig& model);

/// Copies them into the master parameters, converting the dtype, and gives back the memory of each once it is copied.
/// Throws as checked_tensors does, and then nothing is copied.
void copy_weights(const Weights& weights, const ModelConfig& model, Parameters& parameters);

}  // namespace mm
