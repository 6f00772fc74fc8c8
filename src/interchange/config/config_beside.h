// The config.json beside weights: Hugging Face's, or that of the run which the weights belong to. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

struct ConfigBeside {
  std::string path;                   ///< "" when there is none
  std::vector<std::string> settings;  ///< what it says of the model, as `model.key=value`
  std::string model_type;             ///< of a Hugging Face config: "qwen3"; "" for another one
  std::string tokenizer_path;         ///< "" when it names none, and none lies beside it
  int64_t sequence_length = 0;        ///< that the run trained with, 0 when unknown
  int64_t max_positions = 0;          ///< the longest sequence that a Hugging Face config allows, 0 when none says
};

/// Whether a file of weights has a name that transformers gives: a config.json belongs to it.
bool has_export_name(const std::string& weights);

/// Reads the config.json in the folder of `weights`; for a checkpoint of a run, that of the run. Throws
/// Error(kCheckpoint) when there is one that cannot be read, and when it says nothing of a model that it belongs to.
/// Beside weights of other names it may be anybody's, and is then passed over with a warning.
///   described  whether the weights say themselves what model they are: `settings` is then left empty
ConfigBeside read_config_beside(const std::string& weights, bool described);

}  // namespace mm
