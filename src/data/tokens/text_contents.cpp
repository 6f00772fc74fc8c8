#include "data/tokens/text_contents.h"

#include <vector>

#include "core/text.h"

namespace mm {

TextContents& TextContents::operator+=(const TextContents& other) {
  documents += other.documents;
  tokens += other.tokens;
  text_bytes += other.text_bytes;
  empty_texts += other.empty_texts;
  bad_lines += other.bad_lines;
  lone_surrogates += other.lone_surrogates;
  special_tokens += other.special_tokens;
  return *this;
}

std::string what_is_unusual(const TextContents& contents, SpecialTokensInText special_tokens) {
  std::vector<std::string> words;
  const auto add = [&](int64_t count, const char* one, const char* many, const std::string& fate) {
    if (count > 0) words.push_back(with_commas(count) + " " + (count == 1 ? one : many) + " " + fate);
  };
  add(static_cast<int64_t>(contents.bad_lines.total()), "bad record", "bad records",
      "passed over (" + in_words(contents.bad_lines) + ")");
  add(contents.empty_texts, "empty text", "empty texts", "passed over");
  add(contents.lone_surrogates, "lone surrogate", "lone surrogates", "read as U+FFFD");
  add(contents.special_tokens, "name of a control token", "names of control tokens",
      special_tokens == SpecialTokensInText::kParse
          ? "read as those tokens (data.special_tokens=text reads them as text)"
          : "read as text (data.special_tokens=parse reads them as those tokens)");
  return join(words, ", ");
}

}  // namespace mm
