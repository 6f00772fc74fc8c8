// Device first: it decides how memory is allocated.
#include "app/program/opened_model.h"

#include "app/program/command_line.h"
#include "app/program/option_words.h"
#include "core/error.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "ops/cpu/caching_allocator.h"

namespace mm {
namespace {

RunSection run_section(const std::string& device) {
  RunSection run;
  run.device = device;
  return run;
}

}  // namespace

void add_weights_options(CommandLine& line, ModelOptions& options) {
  line.option("--generation NAME", options.generation,
              "MiniMind generation of a .pth: g0, g1, g2, g3 (or g3a, g3b, g3c), g4, g4c; auto: recognised")
      .words(generation_words());
  line.option("--set KEY=VALUE", options.settings,
              "model.key=value for what a file cannot tell: num_attention_heads, rope_theta, ...; may be repeated")
      .one_at_a_time()
      .words(setting_words("model."));
}

void add_model_options(CommandLine& line, ModelOptions& options) {
  line.option("--init,--run PATH", options.from,
              "A MiniMind .pth of any generation, a .safetensors file, a Hugging Face folder, a run below output/ (its "
              "best checkpoint, else its newest) or one checkpoint")
      .required();
  add_weights_options(line, options);
  line.option("--tokenizer PATH", options.tokenizer,
              "A tokenizer.json or a sentencepiece .model; default: that of the run or folder");
  line.option("--device", options.device, "auto, cpu, cuda or cuda:N").shows_default().words(device_words());
}

Weights open_named_weights(const ModelOptions& options, const std::string& option) {
  if (options.generation != "auto") {
    return open_weights(options.from, &find_generation(options.generation, "--generation"), option);
  }
  Weights weights = open_weights(options.from, nullptr, option);
  if (!weights.file.settings_path.empty()) return weights;
  const Generation& meant = generation_of_flags(weights.file, options.settings);
  return &meant == weights.file.recognized.generation ? weights : open_weights(options.from, &meant, option);
}

OpenedModel::OpenedModel(const ModelOptions& model_options)
    : options(model_options),
      setup(set_up_device(run_section(options.device), "auto")),
      weights(open_named_weights(options, "--init")),
      config(model_with_flags(weights.file, options.settings)),
      parameters(config, setup.device, setup.compute_type, /*trainable=*/false),
      model(config, parameters) {
  copy_weights(weights, config, parameters);
  weights.tensors.clear();
  weights.maps.clear();
  // Not before: weights are written once, and first touching the allocator's huge pages can cost more than the load.
  cpu::use_caching_allocator();
}

std::string OpenedModel::tokenizer_path() const {
  std::string path = options.tokenizer.empty() ? weights.tokenizer_path : options.tokenizer;
  if (path.empty()) {
    throw Error(ExitCode::kData, got_want("--tokenizer", "nothing, and none lies beside " + weights.file.path,
                                          "a tokenizer.json or a sentencepiece .model"));
  }
  return path;
}

std::unique_ptr<Tokenizer> OpenedModel::open_tokenizer() const {
  const std::string path = tokenizer_path();
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  if (tokenizer->vocab_size() > config.vocab_size) {
    throw Error(ExitCode::kData, got_want(path, with_commas(tokenizer->vocab_size()) + " tokens",
                                          "at most the " + with_commas(config.vocab_size) + " of the model"));
  }
  return tokenizer;
}

}  // namespace mm
