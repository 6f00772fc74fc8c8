#include "app/tokenizer/inspection.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <map>
#include <span>
#include <unordered_set>

#include "core/characters/visible_text.h"
#include "core/hash.h"
#include "core/text.h"
#include "data/text/text_file.h"
#include "data/windows/packing/best_fit.h"
#include "data/windows/packing/packing_use.h"

namespace mm {
namespace {

/// Rows that are shown are packed from so many documents.
constexpr size_t kShownDocuments = 1000;

/// A token as people read it: its bytes, or the name of a control token.
std::string shown(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  return visible_text(tokenizer.decode_with_control(ids));
}

struct Found {
  TextCounts text;
  int64_t tokens = 0, copies = 0;
  std::vector<uint32_t> lengths;                  ///< tokens of each document, with BOS and EOS as they are trained on
  std::map<int32_t, int64_t> control;             ///< control tokens that stand in texts, by id
  std::vector<std::vector<int32_t>> first_texts;  ///< the documents that rows are shown of

  void add(const Found& other) {
    text += other.text;
    tokens += other.tokens;
    copies += other.copies;
    lengths.insert(lengths.end(), other.lengths.begin(), other.lengths.end());
    for (const auto& [id, times] : other.control) control[id] += times;
  }
};

/// `seen`: what the documents before said.
Found look_through(const Tokenizer& tokenizer, const std::string& file, bool keeps_texts,
                   std::unordered_set<uint64_t>& seen) {
  Found found;
  const auto encoder = tokenizer.encoder();
  TokenBuffer<int32_t> ids;
  found.text = TextFile(file, {.skip_bad_lines = true}).visit([&](std::string_view text) {
    ids.clear();
    encoder->encode_into(text, ids);
    found.tokens += static_cast<int64_t>(ids.size());
    found.lengths.push_back(static_cast<uint32_t>(ids.size() + 2));
    found.copies += !seen.insert(hash64(text)).second;
    for (const int32_t id : ids.ids()) {
      if (tokenizer.token_bytes(id) == 0) ++found.control[id];
    }
    if (!keeps_texts || found.first_texts.size() == kShownDocuments) return;
    std::vector<int32_t>& kept = found.first_texts.emplace_back();
    kept.push_back(tokenizer.bos_id());
    kept.insert(kept.end(), ids.ids().begin(), ids.ids().end());
    kept.push_back(tokenizer.eos_id());
  });
  return found;
}

void print_lengths(const Found& found) {
  std::map<int, int64_t> documents_by_length;  // by the logarithm of the text's tokens, rounded up
  for (const uint32_t length : found.lengths) ++documents_by_length[std::bit_width(std::max(length - 2, 1U) - 1)];
  constexpr double kBar = 50;
  for (const auto& [bits, number] : documents_by_length) {
    const double share = static_cast<double>(number) / static_cast<double>(found.lengths.size());
    std::printf("  up to %9s tokens %5.1f%% %s\n", with_commas(int64_t{1} << bits).c_str(), 100 * share,
                std::string(static_cast<size_t>(share * kBar + 0.5), '#').c_str());
  }
}

void print_packing(const Found& found, int64_t sequence_length) {
  std::printf("  in sequences of %s:  %10s %14s %15s %9s\n", with_commas(sequence_length).c_str(), "padding",
              "documents cut", "foreign context", "left out");
  const auto positions = static_cast<double>(found.tokens) + static_cast<double>(found.lengths.size());
  const auto print = [&](const char* packing, const PackingUse& use) {
    const auto percent = [](int64_t part, double whole) {
      return 100 * static_cast<double>(part) / std::max(whole, 1.0);
    };
    std::printf("    %-18s %9.2f%% %13.1f%% %14.1f%% %8.1f%%\n", packing,
                percent(use.padding, static_cast<double>(use.positions)),
                percent(use.cut_documents, static_cast<double>(found.lengths.size())),
                percent(use.foreign_tokens, positions), percent(use.left_out, positions));
  };
  print("stream", stream_use(found.lengths, sequence_length));
  print("documents", documents_use(found.lengths, sequence_length));
  print("padded", padded_use(found.lengths, sequence_length));
}

/// The first rows of `documents`, a line for each piece of a document.
void print_rows(const Tokenizer& tokenizer, const Found& found, const InspectedTexts& texts) {
  std::vector<std::span<const int32_t>> pieces;
  std::vector<uint32_t> lengths;
  const auto length = static_cast<size_t>(texts.sequence_length);
  for (const std::vector<int32_t>& document : found.first_texts) {
    std::span<const int32_t> left = std::span(document).first(document.size() - 1);
    for (; !left.empty(); left = left.subspan(lengths.back())) {
      pieces.push_back(left.first(std::min(left.size(), length)));
      lengths.push_back(static_cast<uint32_t>(pieces.back().size()));
    }
  }
  const std::vector<uint32_t> row_of_piece = best_fit(lengths, static_cast<uint32_t>(length));
  for (uint32_t row = 0; row < static_cast<uint64_t>(texts.rows); ++row) {
    if (std::ranges::find(row_of_piece, row) == row_of_piece.end()) return;
    size_t filled = 0;
    std::printf("  sequence %u of documents:\n", row + 1);
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (row_of_piece[i] != row) continue;
      filled += lengths[i];
      std::printf("    %4u | %s\n", lengths[i], shown(tokenizer, pieces[i]).c_str());
    }
    if (filled < length) std::printf("    %4zu | padding\n", length - filled);
  }
}

void print(const Tokenizer& tokenizer, const Found& found, const InspectedTexts& texts) {
  const auto documents = static_cast<double>(std::max<int64_t>(found.text.documents, 1));
  const auto tokens = static_cast<double>(found.tokens);
  const uint32_t longest = found.lengths.empty() ? 2 : *std::ranges::max_element(found.lengths);
  std::printf("  %s document%s, %s of text, %s tokens\n", with_commas(found.text.documents).c_str(),
              found.text.documents == 1 ? "" : "s", short_bytes(static_cast<double>(found.text.text_bytes)).c_str(),
              with_commas(found.tokens).c_str());
  std::printf("  %.2f bytes/token, %.0f tokens a document, the longest %s\n",
              static_cast<double>(found.text.text_bytes) / std::max(tokens, 1.0), tokens / documents,
              with_commas(longest - 2).c_str());
  const auto print_count = [](int64_t count, const char* one, const char* several, const std::string& more = "") {
    if (count > 0) std::printf("  %s %s%s\n", with_commas(count).c_str(), count == 1 ? one : several, more.c_str());
  };
  const BadLineCounts& bad = found.text.bad_lines;
  print_count(static_cast<int64_t>(bad.total()), "bad line", "bad lines", ": " + in_words(bad));
  print_count(found.text.empty_texts, "empty text", "empty texts");
  print_count(found.text.lone_surrogates, "lone surrogate, read as U+FFFD", "lone surrogates, read as U+FFFD");
  print_count(found.copies, "document says what an earlier one says", "documents say what an earlier one says");
  for (const auto& [id, times] : found.control) {
    std::printf("  %s stands in the text %s time%s\n", shown(tokenizer, {&id, 1}).c_str(), with_commas(times).c_str(),
                times == 1 ? "" : "s");
  }
  if (found.lengths.empty()) return;
  print_lengths(found);
  print_packing(found, texts.sequence_length);
  if (texts.rows > 0) print_rows(tokenizer, found, texts);
}

void print_tokenizer(const Tokenizer& tokenizer, const std::string& name) {
  const auto named = [&](int32_t id) { return std::to_string(id) + " " + shown(tokenizer, {&id, 1}); };
  std::printf("%s\n  %s tokens, BOS %s, EOS %s%s\n", name.c_str(), with_commas(tokenizer.vocab_size()).c_str(),
              named(tokenizer.bos_id()).c_str(), named(tokenizer.eos_id()).c_str(),
              tokenizer.pad_id() ? (", padding " + named(*tokenizer.pad_id())).c_str() : "");
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) ids.push_back(id);
  constexpr std::ptrdiff_t kLongest = 8;
  const auto last = ids.begin() + std::min<std::ptrdiff_t>(kLongest, std::ssize(ids));
  std::ranges::partial_sort(ids, last, std::ranges::greater(), [&](int32_t id) { return tokenizer.token_bytes(id); });
  std::printf("  the longest:");
  for (auto id = ids.begin(); id != last; ++id) std::printf(" \"%s\"", shown(tokenizer, {&*id, 1}).c_str());
  std::printf("\n");
}

}  // namespace

void inspect(const Tokenizer& tokenizer, const std::string& name, const InspectedTexts& texts) {
  print_tokenizer(tokenizer, name);
  std::unordered_set<uint64_t> seen;
  Found all;
  for (const std::string& file : texts.files) {
    const Found found = look_through(tokenizer, file, texts.rows > 0, seen);
    std::printf("\n%s\n", file.c_str());
    print(tokenizer, found, texts);
    all.add(found);
  }
  if (texts.files.size() < 2) return;
  std::printf("\nall %zu files\n", texts.files.size());
  print(tokenizer, all, {.files = {}, .sequence_length = texts.sequence_length});
}

}  // namespace mm
