// Lays documents end to end and finds tokens in the result by bisection.
#include "data/windows/packed_dataset.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"

namespace mm {

int64_t documents_before(const std::vector<PackedSource>& sources, size_t source) {
  int64_t documents = 0;
  for (size_t i = 0; i < source; ++i) documents += sources[i].store->documents();
  return documents;
}

SourceDomains::SourceDomains(const std::vector<PackedSource>& sources) {
  for (const PackedSource& source : sources) {
    const auto known = std::find(names.begin(), names.end(), source.domain);
    of_source.push_back(known - names.begin());
    if (known == names.end()) names.push_back(source.domain);
  }
}

std::string amount_in_words(int64_t tokens, int64_t documents) {
  if (documents == 0) return "no documents";
  return with_commas(tokens) + " tokens in " + with_commas(documents) + (documents == 1 ? " document" : " documents");
}

PackedDataset::PackedDataset(const std::string& name, std::vector<PackedSource> sources, const KeepDocument& keep,
                             int64_t sequence_length, LastWindow last_window)
    : sources_(std::move(sources)), domains_(sources_), sequence_length_(sequence_length) {
  require(sequence_length > 0, "a sequence length above zero");
  for (size_t source = 0; source < sources_.size(); ++source) append(source, keep);

  // A window wants one token more than it is long: the target of its last position.
  const bool pad = last_window == LastWindow::kPad;
  const int64_t needed = pad ? 2 : sequence_length_ + 1;
  if (tokens_ < needed) {
    throw Error(ExitCode::kData, got_want(name, amount_in_words(tokens_, documents_),
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
  const TokenStore& store = *sources_[source].store;
  int64_t kept_up_to = -1;
  for (int64_t document = 0; document < store.documents(); ++document) {
    const DocumentPart part = keep(source, document);
    if (part.empty()) continue;
    const int64_t first = store.document_begin(document), length = store.document_end(document) - first;
    const int64_t begin = first + part.begin, end = first + std::min(part.end, length);
    if (begin != kept_up_to) segments_.push_back({.row_begin = tokens_, .store_begin = begin, .source = source});
    tokens_ += end - begin;
    ++documents_;
    kept_up_to = end;
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

void PackedDataset::number_documents(int64_t window, int64_t* numbers) const {
  require(window >= 0 && window < windows_, "a window of the dataset");
  const int64_t begin = window * sequence_length_;
  const int64_t filled = std::min(sequence_length_, tokens_ - 1 - begin);
  for (int64_t at = 0; at < filled;) {
    const size_t i = segment_at(begin + at);
    const Segment& segment = segments_[i];
    const TokenStore& store = *sources_[segment.source].store;
    const int64_t position = segment.store_begin + begin + at - segment.row_begin;
    const int64_t document = store.document_at(position);
    const int64_t end = std::min(filled, at + store.document_end(document) - position);
    std::fill(numbers + at, numbers + end, documents_before(sources_, segment.source) + document);
    at = end;
  }
  std::fill(numbers + filled, numbers + sequence_length_, numbers[filled - 1]);
}

void PackedDataset::label_domains(int64_t window, int64_t* labels) const {
  require(window >= 0 && window < windows_, "a window of the dataset");
  const size_t source = segments_[segment_at(window * sequence_length_)].source;
  std::fill_n(labels, sequence_length_, domains_.of_source[source]);
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
