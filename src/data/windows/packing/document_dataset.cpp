// Pieces are packed in blocks of many documents, so that memory for the packing does not grow with the text.
#include "data/windows/packing/document_dataset.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"
#include "data/windows/packing/best_fit.h"

namespace mm {
DocumentDataset::DocumentDataset(const std::string& name, std::vector<PackedSource> sources, const KeepDocument& keep,
                                 int64_t sequence_length, Rows rows)
    : sources_(std::move(sources)), domains_(sources_), sequence_length_(sequence_length), rows_(rows) {
  require(sequence_length > 0, "a sequence length above zero");
  for (size_t source = 0; source < sources_.size(); ++source) append(static_cast<uint32_t>(source), keep);
  if (pieces_.empty()) {
    throw Error(ExitCode::kData, got_want(name, amount_in_words(tokens_, documents_), "a document of at least 2 tokens",
                                          "add text, or change data.validation_fraction"));
  }
  if (rows_ == Rows::kPacked) {
    pack();
  } else {
    row_begins_.resize(pieces_.size() + 1);
    std::iota(row_begins_.begin(), row_begins_.end(), size_t{0});
    end_marker_ = end_marker();
  }
  int64_t positions = 0;
  for (const Piece& piece : pieces_) positions += piece.length;
  use_.padding = windows() * sequence_length_ - positions;

  Hasher hasher;
  const auto add = [&](const auto& values) { hasher.add(std::as_bytes(std::span(values))); };
  add(std::array{sequence_length_, static_cast<int64_t>(rows_), tokens_});
  for (const PackedSource& source : sources_) add(std::array{source.store->fingerprint()});
  add(pieces_);
  add(row_begins_);
  fingerprint_ = hasher.value();
}

void DocumentDataset::append(uint32_t source, const KeepDocument& keep) {
  const TokenStore& store = *sources_[source].store;
  for (int64_t document = 0; document < store.documents(); ++document) {
    const DocumentPart part = keep(source, document);
    if (part.empty()) continue;
    const int64_t first = store.document_begin(document);
    int64_t begin = first + part.begin;
    // The last token is a target alone.
    const int64_t end = first + std::min(part.end, store.document_end(document) - first) - 1;
    tokens_ += end + 1 - begin;
    ++documents_;
    if (end - begin > sequence_length_) ++use_.split_documents;
    while (begin < end) {
      const int64_t length = std::min(end - begin, sequence_length_);
      pieces_.push_back({.begin = begin, .length = static_cast<uint32_t>(length), .source = source});
      begin += length;
      if (rows_ == Rows::kOneDocument) {
        use_.tokens_left_out += end - begin;
        break;
      }
    }
  }
}

void DocumentDataset::pack() {
  std::vector<Piece> packed(pieces_.size());
  row_begins_ = {0};
  for (size_t first = 0; first < pieces_.size(); first += kBestFitPieces) {
    const std::span block = std::span(pieces_).subspan(first, std::min(kBestFitPieces, pieces_.size() - first));
    std::vector<uint32_t> lengths;
    for (const Piece& piece : block) lengths.push_back(piece.length);
    const std::vector<uint32_t> row_of_piece = best_fit(lengths, static_cast<uint32_t>(sequence_length_));

    // From the row of each piece to the pieces of each row, in the order of the text.
    const size_t first_row = row_begins_.size() - 1;
    const size_t rows = *std::max_element(row_of_piece.begin(), row_of_piece.end()) + size_t{1};
    row_begins_.resize(row_begins_.size() + rows, 0);
    for (const uint32_t row : row_of_piece) ++row_begins_[first_row + row + 1];
    for (size_t row = first_row; row < first_row + rows; ++row) {
      documents_in_row_ = std::max(documents_in_row_, static_cast<int64_t>(row_begins_[row + 1]));
      row_begins_[row + 1] += row_begins_[row];
    }
    std::vector<size_t> place(row_begins_.begin() + static_cast<std::ptrdiff_t>(first_row), row_begins_.end() - 1);
    for (size_t i = 0; i < block.size(); ++i) packed[place[row_of_piece[i]]++] = block[i];
  }
  pieces_ = std::move(packed);
  ++documents_in_row_;  // the padding
}

std::span<const DocumentDataset::Piece> DocumentDataset::pieces_of(int64_t row) const {
  require(row >= 0 && row < windows(), "a window of the dataset");
  const auto at = static_cast<size_t>(row);
  return std::span(pieces_).subspan(row_begins_[at], row_begins_[at + 1] - row_begins_[at]);
}

int64_t DocumentDataset::end_marker() const {
  const Piece& piece = pieces_.front();
  const TokenStore& store = *sources_[piece.source].store;
  int64_t token = 0;
  store.read(store.tokens() - 1, 1, &token);
  return token;
}

int64_t DocumentDataset::fill(int64_t row, int64_t* tokens, int64_t* targets) const {
  int64_t filled = 0;
  for (const Piece& piece : pieces_of(row)) {
    const TokenStore& store = *sources_[piece.source].store;
    store.read(piece.begin, piece.length, tokens + filled);
    store.read(piece.begin + 1, piece.length, targets + filled);
    filled += piece.length;
  }
  if (rows_ == Rows::kOneDocument) targets[filled - 1] = end_marker_;
  std::fill(tokens + filled, tokens + sequence_length_, int64_t{0});
  std::fill(targets + filled, targets + sequence_length_, kIgnoredTarget);
  return filled;
}

void DocumentDataset::number_documents(int64_t row, int64_t* numbers) const {
  int64_t filled = 0;
  for (const Piece& piece : pieces_of(row)) {
    const int64_t document = sources_[piece.source].store->document_at(piece.begin);
    std::fill_n(numbers + filled, piece.length, documents_before(sources_, piece.source) + document);
    filled += piece.length;
  }
  std::fill(numbers + filled, numbers + sequence_length_, numbers[filled - 1]);
}

void DocumentDataset::label_domains(int64_t row, int64_t* labels) const {
  int64_t filled = 0;
  for (const Piece& piece : pieces_of(row)) {
    std::fill_n(labels + filled, piece.length, domains_.of_source[piece.source]);
    filled += piece.length;
  }
  std::fill(labels + filled, labels + sequence_length_, labels[filled - 1]);
}

void DocumentDataset::append_lengths(int64_t row, std::vector<int64_t>& lengths) const {
  int64_t padding = sequence_length_;
  for (const Piece& piece : pieces_of(row)) {
    lengths.push_back(piece.length);
    padding -= piece.length;
  }
  if (padding > 0) lengths.push_back(padding);
}

}  // namespace mm
