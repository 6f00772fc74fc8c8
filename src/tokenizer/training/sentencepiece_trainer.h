// Training a sentencepiece model that loses nothing: every valid UTF-8 text survives encoding and decoding.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/training/even_sample.h"
#include "tokenizer/training/tokenizer_trainer.h"

namespace mm {

/// Trains a BPE `.model`; ids 0, 1, 2 are unknown, BOS and EOS.
class SentencepieceTrainer : public TokenizerTrainer {
 public:
  explicit SentencepieceTrainer(const Options& options) : options_(options), sample_(options.keep) {}

  void add(std::string_view text) override;
  int64_t kept_bytes() const override { return sample_.kept_bytes(); }
  std::vector<File> train(const std::string& path) override;

 private:
  Options options_;
  EvenSample sample_;
  std::vector<std::string> sentences_;
};

}  // namespace mm
