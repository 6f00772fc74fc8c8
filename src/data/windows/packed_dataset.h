// The documents of several token stores as one long row of tokens, cut into windows of a fixed length.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "data/tokens/token_store.h"
#include "data/windows/targets.h"
#include "data/windows/window_source.h"

namespace mm {

/// A token store and the domain its documents belong to.
struct PackedSource {
  std::shared_ptr<const TokenStore> store;
  std::string domain;
};

/// The domains of sources, each once.
struct SourceDomains {
  explicit SourceDomains(const std::vector<PackedSource>& sources);

  std::vector<std::string> names;  ///< in the order in which they come first
  std::vector<int64_t> of_source;  ///< indices into names
};

/// The tokens [begin, end) of a document, counted from its first one.
struct DocumentPart {
  static constexpr int64_t kToTheEnd = std::numeric_limits<int64_t>::max();

  /// All of it or nothing.
  DocumentPart(bool whole) : end(whole ? kToTheEnd : 0) {}
  DocumentPart(int64_t first, int64_t last) : begin(first), end(last) {}

  bool empty() const { return begin >= end; }

  int64_t begin = 0, end = 0;
};

/// What of a document, by its source and its number there, belongs to a dataset.
using KeepDocument = std::function<DocumentPart(size_t source, int64_t document)>;

/// How many documents the sources before this one have.
int64_t documents_before(const std::vector<PackedSource>& sources, size_t source);

/// `1,204 tokens in 1 document`, or `no documents`.
std::string amount_in_words(int64_t tokens, int64_t documents);

/// Window w covers the tokens [w * sequence_length, (w + 1) * sequence_length] of the row: the last token of a window
/// is the first of the next, so every token but the first is a target exactly once. Reading is thread-safe.
class PackedDataset : public WindowSource {
 public:
  /// What becomes of the last window when the tokens do not fill it.
  enum class LastWindow { kDrop, kPad };

  /// `name` is the config key that messages speak of. Throws Error(kData) when there is not enough for one window.
  PackedDataset(const std::string& name, std::vector<PackedSource> sources, const KeepDocument& keep,
                int64_t sequence_length, LastWindow last_window);

  int64_t windows() const override { return windows_; }
  int64_t sequence_length() const override { return sequence_length_; }
  int64_t documents() const override { return documents_; }
  int64_t tokens() const override { return tokens_; }

  /// Padding, only in the last window of kPad, is token 0 with target kIgnoredTarget.
  int64_t fill(int64_t window, int64_t* tokens, int64_t* targets) const override;

  const std::vector<std::string>& domains() const override { return domains_.names; }
  /// That of the document that the window starts in, for all of it.
  void label_domains(int64_t window, int64_t* labels) const override;

  void number_documents(int64_t window, int64_t* numbers) const override;
  uint64_t fingerprint() const override { return fingerprint_; }

 private:
  /// Neighbouring documents that are kept without a gap: one range of tokens of one store.
  struct Segment {
    int64_t row_begin;    ///< position in the row
    int64_t store_begin;  ///< position in the store
    size_t source;
  };

  void append(size_t source, const KeepDocument& keep);
  size_t segment_at(int64_t position) const;
  void read(int64_t position, int64_t count, int64_t* out) const;

  std::vector<PackedSource> sources_;
  SourceDomains domains_;
  std::vector<Segment> segments_;
  int64_t sequence_length_;
  int64_t documents_ = 0;
  int64_t tokens_ = 0;
  int64_t windows_ = 0;
  uint64_t fingerprint_ = 0;
};

}  // namespace mm
