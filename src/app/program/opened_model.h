// What the programs that read a model share: their options, and the model opened.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/device/device.h"
#include "interchange/weights.h"
#include "model/causal_lm.h"
#include "tokenizer/tokenizer.h"

namespace mm {

class CommandLine;

struct ModelOptions {
  std::string from;
  std::string generation = "auto";
  std::vector<std::string> settings;  ///< `model.key=value`
  std::string tokenizer;
  std::string device = "auto";
};

/// --generation and --set: what a file cannot tell of its model.
void add_weights_options(CommandLine& line, ModelOptions& options);

/// --init (or --run), --tokenizer and --device besides.
void add_model_options(CommandLine& line, ModelOptions& options);

/// Opens the weights that an option names, as the generation that the options name or point to.
Weights open_named_weights(const ModelOptions& options, const std::string& option);

/// A model for reading: on its device, in its precision, without gradients.
struct OpenedModel {
  /// Throws Error(kCheckpoint), Error(kConfig) and Error(kDevice).
  explicit OpenedModel(const ModelOptions& options);

  /// The file or folder that was named, or that of the run or folder. Throws Error(kData) when there is none.
  std::string tokenizer_path() const;
  /// What lies there. Throws Error(kData) besides when it has more tokens than the model.
  std::unique_ptr<Tokenizer> open_tokenizer() const;

  ModelOptions options;
  DeviceSetup setup;
  Weights weights;
  ModelConfig config;
  Parameters parameters;
  CausalLm model;
};

}  // namespace mm
