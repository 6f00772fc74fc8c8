// The two ways from a text to its tokens.
#include "tokenizer/byte_level_encoder.h"

#include <algorithm>

#include "core/characters/utf8.h"
#include "tokenizer/unicode/nfc.h"

namespace mm {
namespace {

/// Calls `on_text` with each stretch between `matches`, normalized as the model wants it, and `on_token` with the id of
/// each of them.
///   utf8  whether `text` is: what is not is left as it is
template <class OnText, class OnToken>
void visit(const ByteLevelModel& model, std::string_view text, bool utf8,
           const std::vector<AddedTokenMatcher::Match>& matches, OnText on_text, OnToken on_token) {
  const auto visit_text = [&](std::string_view stretch) {
    if (!model.nfc || !utf8 || is_surely_nfc(stretch)) {
      on_text(stretch);
    } else {
      on_text(std::string_view(to_nfc(stretch)));
    }
  };
  size_t begin = 0;
  for (const AddedTokenMatcher::Match& match : matches) {
    visit_text(text.substr(begin, match.begin - begin));
    on_token(match.id);
    begin = match.begin + match.length;
  }
  visit_text(text.substr(begin));
}

}  // namespace

std::vector<int32_t> encode_by_words(const ByteLevelModel& model, std::string_view text, ControlNames names) {
  std::vector<int32_t> ids;
  BpeEncoder encoder(model.bpe);
  std::vector<AddedTokenMatcher::Match> matches;
  model.added.found(names).find(text, matches);
  const auto append_words = [&](std::string_view stretch) {
    WordCutter words(model.words, stretch);
    for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
      const std::span<const int32_t> encoded = encoder.encode(word);
      ids.insert(ids.end(), encoded.begin(), encoded.end());
    }
  };
  visit(model, text, is_utf8(text), matches, append_words, [&](int32_t id) { ids.push_back(id); });
  return ids;
}

template <class Id>
void ByteLevelEncoder<Id>::encode_into(std::string_view text, TokenBuffer<Id>& ids) {
  if (!is_utf8(text)) {
    const std::vector<int32_t> encoded = encode_by_words(model_, text, names_);
    Id* const out = ids.room(encoded.size());
    ids.keep(std::ranges::transform(encoded, out, [](int32_t id) { return static_cast<Id>(id); }).out);
    return;
  }
  model_.added.found(names_).find(text, matches_);
  visit(
      model_, text, /*utf8=*/true, matches_, [&](std::string_view words) { fast_.encode(words, ids); },
      [&](int32_t id) { ids.push_back(static_cast<Id>(id)); });
}

template class ByteLevelEncoder<uint16_t>;
template class ByteLevelEncoder<int32_t>;

}  // namespace mm
