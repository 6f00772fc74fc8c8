// The tokens of a text at the speed of a table: what BpeEncoder says of each part is asked once and remembered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/bpe/bpe_encoder.h"
#include "tokenizer/bpe/part_cache.h"
#include "tokenizer/bpe/pretokenizer.h"
#include "tokenizer/bpe/token_buffer.h"
#include "tokenizer/unicode/character_table.h"

namespace mm {

/// Holds caches of 6 MiB and the memory it works in: one for each thread.
template <class Id>
class FastEncoder {
 public:
  /// All outlive the encoder.
  FastEncoder(const BpeModel& model, const CharacterTable& characters, const WordRules& words)
      : characters_(characters), words_(words), merger_(model) {}

  /// Appends the tokens of all words of `text`, valid UTF-8: those that BpeEncoder has for the words that WordCutter
  /// finds. Throws Error(kData) as BpeEncoder does.
  void encode(std::string_view text, TokenBuffer<Id>& ids);

 private:
  static constexpr size_t kBatch = 128;
  static constexpr size_t kStarts = kBatch + 64;

  /// Most parts are a character, two of them or a short word: four to a cache line. The others are looked for by four
  /// words of memory; what is longer still is merged every time.
  using ShortCache = PartCache<Id, 1, 4, 15>;
  using LongCache = PartCache<Id, 4, 2, 15>;

  /// Where a part would be: in one of the two, or in none.
  struct Lookup {
    typename ShortCache::Key key;  ///< for the first
    typename ShortCache::Set* short_set;
    typename LongCache::Set* long_set;
  };

  void encode_blocks(std::string_view text, TokenBuffer<Id>& ids);
  void encode_words(std::string_view text, TokenBuffer<Id>& ids);
  void encode_parts(std::string_view text, size_t count, TokenBuffer<Id>& ids);
  Id* merge_part(std::string_view part, Lookup lookup, TokenBuffer<Id>& ids, Id* out, size_t room_behind);

  const CharacterTable& characters_;
  const WordRules& words_;
  BpeEncoder merger_;
  ShortCache short_parts_;
  LongCache long_parts_;
  std::array<size_t, kStarts + 1> starts_;
  std::array<Lookup, kStarts> lookups_;
};

}  // namespace mm
