// Writes and checks token files. A file is believed only after every number in it was compared with its size.
#include "data/tokens/token_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "core/error.h"

namespace mm {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are written as they lie in memory");

constexpr uint64_t kMagic = 0x534e454b4f544d4d;  // "MMTOKENS"
constexpr uint64_t kVersion = 3;

bool is_wide(const TokenFileHeader& header) {
  return header.vocab_size > static_cast<uint64_t>(kNarrowVocabulary);
}

uint64_t padding_after(uint64_t bytes) {
  return (8 - bytes % 8) % 8;
}

template <class T>
std::span<const T> view_as(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// What stands in front of the numbers that say where the rest is.
std::span<const std::byte> counts_in(const TokenFileFooter& footer) {
  return std::as_bytes(std::span(&footer, 1)).first(offsetof(TokenFileFooter, tokens));
}

TextContents contents_of(const TokenFileFooter& footer, const BadLineCounts& bad_lines) {
  return {.documents = static_cast<int64_t>(footer.documents),
          .tokens = static_cast<int64_t>(footer.tokens),
          .text_bytes = static_cast<int64_t>(footer.text_bytes),
          .empty_texts = static_cast<int64_t>(footer.empty_texts),
          .bad_lines = bad_lines,
          .lone_surrogates = static_cast<int64_t>(footer.lone_surrogates),
          .special_tokens = static_cast<int64_t>(footer.special_tokens)};
}

/// By a maximum of values, which takes many tokens at a time; std::max_element looks for a place, one by one.
template <class T>
bool all_below(std::span<const T> tokens, uint64_t vocab_size) {
  T most = 0;
  for (const T token : tokens) most = std::max(most, token);
  return tokens.empty() || most < vocab_size;
}

}  // namespace

TokenFileHeader token_file_header(std::span<const std::byte> source, uint64_t source_begin,
                                  uint64_t tokenizer_fingerprint, int64_t vocab_size) {
  return {.magic = kMagic,
          .version = kVersion,
          .source_begin = source_begin,
          .source_bytes = source.size(),
          .source_hash = hash64(source),
          .tokenizer_fingerprint = tokenizer_fingerprint,
          .vocab_size = static_cast<uint64_t>(vocab_size)};
}

uint64_t tokens_fingerprint(uint64_t source_bytes, uint64_t source_hash, uint64_t tokenizer_fingerprint,
                            int64_t vocab_size) {
  // The header of version 1, which was one file for a whole text.
  const std::array<uint64_t, 6> header = {
      kMagic, 1, source_bytes, source_hash, tokenizer_fingerprint, static_cast<uint64_t>(vocab_size)};
  return hash64(std::as_bytes(std::span(header)));
}

TokenFileWriter::TokenFileWriter(const std::string& path, const TokenFileHeader& header)
    : file_(path), wide_(is_wide(header)) {
  file_.write(&header, sizeof(header));
}

void TokenFileWriter::add(std::span<const int32_t> tokens, std::span<const uint64_t> ends,
                          std::span<const uint64_t> hashes) {
  add_documents(ends, hashes);
  if (wide_) {
    write_payload(std::as_bytes(tokens));
  } else {
    narrow_tokens_.assign(tokens.begin(), tokens.end());
    write_payload(std::as_bytes(std::span(narrow_tokens_)));
  }
}

void TokenFileWriter::add(std::span<const uint16_t> tokens, std::span<const uint64_t> ends,
                          std::span<const uint64_t> hashes) {
  require(!wide_, "tokens of 16 bits for a file of wider ones");
  add_documents(ends, hashes);
  write_payload(std::as_bytes(tokens));
}

void TokenFileWriter::add_documents(std::span<const uint64_t> ends, std::span<const uint64_t> hashes) {
  require(ends.size() == hashes.size(), "a hash for every document");
  const uint64_t before = tokens();
  for (const uint64_t end : ends) ends_.push_back(before + end);
  hashes_.insert(hashes_.end(), hashes.begin(), hashes.end());
}

void TokenFileWriter::count(const TextCounts& counts) {
  footer_.text_bytes = static_cast<uint64_t>(counts.text_bytes);
  footer_.empty_texts = static_cast<uint64_t>(counts.empty_texts);
  bad_lines_ = counts.bad_lines;
  footer_.bad_lines = bad_lines_.total();
  footer_.lone_surrogates = static_cast<uint64_t>(counts.lone_surrogates);
  footer_.special_tokens = static_cast<uint64_t>(counts.special_tokens);
}

void TokenFileWriter::commit() {
  const std::vector<std::byte> padding(padding_after(tokens() * (wide_ ? sizeof(uint32_t) : sizeof(uint16_t))));
  write_payload(padding);
  write_payload(std::as_bytes(std::span(ends_)));
  write_payload(std::as_bytes(std::span(hashes_)));
  if (footer_.bad_lines > 0) write_payload(std::as_bytes(std::span(bad_lines_.of_kind)));
  footer_.tokens = tokens();
  footer_.documents = ends_.size();
  payload_hasher_.add(counts_in(footer_));
  footer_.payload_hash = payload_hasher_.value();
  file_.write(&footer_, sizeof(footer_));
  file_.commit();
}

void TokenFileWriter::write_payload(std::span<const std::byte> bytes) {
  payload_hasher_.add(bytes);
  file_.write(bytes.data(), bytes.size());
}

std::optional<TokenFileView> check_token_file(std::span<const std::byte> file, const TokenFileHeader& expected,
                                              std::string& problem) {
  problem = "damaged";
  TokenFileHeader header;
  TokenFileFooter footer;
  if (file.size() < sizeof(header) + sizeof(footer)) return {};
  std::memcpy(&header, file.data(), sizeof(header));
  std::memcpy(&footer, file.data() + file.size() - sizeof(footer), sizeof(footer));
  if (header.magic != kMagic) return {};
  if (header != expected) {
    problem = "stale";
    return {};
  }

  const std::span<const std::byte> payload =
      file.subspan(sizeof(header), file.size() - sizeof(header) - sizeof(footer));
  const uint64_t width = is_wide(header) ? sizeof(uint32_t) : sizeof(uint16_t);
  // Each count is bounded by the size before anything is multiplied with it.
  if (footer.tokens > payload.size() / width || footer.documents > payload.size() / sizeof(uint64_t)) return {};
  const uint64_t token_bytes = footer.tokens * width;
  const uint64_t ends_at = token_bytes + padding_after(token_bytes);
  const uint64_t ends_bytes = footer.documents * sizeof(uint64_t);
  BadLineCounts bad_lines;
  const uint64_t kinds_at = ends_at + 2 * ends_bytes;
  const uint64_t kinds_bytes = footer.bad_lines > 0 ? sizeof(bad_lines.of_kind) : 0;
  if (kinds_at + kinds_bytes != payload.size()) return {};
  std::memcpy(bad_lines.of_kind.data(), payload.data() + kinds_at, kinds_bytes);
  Hasher hasher;
  hasher.add(payload);
  hasher.add(counts_in(footer));
  if (hasher.value() != footer.payload_hash || bad_lines.total() != footer.bad_lines) return {};

  TokenFileView view;
  view.contents = contents_of(footer, bad_lines);
  if (is_wide(header)) {
    view.wide_tokens = view_as<uint32_t>(payload.first(token_bytes));
  } else {
    view.narrow_tokens = view_as<uint16_t>(payload.first(token_bytes));
  }
  view.ends = view_as<uint64_t>(payload.subspan(ends_at, ends_bytes));
  view.hashes = view_as<uint64_t>(payload.subspan(ends_at + ends_bytes, ends_bytes));
  const bool ends_in_order =
      std::is_sorted(view.ends.begin(), view.ends.end()) && (view.ends.empty() ? 0 : view.ends.back()) == footer.tokens;
  const bool tokens_in_range =
      all_below(view.wide_tokens, header.vocab_size) && all_below(view.narrow_tokens, header.vocab_size);
  if (!ends_in_order || !tokens_in_range) return {};
  problem.clear();
  return view;
}

}  // namespace mm
