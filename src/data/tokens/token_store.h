// The tokens of one text file, kept in files of their own that are built on first use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tokens/token_parts.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Says what a text holds besides documents. More than a few bad records, and more than one in a hundred, are an
/// Error(kData).
void judge_text(const TextFile& text, const TextContents& contents);

/// Each document is stored as BOS, its tokens, EOS. Reading is thread-safe.
class TokenStore {
 public:
  /// Opens the tokens of the text file `text_path`: the folder `<file name>.<tokenizer fingerprint>.tokens` beside the
  /// text, or in the folder `cache`, with the place of the text in its name. Parts that are missing, damaged or made
  /// from another text are built, with a line in the log; of several processes one builds and the others wait.
  /// Throws Error(kData) for a missing or bad text file, Error(kStorage) when the store cannot be written.
  ///   threads  that may build; 0: as many as the process may use processors
  /// More than a few bad lines, and more than one in a hundred, are an Error(kData) even where they are skipped.
  static TokenStore open(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer,
                         int threads = 0, const Reading& reading = {});

  /// Of some parts alone.
  TokenStore(std::string text_path, uint64_t fingerprint, std::vector<TokenPart> parts);

  /// What was found in the text, of these parts.
  const TextContents& contents() const { return contents_; }
  int64_t documents() const { return static_cast<int64_t>(ends_.size()); }
  int64_t tokens() const { return documents() == 0 ? 0 : document_end(documents() - 1); }

  /// Document `document` is the tokens [document_begin, document_end).
  int64_t document_begin(int64_t document) const { return document == 0 ? 0 : document_end(document - 1); }
  int64_t document_end(int64_t document) const { return ends_[static_cast<size_t>(document)]; }
  /// hash64() of its text: equal texts have equal ones.
  uint64_t document_hash(int64_t document) const { return hashes_[static_cast<size_t>(document)]; }

  /// The document that holds the token at `position`.
  int64_t document_at(int64_t position) const;

  /// Copies the tokens [begin, begin + count) to `out`.
  void read(int64_t begin, int64_t count, int64_t* out) const;

  /// Of the text and the tokenizer: equal fingerprints give equal tokens.
  uint64_t fingerprint() const { return fingerprint_; }
  const std::string& text_path() const { return text_path_; }

 private:
  std::string text_path_;
  uint64_t fingerprint_;
  std::vector<TokenPart> parts_;
  TextContents contents_;
  std::vector<int64_t> part_begins_;  ///< in tokens
  std::vector<int64_t> ends_;
  std::vector<uint64_t> hashes_;
};

}  // namespace mm
