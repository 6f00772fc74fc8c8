// One text, one row: cut or padded to a fixed length, as MiniMind's trainers feed them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tokens/token_store.h"
#include "data/windows/window_source.h"

namespace mm {

/// How a row is made of a text. Padding is token 0.
struct RowFormat {
  bool markers = true;           ///< BOS before the text and EOS behind it
  bool keep_end_marker = true;   ///< of a text that is too long, the end is cut rather than the EOS
  bool feed_last_column = true;  ///< a window is the whole row; else all of it but the last id, which is a target only
};

/// The rows of one JSONL file, a row for every line, empty texts included. A position has a target unless the next id
/// is 0, which is padding or a token 0 spelled in the text. Only token files and the numbers of empty texts are kept:
/// memory does not grow with the texts.
class PaddedDataset : public WindowSource {
 public:
  /// `row_length` is the number of ids in a row, `cache` as TokenStore::open has it. Throws Error(kData) as
  /// TokenStore::open does and when the file has no lines.
  PaddedDataset(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer, int64_t row_length,
                const RowFormat& format);

  int64_t windows() const override { return store_.documents() + static_cast<int64_t>(empty_rows_.size()); }
  int64_t sequence_length() const override { return format_.feed_last_column ? row_length_ : row_length_ - 1; }
  int64_t documents() const override { return windows(); }
  int64_t tokens() const override { return store_.tokens(); }
  int64_t fill(int64_t row, int64_t* tokens, int64_t* targets) const override;
  uint64_t fingerprint() const override;

  /// What was found in the text.
  const TextContents& contents() const { return store_.contents(); }

  /// The `row_length` ids of a row.
  void read_row(int64_t row, int64_t* ids) const;

 private:
  /// The tokens of a row's text, at most `count` of them, without markers; returns how many there are.
  int64_t read_text(int64_t row, int64_t count, int64_t* out) const;

  TokenStore store_;
  std::vector<int64_t> empty_rows_;  ///< ascending; the token store passes over them
  int64_t bos_, eos_, row_length_;
  RowFormat format_;
};

}  // namespace mm
