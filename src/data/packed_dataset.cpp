// Lays documents end to end and finds tokens in the result by bisection.
#include "data/packed_dataset.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"

namespace mm {

PackedDataset::PackedDataset(const std::string& name, std::vector<PackedSource> sources, const KeepDocument& keep,
                             int64_t sequence_length, LastWindow last_window)
    : sources_(std::move(sources)), sequence_length_(sequence_length) {
  require(sequence_length > 0, "a sequence length above zero");
  for (size_t source = 0; source < sources_.size(); ++source) append(source, keep);

  // A window wants one token more than it is long: the target of its last position.
  const bool pad = last_window == LastWindow::kPad;
  const int64_t needed = pad ? 2 : sequence_length_ + 1;
  if (tokens_ < needed) {
    throw Error(ExitCode::kData,
                got_want(name, with_commas(tokens_) + " tokens in " + with_commas(documents_) + " documents",
                         "at least " + with_commas(needed) + " tokens for one window",
                         "add text, or change data.sequence_length or data.validation_fraction"));
  }
  const int64_t targets = tokens_ - 1;
  windows_ = (pad ? targets + sequence_length_ - 1 : targets) / sequence_length_;

  Hasher hasher;
  const auto add = [&](const auto& values) { hasher.add(std::as_bytes(std::span(values))); };
  add(std::array{sequence_length_, windows_, tokens_});
  for (const PackedSource& source : sources_) add(std::array{source.store->fingerprint()});
  add(segments_);
  fingerprint_ = hasher.value();
}

void PackedDataset::append(size_t source, const KeepDocument& keep) {
  const PackedSource& added = sources_[source];
  const auto known = std::find(domains_.begin(), domains_.end(), added.domain);
  domain_of_source_.push_back(static_cast<int32_t>(known - domains_.begin()));
  if (known == domains_.end()) domains_.push_back(added.domain);

  const TokenStore& store = *added.store;
  bool previous_kept = false;
  for (int64_t document = 0; document < store.documents(); ++document) {
    const bool kept = keep(source, document);
    if (kept) {
      const int64_t begin = store.document_begin(document);
      if (!previous_kept) segments_.push_back({.row_begin = tokens_, .store_begin = begin, .source = source});
      tokens_ += store.document_end(document) - begin;
      ++documents_;
    }
    previous_kept = kept;
  }
}

int64_t PackedDataset::fill(int64_t window, int64_t* tokens, int64_t* targets) const {
  require(window >= 0 && window < windows_, "a window of the dataset");
  const int64_t begin = window * sequence_length_;
  const int64_t filled = std::min(sequence_length_, tokens_ - 1 - begin);
  read(begin, filled, tokens);
  read(begin + 1, filled, targets);
  std::fill(tokens + filled, tokens + sequence_length_, int64_t{0});
  std::fill(targets + filled, targets + sequence_length_, kIgnoredTarget);
  return filled;
}

int32_t PackedDataset::domain(int64_t window) const {
  require(window >= 0 && window < windows_, "a window of the dataset");
  return domain_of_source_[segments_[segment_at(window * sequence_length_)].source];
}

size_t PackedDataset::segment_at(int64_t position) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), position,
                                      [](int64_t at, const Segment& segment) { return at < segment.row_begin; });
  return static_cast<size_t>(after - segments_.begin()) - 1;
}

void PackedDataset::read(int64_t position, int64_t count, int64_t* out) const {
  for (size_t i = segment_at(position); count > 0; ++i) {
    const Segment& segment = segments_[i];
    const int64_t segment_end = i + 1 < segments_.size() ? segments_[i + 1].row_begin : tokens_;
    const int64_t here = std::min(count, segment_end - position);
    sources_[segment.source].store->read(segment.store_begin + position - segment.row_begin, here, out);
    position += here;
    out += here;
    count -= here;
  }
}

}  // namespace mm
