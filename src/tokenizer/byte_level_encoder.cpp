// The two ways from a text to its tokens.
#include "tokenizer/byte_level_encoder.h"

#include <algorithm>

#include "core/utf8.h"
#include "tokenizer/bpe/pretokenizer.h"

namespace mm {
namespace {

/// Calls `on_text` with each stretch between `matches`, `on_token` with the id of each of them.
template <class OnText, class OnToken>
void visit(std::string_view text, const std::vector<AddedTokenMatcher::Match>& matches, OnText on_text,
           OnToken on_token) {
  size_t begin = 0;
  for (const AddedTokenMatcher::Match& match : matches) {
    on_text(text.substr(begin, match.begin - begin));
    on_token(match.id);
    begin = match.begin + match.length;
  }
  on_text(text.substr(begin));
}

}  // namespace

std::vector<int32_t> encode_by_words(const ByteLevelModel& model, std::string_view text) {
  std::vector<int32_t> ids;
  BpeEncoder encoder(model.bpe);
  std::vector<AddedTokenMatcher::Match> matches;
  model.added.find(text, matches);
  const auto append_words = [&](std::string_view words) {
    while (!words.empty()) {
      const size_t length = first_word_length(words);
      const std::span<const int32_t> word = encoder.encode(words.substr(0, length));
      ids.insert(ids.end(), word.begin(), word.end());
      words.remove_prefix(length);
    }
  };
  visit(text, matches, append_words, [&](int32_t id) { ids.push_back(id); });
  return ids;
}

template <class Id>
void ByteLevelEncoder<Id>::encode_into(std::string_view text, TokenBuffer<Id>& ids) {
  if (!is_utf8(text)) {
    const std::vector<int32_t> encoded = encode_by_words(model_, text);
    Id* const out = ids.room(encoded.size());
    ids.keep(std::ranges::transform(encoded, out, [](int32_t id) { return static_cast<Id>(id); }).out);
    return;
  }
  model_.added.find(text, matches_);
  visit(
      text, matches_, [&](std::string_view words) { fast_.encode(words, ids); },
      [&](int32_t id) { ids.push_back(static_cast<Id>(id)); });
}

template class ByteLevelEncoder<uint16_t>;
template class ByteLevelEncoder<int32_t>;

}  // namespace mm
