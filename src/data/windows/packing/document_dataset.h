// Rows in which documents stand whole: several side by side that see nothing of each other, or one and padding.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/windows/packed_dataset.h"
#include "data/windows/window_source.h"

namespace mm {

/// A document of n tokens has n - 1 positions: all but its last token are fed, all but its first are targets. So no
/// position looks across a boundary. Reading is thread-safe.
class DocumentDataset : public WindowSource {
 public:
  enum class Rows {
    /// Best fit. A document longer than a row is cut into parts of a row's length, which count as documents of their
    /// own, and a rest; every token but the first of a document is a target exactly once.
    kPacked,
    /// One document, from its beginning; of a longer one the end is left out and its EOS put there, as MiniMind does.
    kOneDocument,
  };

  /// `name` is the config key that messages speak of. Throws Error(kData) when no document has two tokens.
  DocumentDataset(const std::string& name, std::vector<PackedSource> sources, const KeepDocument& keep,
                  int64_t sequence_length, Rows rows);

  int64_t windows() const override { return static_cast<int64_t>(row_begins_.size()) - 1; }
  int64_t sequence_length() const override { return sequence_length_; }
  int64_t documents() const override { return documents_; }
  int64_t tokens() const override { return tokens_; }

  /// Padding is token 0 with target kIgnoredTarget.
  int64_t fill(int64_t row, int64_t* tokens, int64_t* targets) const override;

  int64_t documents_in_window() const override { return documents_in_row_; }
  void append_lengths(int64_t row, std::vector<int64_t>& lengths) const override;
  bool counts_padding() const override { return false; }
  WindowUse use() const override { return use_; }
  void number_documents(int64_t row, int64_t* numbers) const override;
  const std::vector<std::string>& domains() const override { return domains_.names; }
  void label_domains(int64_t row, int64_t* labels) const override;
  uint64_t fingerprint() const override { return fingerprint_; }

 private:
  /// What stands in a row of one document, or of a part of it.
  struct Piece {
    int64_t begin;    ///< in the tokens of its source
    uint32_t length;  ///< positions
    uint32_t source;
  };

  void append(uint32_t source, const KeepDocument& keep);
  void pack();
  std::span<const Piece> pieces_of(int64_t row) const;
  int64_t end_marker() const;

  std::vector<PackedSource> sources_;
  SourceDomains domains_;
  std::vector<Piece> pieces_;       ///< row after row
  std::vector<size_t> row_begins_;  ///< in pieces_; one more than there are rows
  int64_t sequence_length_;
  Rows rows_;
  int64_t end_marker_ = 0;  ///< of kOneDocument
  int64_t documents_in_row_ = 0;
  int64_t documents_ = 0;
  int64_t tokens_ = 0;
  WindowUse use_;
  uint64_t fingerprint_ = 0;
};

}  // namespace mm
