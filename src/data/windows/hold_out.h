// Which documents are not trained on, so that the validation loss says something.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/windows/packed_dataset.h"

namespace mm {

/// Every document, or part of one, is on one of two sides.
///
/// By content, a document is held out when the hash of its text says so. So it has its side whatever file it is in and
/// whatever stands around it: copies, renames, insertions and other files move nothing across. When that takes nothing,
/// or more than half of all tokens, it is the document with the lowest hash that has at most half of them, with its
/// copies; where there is no such document, a tail of the longest one.
///
/// By position, as runs that began before did it: by the name of the file and the number of the document in it.
class HoldOut {
 public:
  enum class By { kContent, kPosition };

  /// Nothing is held out.
  HoldOut() = default;
  /// `fraction` of the tokens, in expectation, of all these texts together.
  HoldOut(const std::vector<PackedSource>& sources, double fraction, By by);

  DocumentPart validation(const TokenStore& store, int64_t document) const;
  DocumentPart training(const TokenStore& store, int64_t document) const;

 private:
  bool by_hash(const TokenStore& store, int64_t document) const;
  void choose_one(const std::vector<PackedSource>& sources, int64_t tokens);

  double fraction_ = 0;
  By by_ = By::kContent;
  std::map<const TokenStore*, uint64_t> seeds_;  ///< by position: of each file
  std::optional<uint64_t> only_;                 ///< the hash of the only text that is held out
  std::optional<int64_t> tail_begin_;            ///< and where in it the part of the validation begins
};

/// How much of some documents there is in two or more of them.
struct Copies {
  int64_t documents = 0;  ///< that say what an earlier one says
  int64_t tokens = 0;     ///< of those

  Copies& operator+=(const Copies& other) {
    documents += other.documents;
    tokens += other.tokens;
    return *this;
  }
};

/// Hashes of at most `most` texts: open addressing, for it is filled with millions of them at every start.
class HashSet {
 public:
  explicit HashSet(size_t most);

  /// Whether it was not there.
  bool insert(uint64_t hash);

 private:
  static constexpr uint64_t kEmpty = 0;
  std::vector<uint64_t> slots_;
};

/// Of the documents of these, beside those whose texts were `seen`, which they are added to.
Copies count_copies(const std::vector<PackedSource>& sources, HashSet& seen);

/// Passes over documents whose text an earlier one had, in the order of the sources.
class FirstCopies {
 public:
  /// Of the documents that `keep` keeps something of.
  FirstCopies(const std::vector<PackedSource>& sources, const KeepDocument& keep);

  bool is_first(size_t source, int64_t document) const { return !later_[source][static_cast<size_t>(document)]; }
  const Copies& copies() const { return copies_; }

 private:
  std::vector<std::vector<bool>> later_;
  Copies copies_;
};

/// The hashes of the texts of all documents, ascending.
std::vector<uint64_t> sorted_hashes(const std::vector<PackedSource>& sources);

}  // namespace mm
