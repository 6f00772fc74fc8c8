#include "data/windows/hold_out.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <limits>

#include "core/random.h"

namespace mm {
namespace {

int64_t length_of(const TokenStore& store, int64_t document) {
  return store.document_end(document) - store.document_begin(document);
}

/// Of a text, uniform in [0, 1).
double draw(uint64_t hash) {
  return RandomStream(hash, "held out").uniform();
}

template <class Visit>
void for_documents(const std::vector<PackedSource>& sources, const Visit& visit) {
  for (const PackedSource& source : sources) {
    for (int64_t document = 0; document < source.store->documents(); ++document) visit(*source.store, document);
  }
}

}  // namespace

HoldOut::HoldOut(const std::vector<PackedSource>& sources, double fraction, By by) : fraction_(fraction), by_(by) {
  if (fraction == 0) return;
  if (by == By::kPosition) {
    for (const PackedSource& source : sources) {
      const std::string name = std::filesystem::path(source.store->text_path()).filename().string();
      seeds_[source.store.get()] = derive_seed(0, "validation " + name);
    }
    return;
  }
  int64_t tokens = 0, held_out = 0;
  for_documents(sources, [&](const TokenStore& store, int64_t document) {
    tokens += length_of(store, document);
    if (by_hash(store, document)) held_out += length_of(store, document);
  });
  if (held_out == 0 || held_out > tokens / 2) choose_one(sources, tokens);
}

void HoldOut::choose_one(const std::vector<PackedSource>& sources, int64_t tokens) {
  std::map<uint64_t, int64_t> tokens_of_text;
  int64_t longest = 0;
  uint64_t longest_text = 0;
  for_documents(sources, [&](const TokenStore& store, int64_t document) {
    const uint64_t hash = store.document_hash(document);
    tokens_of_text[hash] += length_of(store, document);
    if (length_of(store, document) <= longest) return;
    longest = length_of(store, document);
    longest_text = hash;
  });
  double lowest = std::numeric_limits<double>::infinity();
  for (const auto& [hash, count] : tokens_of_text) {
    if (count > tokens / 2 || draw(hash) >= lowest) continue;
    lowest = draw(hash);
    only_ = hash;
  }
  if (only_ || longest == 0) return;
  // Two tokens are what something to predict takes.
  constexpr int64_t kLeast = 2;
  const auto share = static_cast<int64_t>(fraction_ * static_cast<double>(longest));
  only_ = longest_text;
  tail_begin_ = longest - std::clamp(share, std::min(kLeast, longest / 2), longest / 2);
}

bool HoldOut::by_hash(const TokenStore& store, int64_t document) const {
  return draw(store.document_hash(document)) < fraction_;
}

DocumentPart HoldOut::validation(const TokenStore& store, int64_t document) const {
  if (fraction_ == 0) return false;
  if (by_ == By::kPosition) {
    const uint64_t seed = seeds_.at(&store);
    return RandomStream(seed, "document", static_cast<uint64_t>(document)).uniform() < fraction_;
  }
  if (!only_) return by_hash(store, document);
  if (store.document_hash(document) != *only_) return false;
  return tail_begin_ ? DocumentPart(*tail_begin_, DocumentPart::kToTheEnd) : DocumentPart(true);
}

DocumentPart HoldOut::training(const TokenStore& store, int64_t document) const {
  const DocumentPart held_out = validation(store, document);
  return held_out.begin > 0 ? DocumentPart(0, held_out.begin) : DocumentPart(held_out.empty());
}

FirstCopies::FirstCopies(const std::vector<PackedSource>& sources, const KeepDocument& keep) {
  HashSet seen(static_cast<size_t>(documents_before(sources, sources.size())));
  for (size_t source = 0; source < sources.size(); ++source) {
    const TokenStore& store = *sources[source].store;
    std::vector<bool>& later = later_.emplace_back(static_cast<size_t>(store.documents()));
    for (int64_t document = 0; document < store.documents(); ++document) {
      if (keep(source, document).empty() || seen.insert(store.document_hash(document))) continue;
      later[static_cast<size_t>(document)] = true;
      ++copies_.documents;
      copies_.tokens += length_of(store, document);
    }
  }
}

HashSet::HashSet(size_t most) : slots_(std::bit_ceil(2 * most + 1)) {}

bool HashSet::insert(uint64_t hash) {
  if (hash == kEmpty) hash = ~kEmpty;
  for (size_t slot = hash & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot] == hash) return false;
    if (slots_[slot] != kEmpty) continue;
    slots_[slot] = hash;
    return true;
  }
}

Copies count_copies(const std::vector<PackedSource>& sources, HashSet& seen) {
  Copies copies;
  for_documents(sources, [&](const TokenStore& store, int64_t document) {
    if (seen.insert(store.document_hash(document))) return;
    ++copies.documents;
    copies.tokens += length_of(store, document);
  });
  return copies;
}

std::vector<uint64_t> sorted_hashes(const std::vector<PackedSource>& sources) {
  std::vector<uint64_t> hashes;
  for_documents(sources,
                [&](const TokenStore& store, int64_t document) { hashes.push_back(store.document_hash(document)); });
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

}  // namespace mm
