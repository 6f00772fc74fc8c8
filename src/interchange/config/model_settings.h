// Model configs as text beside weights: the `model` section as JSON, and as overrides. No torch.
#pragma once

#include <string>
#include <vector>

#include "model/model_config.h"

namespace mm {

/// The key of a safetensors file's metadata under which the model section lies.
inline constexpr const char* kModelMetadata = "minimind.model";

/// Those under which lie the path of the tokenizer and the length of sequence that the model was trained with.
inline constexpr const char* kTokenizerMetadata = "minimind.tokenizer";
inline constexpr const char* kLengthMetadata = "minimind.sequence_length";

/// The `model` section of a resolved config, compact JSON.
std::string section_of(const ModelConfig& model);

/// Such a section as `model.key=value`, one for each key. Throws Error(kCheckpoint) unless it is a JSON object.
std::vector<std::string> settings_of_section(const std::string& json, const std::string& file);

/// `model` with the settings over it, not resolved. Throws Error(kConfig) when one of them is wrong.
ModelConfig with_settings(const ModelConfig& model, const std::vector<std::string>& settings);

/// The same for settings that a file says: throws Error(kCheckpoint) with its path.
ModelConfig with_file_settings(const ModelConfig& model, const std::vector<std::string>& settings,
                               const std::string& path);

/// The value of one key of the section as JSON.
std::string setting_of(const ModelConfig& model, const std::string& key);

}  // namespace mm
