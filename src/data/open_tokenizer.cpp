// Trains the tokenizer on an even sample of the training files when it is not there yet.
#include "data/open_tokenizer.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/files/files.h"
#include "core/terminal/log.h"
#include "core/terminal/progress.h"
#include "core/text.h"
#include "data/text/files/text_paths.h"
#include "data/text/text_file.h"
#include "tokenizer/training/tokenizer_trainer.h"

namespace mm {
namespace {

double bytes_of(const std::vector<TextFile>& files) {
  double bytes = 0;
  for (const TextFile& file : files) bytes += static_cast<double>(file.bytes().size());
  return bytes;
}

/// How much of the text the trainer is to keep; a text is never longer than its line in JSON, so that this share of the
/// texts stays below the cap.
double share_of(double bytes, int64_t megabytes) {
  return std::min(1.0, static_cast<double>(megabytes) * 1e6 / std::max(bytes, 1.0));
}

/// Shows them all to the trainer.
void read_texts(const std::vector<TextFile>& files, TokenizerTrainer& trainer) {
  Progress progress("reading text for a tokenizer", bytes_of(files));
  double seen = 0;
  for (const TextFile& file : files) {
    file.visit([&](std::string_view text) {
      trainer.add(text);
      progress.done(seen += static_cast<double>(text.size()));
    });
  }
}

void train(const TokenizerConfig& config, const DataConfig& data, int64_t vocab_size) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<TextFile> files;
  for (const LabelledPath& file : text_files(data.train)) files.emplace_back(file.path, data.reading());
  const auto trainer =
      make_tokenizer_trainer(config.path, {.vocab_size = vocab_size,
                                           .keep = share_of(bytes_of(files), config.training_megabytes),
                                           .character_coverage = config.character_coverage});
  if (!trainer) {
    throw Error(ExitCode::kData, got_want("tokenizer.path", config.path.empty() ? "nothing" : config.path,
                                          "a name ending in .json or .model", "those are what tokenizer.train writes"));
  }
  read_texts(files, *trainer);
  if (trainer->kept_bytes() == 0) {
    throw Error(ExitCode::kData, got_want("data.train", "no documents", "text to train " + config.path + " on",
                                          "add text, or name a tokenizer that is there in tokenizer.path"));
  }
  const double trained_megabytes = static_cast<double>(trainer->kept_bytes()) * 1e-6;
  log_info(format("training a tokenizer of %s tokens on %.1f MB of text", with_commas(vocab_size).c_str(),
                  trained_megabytes));
  const std::vector<TokenizerTrainer::File> trained = trainer->train(config.path);
  // The file that says that there is a tokenizer comes last.
  for (auto file = trained.rbegin(); file != trained.rend(); ++file) write_file_atomic(file->path, file->bytes);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  log_info("trained " + config.path + " in " + short_seconds(elapsed.count()));
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const TokenizerConfig& config, const DataConfig& data, int64_t vocab_size) {
  if (!config.train) return load_tokenizer(config.path);
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
