// The layout of a token file, writing one and checking one. All numbers are little-endian.
//
//   header     TokenFileHeader
//   tokens     u16 (vocabularies up to 65,536) or u32 each; documents one after the other, zero-padded to 8 bytes
//   ends       u64 a document: where it ends, counted in tokens
//   hashes     u64 a document: hash64() of its text
//   bad lines  u64 a kind: how many of the records are bad in that way (BadLineCounts); only where any is
//   footer     TokenFileFooter, last because only the end of a pass over the text knows it
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/files/files.h"
#include "core/hash.h"
#include "data/text/text_file.h"
#include "data/tokens/text_contents.h"

namespace mm {

/// What a token file was made from: these bytes of a text file; it is of use only while all of it still holds.
struct TokenFileHeader {
  uint64_t magic = 0;
  uint64_t version = 0;
  uint64_t source_begin = 0;
  uint64_t source_bytes = 0;
  uint64_t source_hash = 0;
  uint64_t tokenizer_fingerprint = 0;
  uint64_t vocab_size = 0;
  bool operator==(const TokenFileHeader&) const = default;
};

struct TokenFileFooter {
  uint64_t text_bytes = 0;
  uint64_t empty_texts = 0, bad_lines = 0;           ///< records that no document was made of
  uint64_t lone_surrogates = 0, special_tokens = 0;  ///< in the documents
  uint64_t tokens = 0;
  uint64_t documents = 0;
  uint64_t payload_hash = 0;  ///< of everything between header and footer, and of what stands above the tokens
};

/// The largest vocabulary whose tokens take 16 bits.
constexpr int64_t kNarrowVocabulary = 65536;

/// `source` begins at byte `source_begin` of its file.
TokenFileHeader token_file_header(std::span<const std::byte> source, uint64_t source_begin,
                                  uint64_t tokenizer_fingerprint, int64_t vocab_size);

/// Of all tokens of a text, however it is cut into files. It is what runs know their data by since there are runs, so
/// it never changes.
uint64_t tokens_fingerprint(uint64_t source_bytes, uint64_t source_hash, uint64_t tokenizer_fingerprint,
                            int64_t vocab_size);

/// Writes a token file from documents in order.
class TokenFileWriter {
 public:
  /// Throws Error(kStorage), here and below.
  TokenFileWriter(const std::string& path, const TokenFileHeader& header);

  /// Appends documents: their tokens one after the other, where in `tokens` each of them ends, hashes of their texts.
  void add(std::span<const int32_t> tokens, std::span<const uint64_t> ends, std::span<const uint64_t> hashes);
  /// The same for tokens that are as wide as the file has them: up to 65,536 tokens in the vocabulary.
  void add(std::span<const uint16_t> tokens, std::span<const uint64_t> ends, std::span<const uint64_t> hashes);
  /// What was found in the text besides; call it once, if at all, before commit().
  void count(const TextCounts& counts);
  void commit();

  /// How many were added.
  uint64_t tokens() const { return ends_.empty() ? 0 : ends_.back(); }

 private:
  void add_documents(std::span<const uint64_t> ends, std::span<const uint64_t> hashes);
  void write_payload(std::span<const std::byte> bytes);

  AtomicFile file_;
  bool wide_;
  Hasher payload_hasher_;
  std::vector<uint64_t> ends_, hashes_;
  BadLineCounts bad_lines_;
  TokenFileFooter footer_;
  std::vector<uint16_t> narrow_tokens_;
};

/// A checked view into the bytes of a token file.
struct TokenFileView {
  std::span<const uint16_t> narrow_tokens;  ///< one of the two is empty
  std::span<const uint32_t> wide_tokens;
  std::span<const uint64_t> ends, hashes;
  TextContents contents;
};

/// Looks at the whole file: sizes, hash, order of the ends, range of the tokens.
///   expected  what the file must have been made from
///   problem   set to "stale" or "damaged" when the result is empty
std::optional<TokenFileView> check_token_file(std::span<const std::byte> file, const TokenFileHeader& expected,
                                              std::string& problem);

}  // namespace mm
