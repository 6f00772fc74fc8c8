// nlohmann's parser as a stream of events: its own tree keeps the last of two equal keys and narrows numbers silently.
#include "core/json_tree.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/field_words.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kShownBytes = 60;
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBrackets = "{}[],:";
constexpr std::string_view kWordEnds = " \t\r\n{}[],:\"";

// `line:column`, both from 1; a column is a character, not a byte.
std::string line_and_column(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_start = before.rfind('\n') + 1;
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const auto characters = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start), before.end(),
                                        [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; });
  return format("%td:%td", lines + 1, characters + 1);
}

std::string cut(std::string_view text) {
  if (text.size() <= kShownBytes) return std::string(text);
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

// 12 and 3e2 are integers; 3.0 and 3e-1 are not, even where their value is one.
std::optional<int64_t> exact_integer(double value, std::string_view digits) {
  constexpr double kLargestExact = 0x1p53;
  const bool has_exponent = digits.find_first_of("eE") != std::string_view::npos;
  const bool fraction = digits.find('.') != std::string_view::npos || digits.find("e-") != std::string_view::npos ||
                        digits.find("E-") != std::string_view::npos;
  if (!has_exponent || fraction || value < -kLargestExact || value > kLargestExact) return std::nullopt;
  return static_cast<int64_t>(value);
}

// Text out of a broken file, fit for one line of a message.
std::string printable(std::string_view text) {
  std::string shown = cut(text);
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

// What a syntax error is about, in words a person can act on.
struct SyntaxError {
  size_t offset;
  std::string got, want, remedy;
};

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

// `end`: how much of the text the parser had read; one more than there is when it ran out of it.
SyntaxError explain(std::string_view text, size_t end, std::string_view message, const std::string& inside) {
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

class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, std::string_view where, Problems& problems)
      : text_(text), where_(where), problems_(problems) {}

  JsonTree take_root() { return std::move(root_); }

  bool null() override { return scalar(JsonTree::Kind::kNull, "null"); }
  bool boolean(bool value) override { return scalar(JsonTree::Kind::kBool, value ? "true" : "false"); }
  bool string(string_t& value) override { return scalar(JsonTree::Kind::kString, value); }
  bool number_integer(number_integer_t value) override {
    return number(static_cast<double>(value), std::to_string(value), value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= static_cast<uint64_t>(INT64_MAX);
    return number(static_cast<double>(value), std::to_string(value),
                  fits ? std::optional(static_cast<int64_t>(value)) : std::nullopt);
  }
  bool number_float(number_float_t value, const string_t& digits) override {
    return number(value, digits, exact_integer(value, digits));
  }
  // Only binary formats have these.
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return open(JsonTree::Kind::kObject); }
  bool start_array(size_t) override { return open(JsonTree::Kind::kArray); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.key = name;
    if (!level.keys.insert(name).second) {
      problems_.add(where_ + ":" + show_key(path_of(levels_.size())), "the key twice", "it once", "remove one of them");
    }
    return true;
  }

  // The token that comes with an error is not used: it may hold leftovers of earlier ones.
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& exception) override {
    const std::string container = levels_.empty() ? "" : path_of(levels_.size() - 1);
    const SyntaxError error = explain(text_, position, exception.what(), show_key(container));
    problems_.add(where_ + ":" + line_and_column(text_, error.offset), error.got, error.want, error.remedy);
    return false;
  }

 private:
  struct Level {
    JsonTree* tree;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  // Pointers to open levels stay valid: a parent gets its next child only after this one is closed.
  JsonTree* add(JsonTree tree) {
    if (levels_.empty()) return &(root_ = std::move(tree));
    Level& level = levels_.back();
    if (level.tree->is(JsonTree::Kind::kArray)) return &level.tree->items.emplace_back(std::move(tree));
    level.tree->members.push_back({level.key, std::move(tree)});
    return &level.tree->members.back().value;
  }

  bool scalar(JsonTree::Kind kind, std::string text) {
    JsonTree tree;
    tree.kind = kind;
    tree.text = std::move(text);
    add(std::move(tree));
    return true;
  }

  bool number(double value, std::string digits, std::optional<int64_t> integer) {
    JsonTree tree;
    tree.kind = JsonTree::Kind::kNumber;
    tree.text = std::move(digits);
    tree.number = value;
    tree.integer = integer;
    add(std::move(tree));
    return true;
  }

  bool open(JsonTree::Kind kind) {
    if (levels_.size() == kMaxDepth) {
      problems_.add(where_ + ":" + show_key(path_of(levels_.size())), "deeper nesting",
                    format("at most %zu levels", kMaxDepth));
      return false;
    }
    JsonTree tree;
    tree.kind = kind;
    levels_.push_back({add(std::move(tree)), "", {}});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  // The dotted path of what the first `depth` open levels are at.
  std::string path_of(size_t depth) const {
    std::string path;
    for (size_t i = 0; i < depth; ++i) {
      const Level& level = levels_[i];
      if (level.tree->is(JsonTree::Kind::kArray)) {
        path += format("[%zu]", level.tree->items.empty() ? 0 : level.tree->items.size() - 1);
      } else {
        path = dotted(path, level.key);
      }
    }
    return path;
  }

  std::string_view text_;
  std::string where_;
  Problems& problems_;
  JsonTree root_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<JsonTree> parse_json(std::string_view text, std::string_view where, Problems& problems) {
  const std::string file(where);
  if (text.starts_with("\xef\xbb\xbf") || text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    problems.add(file + ":1:1", "a byte order mark", "plain UTF-8", "save the file as UTF-8 without it");
    return std::nullopt;
  }
  // The parser takes a null byte for the end of the text and would not look at the rest.
  if (const size_t null = text.find('\0'); null != std::string_view::npos) {
    problems.add(file + ":" + line_and_column(text, null), "a null byte", "text",
                 "check that it is the file you meant");
    return std::nullopt;
  }
  const size_t problems_before = problems.messages().size();
  TreeBuilder builder(text, where, problems);
  const bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed || problems.messages().size() > problems_before) return std::nullopt;
  return builder.take_root();
}

std::string to_json(const JsonTree& tree) {
  switch (tree.kind) {
    case JsonTree::Kind::kString:
      return quote_json(tree.text);
    case JsonTree::Kind::kArray: {
      std::vector<std::string> items;
      for (const JsonTree& item : tree.items) items.push_back(to_json(item));
      return format("[%s]", join(items, ", ").c_str());
    }
    case JsonTree::Kind::kObject: {
      std::vector<std::string> members;
      for (const auto& [key, value] : tree.members) members.push_back(quote_json(key) + ": " + to_json(value));
      return format("{%s}", join(members, ", ").c_str());
    }
    default:
      return tree.text;
  }
}

std::string quote_json(std::string_view text) {
  const std::string json = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // JSON has these control characters as they are, but a terminal may obey them: DEL and, behind 0xC2, the C1 set.
  std::string quoted;
  for (size_t i = 0; i < json.size(); ++i) {
    const auto byte = static_cast<unsigned char>(json[i]);
    const bool is_c1 = byte == 0xc2 && static_cast<unsigned char>(json[i + 1]) < 0xa0;
    if (byte != 0x7f && !is_c1) {
      quoted += json[i];
    } else {
      quoted += format("\\u%04x", is_c1 ? static_cast<unsigned char>(json[++i]) : byte);
    }
  }
  return quoted;
}

bool is_utf8(std::string_view text) {
  try {
    nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
  return true;
}

std::string show_json(const JsonTree& tree) {
  if (tree.is(JsonTree::Kind::kObject)) return "an object";
  if (tree.is(JsonTree::Kind::kArray)) return "a list";
  return tree.is(JsonTree::Kind::kString) ? quote_json(cut(tree.text)) : cut(tree.text);
}

std::string show_key(std::string_view key) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("._-[]").find(c) != std::string_view::npos;
  };
  return std::all_of(key.begin(), key.end(), plain) ? cut(key) : quote_json(cut(key));
}

}  // namespace mm
