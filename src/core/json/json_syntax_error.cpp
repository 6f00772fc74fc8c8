// The parser tells where it stopped and what it expected there; what it met is read again from the text.
#include "core/json/json_syntax_error.h"

#include <algorithm>

#include "core/characters/utf8.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBrackets = "{}[],:";
constexpr std::string_view kWordEnds = " \t\r\n{}[],:\"";

// Text out of a broken file, fit for one line of a message.
std::string printable(std::string_view text) {
  std::string shown = cut_text(text);
  const bool utf8 = is_utf8(shown);
  for (char& c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) c = '?';
  }
  return shown;
}

// The word, string or bracket at `offset`, or the next one when a blank is there.
struct Token {
  size_t start = 0, end = 0;
};

Token token_at(std::string_view text, size_t offset) {
  Token token;
  while (token.end <= offset) {
    token.start = text.find_first_not_of(kBlanks, token.end);
    if (token.start == std::string_view::npos) return {text.size(), text.size()};
    token.end = token.start + 1;
    if (text[token.start] == '"') {
      while (token.end < text.size() && text[token.end] != '"') token.end += text[token.end] == '\\' ? 2 : 1;
      token.end = std::min(token.end + 1, text.size());
    } else if (kBrackets.find(text[token.start]) == std::string_view::npos) {
      const size_t end = text.find_first_of(kWordEnds, token.start);
      token.end = end == std::string_view::npos ? text.size() : end;
    }
  }
  return token;
}

// The parser's own message tells what it expected, always as the last clause.
std::string expected_by(std::string_view message) {
  constexpr std::string_view kClause = "; expected ";
  const size_t at = message.rfind(kClause);
  const std::string_view name = at == std::string_view::npos ? "" : message.substr(at + kClause.size());
  if (name == "'}'") return "',' or '}'";
  if (name == "']'") return "',' or ']'";
  if (name == "':'") return "':'";
  if (name == "string literal") return "a key in double quotes";
  if (name == "end of input") return "the end of the text";
  return "a value";
}

std::string remedy_for(std::string_view text, const Token& token, const std::string& want) {
  const std::string_view word = text.substr(token.start, token.end - token.start);
  const char first = word[0];
  if (first == '/' || first == '#') return "JSON has no comments";
  if (first == '\'') return "JSON wants double quotes";
  const size_t previous = token.start == 0 ? std::string_view::npos : text.find_last_not_of(kBlanks, token.start - 1);
  const bool after_comma = previous != std::string_view::npos && text[previous] == ',';
  if ((first == '}' || first == ']') && after_comma) return "remove the comma before it";
  if (first == '0' && word.size() > 1) return "write the number without leading zeros";
  if (want.starts_with("','")) return "is a comma missing before it?";
  if (want != "a value" || kBrackets.find(first) != std::string_view::npos) return "";
  const std::string nearest = nearest_name(word, {"true", "false", "null"});
  return nearest.empty() ? "true, false, null, a number, or text in double quotes" : "did you mean " + nearest + "?";
}

}  // namespace

SyntaxError explain_syntax_error(std::string_view text, size_t end, std::string_view message,
                                 const std::string& inside) {
  const auto says = [&](const char* words) { return message.find(words) != std::string_view::npos; };
  const std::string want = says("missing closing quote") ? "a closing quote" : expected_by(message);
  if (end > text.size() || text.empty()) {
    const bool blank = text.find_first_not_of(kBlanks) == std::string_view::npos;
    const std::string remedy = inside.empty() ? "it is cut off" : "it is cut off inside " + inside;
    return {text.size(), "the end of the text", want, blank ? "it is empty" : remedy};
  }
  size_t offset = end - 1;
  if (says("UTF-8")) return {offset, "a byte that is not UTF-8", "UTF-8 text", "save the file as UTF-8"};
  if (says("control character")) {
    return {offset, "a line break or control character in a string", "a closing quote", "or an escape such as \\n"};
  }
  // A word that ends too early is noticed at the character after it.
  if (says("; last read: ") && offset > 0 && kWordEnds.find(text[offset]) != std::string_view::npos) --offset;
  const Token token = token_at(text, offset);
  const std::string word = printable(text.substr(token.start, token.end - token.start));
  if (says("number overflow")) return {token.start, word, "a number that fits a double", "the largest is 1.8e308"};
  if (says("forbidden character after backslash")) {
    return {token.start, word, "only JSON's escapes after a backslash", "write \\\\ for a backslash"};
  }
  return {token.start, word[0] == '"' ? word : format("'%s'", word.c_str()), want, remedy_for(text, token, want)};
}

std::string line_and_column(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_start = before.rfind('\n') + 1;
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const auto characters = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start), before.end(),
                                        [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; });
  return format("%td:%td", lines + 1, characters + 1);
}

}  // namespace mm
