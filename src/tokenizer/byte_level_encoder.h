// Byte-level BPE of whole texts: added tokens out of the raw text, words by the pattern, merges.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/bpe/bpe_encoder.h"
#include "tokenizer/bpe/fast_encoder.h"
#include "tokenizer/bpe/pretokenizer.h"
#include "tokenizer/files/added_tokens.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode/character_table.h"

namespace mm {

/// The tokens that are cut out of the raw text.
struct AddedTokens {
  AddedTokenMatcher all, control, others;  ///< control: those that are special, BOS and EOS; others: the rest

  const AddedTokenMatcher& found(ControlNames names) const { return names == ControlNames::kParse ? all : others; }
};

/// What encoding needs of a tokenizer.json.
struct ByteLevelModel {
  AddedTokens added;
  bool nfc;  ///< whether text is brought into normalization form C first
  WordRules words;
  BpeModel bpe;
  CharacterTable characters;
};

/// The definition: word after word, each merged from its bytes. Every byte of a text that is not UTF-8 is kept.
std::vector<int32_t> encode_by_words(const ByteLevelModel& model, std::string_view text, ControlNames names);

/// The same tokens, faster.
template <class Id>
class ByteLevelEncoder : public TextEncoder<Id> {
 public:
  /// `model` outlives the encoder.
  ByteLevelEncoder(const ByteLevelModel& model, ControlNames names)
      : model_(model), names_(names), fast_(model.bpe, model.characters, model.words) {}

  void encode_into(std::string_view text, TokenBuffer<Id>& ids) override;

 private:
  const ByteLevelModel& model_;
  ControlNames names_;
  FastEncoder<Id> fast_;
  std::vector<AddedTokenMatcher::Match> matches_;
};

}  // namespace mm
