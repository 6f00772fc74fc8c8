// Finding and opening whatever holds weights: a file, a Hugging Face folder, a run. Names and shapes stay as they are.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/named_tensors.h"
#include "checkpoint/pth/pth_file.h"
#include "core/files/files.h"

namespace mm {

struct TensorSource {
  std::string path;      ///< the file that was opened, or the folder when there are several
  std::string format;    ///< ".pth" or ".safetensors"
  NamedTensors tensors;  ///< as the file names them, in its order; views of mapped files
  std::vector<std::shared_ptr<const MappedFile>> maps;
  std::shared_ptr<const PthFile> training;  ///< a `_resume.pth`: {"model": ..., "optimizer": ...}; else null

  std::string settings_path;          ///< the file that says more about the model, "" when there is none
  std::vector<std::string> settings;  ///< what it says, as `model.key=value`
  std::string model_type;             ///< of the Hugging Face config beside them, which names them its own way
  std::string average_path;     ///< an average of the weights, beside them in a checkpoint; "" where there is none
  bool lacks_config = false;    ///< an export's file without its config.json, and nothing in it says more
  std::string tokenizer_path;   ///< "" when none was found
  int64_t sequence_length = 0;  ///< that the run trained with, 0 when unknown
  int64_t max_positions = 0;    ///< the longest sequence that a Hugging Face config allows, 0 when none says
};

/// `from` is a file of weights (.pth, .pt, .bin, .safetensors; any other name by its content), a Hugging Face folder
/// (one file, or shards with an index, of either kind), a run (its best checkpoint, else its newest), or a checkpoint
/// folder in one. A checkpoint of ours is verified before it is read (checkpoint_reader.h); a folder of a model that
/// nothing describes is refused.
///   key  the setting or option that `from` is the value of, for messages
/// Throws Error(kCheckpoint) naming the path looked at and the ways out.
TensorSource open_tensor_source(const std::string& from, const std::string& key);

}  // namespace mm
