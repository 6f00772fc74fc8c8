// The tokens of one text file, kept in a file of their own that is built on first use.
#pragma once

#include <cstdint>
#include <string>

#include "core/files.h"
#include "data/token_file.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Each document is stored as BOS, its tokens, EOS. Reading is thread-safe.
class TokenStore {
 public:
  /// Opens the tokens of the JSONL file `text_path`: `<name>.<tokenizer fingerprint>.tokens` in the folder `cache`, or
  /// beside the text when that is empty. A store that is missing, damaged or made from another text is built, with a
  /// line in the log. Throws Error(kData) for a missing or bad text file, Error(kStorage) when the store cannot be
  /// written.
  static TokenStore open(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer);

  int64_t documents() const { return static_cast<int64_t>(view_.ends.size()); }
  int64_t tokens() const { return documents() == 0 ? 0 : document_end(documents() - 1); }

  /// Document `document` is the tokens [document_begin, document_end).
  int64_t document_begin(int64_t document) const { return document == 0 ? 0 : document_end(document - 1); }
  int64_t document_end(int64_t document) const {
    return static_cast<int64_t>(view_.ends[static_cast<size_t>(document)]);
  }

  /// Copies the tokens [begin, begin + count) to `out`.
  void read(int64_t begin, int64_t count, int64_t* out) const;

  /// Of the text and the tokenizer: equal fingerprints give equal tokens.
  uint64_t fingerprint() const { return fingerprint_; }
  const std::string& text_path() const { return text_path_; }

 private:
  TokenStore(std::string text_path, uint64_t fingerprint, MappedFile file, TokenFileView view)
      : text_path_(std::move(text_path)), fingerprint_(fingerprint), file_(std::move(file)), view_(view) {}

  std::string text_path_;
  uint64_t fingerprint_;
  MappedFile file_;
  TokenFileView view_;
};

}  // namespace mm
