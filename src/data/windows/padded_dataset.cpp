// Finds a row's text in the token store and lays it out.
#include "data/windows/padded_dataset.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "data/text/text_file.h"
#include "data/windows/targets.h"

namespace mm {
namespace {

constexpr int64_t kPadding = 0;

/// As Python reads it for MiniMind's trainer.
Reading as_replayed(const std::string& cache) {
  return {.special_tokens = SpecialTokensInText::kParse, .cache = cache};
}

std::vector<int64_t> find_empty_rows(const std::string& text_path, const std::string& cache) {
  std::vector<int64_t> rows;
  int64_t row = 0;
  TextFile(text_path, as_replayed(cache))
      .visit(
          [&](std::string_view text) {
            if (text.empty()) rows.push_back(row);
            ++row;
          },
          TextFile::EmptyTexts::kVisit);
  return rows;
}

}  // namespace

PaddedDataset::PaddedDataset(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer,
                             int64_t row_length, const RowFormat& format)
    : store_(TokenStore::open(text_path, cache, tokenizer, 0, as_replayed(cache))),
      empty_rows_(find_empty_rows(text_path, cache)),
      bos_(tokenizer.bos_id()),
      eos_(tokenizer.eos_id()),
      row_length_(row_length),
      format_(format) {
  require(row_length > 2, "rows with room for a text");
  if (windows() == 0) throw Error(ExitCode::kData, got_want(text_path, "no lines", "a text to train on"));
}

int64_t PaddedDataset::read_text(int64_t row, int64_t count, int64_t* out) const {
  const auto empty = std::lower_bound(empty_rows_.begin(), empty_rows_.end(), row);
  if (empty != empty_rows_.end() && *empty == row) return 0;
  const int64_t document = row - (empty - empty_rows_.begin());
  const int64_t begin = store_.document_begin(document) + 1, end = store_.document_end(document) - 1;
  const int64_t length = std::min(count, end - begin);
  store_.read(begin, length, out);
  return length;
}

void PaddedDataset::read_row(int64_t row, int64_t* ids) const {
  require(row >= 0 && row < windows(), "a row of the dataset");
  int64_t length = 0;
  if (format_.markers) ids[length++] = bos_;
  length += read_text(row, row_length_ - length, ids + length);
  if (format_.markers) {
    if (format_.keep_end_marker) length = std::min(length, row_length_ - 1);
    if (length < row_length_) ids[length++] = eos_;
  }
  std::fill(ids + length, ids + row_length_, kPadding);
}

int64_t PaddedDataset::fill(int64_t row, int64_t* tokens, int64_t* targets) const {
  std::vector<int64_t> ids(static_cast<size_t>(row_length_) + 1, kPadding);
  read_row(row, ids.data());
  int64_t real = 0;
  for (size_t i = 0; i < static_cast<size_t>(sequence_length()); ++i) {
    tokens[i] = ids[i];
    targets[i] = ids[i + 1] == kPadding ? kIgnoredTarget : ids[i + 1];
    real += ids[i + 1] != kPadding;
  }
  return real;
}

uint64_t PaddedDataset::fingerprint() const {
  const std::array values = {store_.fingerprint(), static_cast<uint64_t>(row_length_),
                             static_cast<uint64_t>(format_.markers), static_cast<uint64_t>(format_.keep_end_marker),
                             static_cast<uint64_t>(format_.feed_last_column)};
  return hash64(std::as_bytes(std::span(values)));
}

}  // namespace mm
