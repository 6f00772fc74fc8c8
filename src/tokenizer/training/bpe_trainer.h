// Training byte-level BPE: a tokenizer.json that Hugging Face's tokenizers and MiniMind read.
#pragma once

#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/training/even_sample.h"
#include "tokenizer/training/merge_learner.h"
#include "tokenizer/training/tokenizer_trainer.h"

namespace mm {

/// Words by GPT-2's pattern, merges from them. Ids 0, 1, 2 are MiniMind's `<|endoftext|>`, `<|im_start|>` and
/// `<|im_end|>`: padding, BOS and EOS; then the 256 bytes, then what merges make.
class BpeTrainer : public TokenizerTrainer {
 public:
  explicit BpeTrainer(const Options& options) : options_(options), sample_(options.keep) {}

  void add(std::string_view text) override;
  int64_t kept_bytes() const override { return sample_.kept_bytes(); }

  /// The tokenizer.json at `path`, which may have any name; beside one of that name its tokenizer_config.json.
  std::vector<File> train(const std::string& path) override;

 private:
  void start_counting();
  WordCounts take_counts();

  Options options_;
  EvenSample sample_;
  std::vector<std::string> texts_;  ///< that nobody counts yet
  size_t texts_bytes_ = 0;
  std::vector<std::future<WordCounts>> counts_;  ///< in the order of the text
};

}  // namespace mm
