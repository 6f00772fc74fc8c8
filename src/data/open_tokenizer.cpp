// Trains the tokenizer on an even sample of the training files when it is not there yet.
#include "data/open_tokenizer.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/text.h"
#include "data/jsonl.h"
#include "tokenizer/train_tokenizer.h"

namespace mm {
namespace {

void train(const TokenizerConfig& config, const DataConfig& data, int64_t vocab_size) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<JsonlFile> files;
  double file_bytes = 0;
  for (const LabelledPath& file : data.train) {
    files.emplace_back(file.path);
    file_bytes += static_cast<double>(files.back().bytes().size());
  }
  // A text is never longer than its line in JSON, so that this share of the texts stays below the cap.
  const double cap = static_cast<double>(config.training_megabytes) * 1e6;
  TokenizerTrainer trainer({.vocab_size = vocab_size,
                            .character_coverage = config.character_coverage,
                            .keep = std::min(1.0, cap / std::max(file_bytes, 1.0))});
  for (const JsonlFile& file : files) {
    file.visit([&](std::string_view text) { trainer.add(text); });
  }
  const double trained_megabytes = static_cast<double>(trainer.kept_bytes()) * 1e-6;
  log_info(format("training a tokenizer of %s tokens on %.1f MB of text", with_commas(vocab_size).c_str(),
                  trained_megabytes));
  write_file_atomic(config.path, trainer.train());
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  log_info("trained " + config.path + " in " + short_seconds(elapsed.count()));
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const TokenizerConfig& config, const DataConfig& data, int64_t vocab_size) {
  if (!config.train) return load_tokenizer(config.path);
  if (!config.path.ends_with(".model")) {
    throw Error(ExitCode::kData, got_want("tokenizer.path", config.path.empty() ? "nothing" : config.path,
                                          "a name ending in .model", "that is what tokenizer.train writes"));
  }
  std::error_code ignored;
  if (!std::filesystem::exists(config.path, ignored)) train(config, data, vocab_size);
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(config.path);
  if (tokenizer->vocab_size() != vocab_size) {
    throw Error(ExitCode::kData, got_want(config.path, "a vocabulary of " + with_commas(tokenizer->vocab_size()),
                                          "one of " + with_commas(vocab_size),
                                          "delete the file to train it again, or name another tokenizer.path"));
  }
  return tokenizer;
}

}  // namespace mm
