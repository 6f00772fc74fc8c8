// Training a tokenizer on texts that it is shown.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// Collects a sample of the texts it is shown and trains a tokenizer on it. The same texts in the same order give the
/// same bytes.
class TokenizerTrainer {
 public:
  struct Options {
    int64_t vocab_size = 6400;          ///< all tokens, control and byte tokens included
    double keep = 1;                    ///< share of the text to train on, in (0, 1], spread evenly
    double character_coverage = 0.995;  ///< of a .model, in [0.98, 1]; rarer characters are spelled in bytes
  };

  /// A file of a tokenizer: its name and what is in it.
  struct File {
    std::string path, bytes;
  };

  virtual ~TokenizerTrainer() = default;

  /// Shows one document (valid UTF-8). The kept bytes never exceed `keep` times the bytes shown.
  virtual void add(std::string_view text) = 0;

  virtual int64_t kept_bytes() const = 0;

  /// What belongs at `path`, and beside it. Throws Error(kData) when the text is too little for the vocabulary or the
  /// vocabulary too small for the text.
  virtual std::vector<File> train(const std::string& path) = 0;
};

/// A trainer for the kind of file that the ending of `path` names: `.model` is sentencepiece's, `.json` byte-level BPE.
/// Null for another ending.
std::unique_ptr<TokenizerTrainer> make_tokenizer_trainer(const std::string& path,
                                                         const TokenizerTrainer::Options& options);

}  // namespace mm
