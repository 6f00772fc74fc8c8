// Training a byte-pair tokenizer that loses nothing: every valid UTF-8 text survives encoding and decoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// Collects a sample of the texts it is shown and trains a sentencepiece BPE model on it. The same texts in the same
/// order give the same bytes.
class TokenizerTrainer {
 public:
  struct Options {
    int64_t vocab_size = 6400;          ///< of the model, the 3 control and 256 byte tokens included
    double character_coverage = 0.995;  ///< in [0.98, 1]; rarer characters are spelled in bytes
    double keep = 1;                    ///< share of the text to train on, in (0, 1], spread evenly
  };

  explicit TokenizerTrainer(const Options& options) : options_(options) {}

  /// Shows one document (valid UTF-8). The kept bytes never exceed `keep` times the bytes shown.
  void add(std::string_view text);

  int64_t kept_bytes() const { return kept_bytes_; }

  /// The trained model, as the bytes of a .model file; ids 0, 1, 2 are unknown, BOS and EOS.
  /// Throws Error(kData) when the text is too little for the vocabulary or the vocabulary too small for the text.
  std::string train() const;

 private:
  void add_sentence(std::string_view sentence);

  Options options_;
  std::vector<std::string> sentences_;
  int64_t shown_bytes_ = 0;
  int64_t kept_bytes_ = 0;
};

}  // namespace mm
