// A sorted list is a trie: each further byte of the text narrows the group of tokens that begin like it.
#include "tokenizer/bpe/added_tokens.h"

#include <algorithm>

namespace mm {

AddedTokenMatcher::AddedTokenMatcher(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
  std::ranges::sort(tokens_, {}, &Token::content);
  const Group all{0, static_cast<uint32_t>(tokens_.size())};
  for (size_t byte = 0; byte < by_first_.size(); ++byte) by_first_[byte] = narrowed(all, 0, static_cast<char>(byte));
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::find(std::string_view text) const {
  for (size_t begin = 0; begin < text.size(); ++begin) {
    Group group = by_first_[static_cast<unsigned char>(text[begin])];
    std::optional<Match> longest;
    for (size_t depth = 1; group.begin < group.end; ++depth) {
      const Token& shortest = tokens_[group.begin];
      if (shortest.content.size() == depth) longest = Match{begin, depth, shortest.id};
      if (begin + depth == text.size()) break;
      group = narrowed(group, depth, text[begin + depth]);
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

/// Those of `group`, which agree in their first `depth` bytes, whose next byte is `byte`.
AddedTokenMatcher::Group AddedTokenMatcher::narrowed(Group group, size_t depth, char byte) const {
  // Tokens that end here sort first; std::string orders bytes as unsigned numbers.
  const auto next_byte = [depth](const Token& token) {
    return depth < token.content.size() ? int{static_cast<unsigned char>(token.content[depth])} : -1;
  };
  const auto wanted = int{static_cast<unsigned char>(byte)};
  const auto last = tokens_.begin() + group.end;
  const auto begin = std::ranges::lower_bound(tokens_.begin() + group.begin, last, wanted, {}, next_byte);
  const auto end = std::ranges::upper_bound(begin, last, wanted, {}, next_byte);
  return {static_cast<uint32_t>(begin - tokens_.begin()), static_cast<uint32_t>(end - tokens_.begin())};
}

}  // namespace mm
