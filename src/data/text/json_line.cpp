// A cursor over the bytes of one line: values that nobody asked for are passed over.
#include "data/text/json_line.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/characters/utf8.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

constexpr size_t kDeepest = 1000;
constexpr char32_t kReplacement = 0xFFFD;

struct BadJson {};

bool is_high_surrogate(char32_t c) {
  return c >= 0xD800 && c < 0xDC00;
}
bool is_low_surrogate(char32_t c) {
  return c >= 0xDC00 && c < 0xE000;
}

class Cursor {
 public:
  explicit Cursor(std::string_view line) : line_(line) {}

  JsonLineText object_text(std::string_view key) {
    JsonLineText result;
    try {
      space();
      if (peek() != '{') {
        const std::string kind = kind_of_value();
        pass_over();
        end();
        fail(result, BadLine::kOtherType, kind);
        return result;
      }
      read_members(key, result);
      end();
    } catch (const BadJson&) {
      result = {};
      fail(result, BadLine::kSyntax, "bad JSON");
    }
    return result;
  }

 private:
  static void fail(JsonLineText& result, BadLine kind, std::string problem) {
    result.kind = kind;
    result.problem = std::move(problem);
  }

  void read_members(std::string_view key, JsonLineText& result) {
    expect('{');
    int found = 0;
    std::string name, chat;
    if (!accept('}')) {
      do {
        space();
        int64_t ignored = 0;
        name.clear();
        string(&name, ignored);
        space();
        expect(':');
        space();
        if (name != key) {
          if (peek() == '[' && is_chat_key(name)) chat = name;
          pass_over();
        } else if (++found; found > 1) {
          pass_over();
        } else if (peek() == '"') {
          string(&result.text, result.lone_surrogates);
        } else if (is_list_of_objects()) {
          conversation(result);
        } else {
          fail(result, BadLine::kOtherType, kind_of_value() + " for " + show_text(key));
          pass_over();
        }
        space();
      } while (accept(','));
      expect('}');
    }
    if (found == 0) fail(result, BadLine::kNoText, "no " + show_text(key));
    if (found == 0 && !chat.empty()) {
      result.problem += ", but " + show_text(chat) + ", whose messages data.text_key=" + chat + " joins to a text";
    }
    if (found > 1) fail(result, BadLine::kRepeated, show_text(key) + " more than once");
    if (result.problem.empty()) return;
    result.text.clear();
    result.marks.clear();
  }

  bool is_list_of_objects() const {
    const size_t first = line_.find_first_not_of(" \t\r\n", at_ + 1);
    return peek() == '[' && first != std::string_view::npos && line_[first] == '{';
  }

  /// Messages as MiniMind's template joins them.
  void conversation(JsonLineText& result) {
    expect('[');
    do {
      space();
      const std::optional<Message> said = message(result.lone_surrogates);
      if (said) {
        mark(result, kChatBegin);
        result.text += said->role + "\n" + said->content;
        mark(result, kChatEnd);
        result.text += "\n";
      }
      if (!said && result.problem.empty()) {
        fail(result, BadLine::kOtherType, "a message without a role and a content");
      }
      space();
    } while (accept(','));
    expect(']');
  }

  static void mark(JsonLineText& result, std::string_view name) {
    result.marks.push_back({.begin = result.text.size(), .length = name.size()});
    result.text += name;
  }

  struct Message {
    std::string role, content;
  };

  /// Under the names that such data has; nothing where one is missing.
  std::optional<Message> message(int64_t& lone_surrogates) {
    std::optional<std::string> role, content;
    if (peek() != '{') {
      pass_over();
      return {};
    }
    expect('{');
    space();
    if (accept('}')) return {};
    do {
      space();
      std::string name;
      int64_t ignored = 0;
      string(&name, ignored);
      space();
      expect(':');
      space();
      std::optional<std::string>* const value = name == "role" || name == "from"       ? &role
                                                : name == "content" || name == "value" ? &content
                                                                                       : nullptr;
      if (value != nullptr && peek() == '"') {
        string(&value->emplace(), lone_surrogates);
      } else {
        pass_over();
      }
      space();
    } while (accept(','));
    expect('}');
    if (!role || !content) return {};
    return Message{std::move(*role), std::move(*content)};
  }

  char peek() const {
    if (at_ == line_.size()) throw BadJson();
    return line_[at_];
  }
  char next() {
    const char c = peek();
    ++at_;
    return c;
  }
  void expect(char wanted) {
    if (next() != wanted) throw BadJson();
  }
  bool accept(char wanted) {
    if (at_ == line_.size() || line_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void space() { at_ = std::min(line_.find_first_not_of(" \t\r\n", at_), line_.size()); }
  void end() {
    space();
    if (at_ != line_.size()) throw BadJson();
  }

  std::string kind_of_value() const {
    switch (peek()) {
      case '[':
        return "a list";
      case '{':
        return "an object";
      case '"':
        return "a string";
      case 't':
      case 'f':
        return "true or false";
      case 'n':
        return "null";
      default:
        return "a number";
    }
  }

  /// One value, however deep. No recursion: a line of a million brackets must not end the program.
  void pass_over() {
    std::vector<char> open;
    do {
      space();
      const char c = peek();
      int64_t ignored = 0;
      if (c == '[' || c == '{') {
        if (open.size() == kDeepest) throw BadJson();
        ++at_;
        space();
        if (!accept(c == '[' ? ']' : '}')) {
          open.push_back(c);
          if (c == '{') key_of_member();
          continue;
        }
      } else if (c == '"') {
        string(nullptr, ignored);
      } else {
        scalar();
      }
      close_all(open);
    } while (!open.empty());
  }

  /// Behind a value: whatever ends with it, or the comma before the next one.
  void close_all(std::vector<char>& open) {
    while (!open.empty()) {
      space();
      if (accept(',')) {
        if (open.back() == '{') key_of_member();
        return;
      }
      expect(open.back() == '[' ? ']' : '}');
      open.pop_back();
    }
  }

  void key_of_member() {
    int64_t ignored = 0;
    space();
    string(nullptr, ignored);
    space();
    expect(':');
  }

  void scalar() {
    const size_t begin = at_;
    at_ = std::min(line_.find_first_of(",]} \t\r\n", at_), line_.size());
    const std::string_view word = line_.substr(begin, at_ - begin);
    for (const std::string_view known : {"true", "false", "null", "NaN", "Infinity", "-Infinity"}) {
      if (word == known) return;
    }
    if (!is_number(word)) throw BadJson();
  }

  static bool is_number(std::string_view word) {
    const auto digits = [&] {
      const size_t count = std::min(word.find_first_not_of("0123456789"), word.size());
      word.remove_prefix(count);
      return count;
    };
    if (word.starts_with('-')) word.remove_prefix(1);
    const bool zero = word.starts_with('0');
    const size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (word.starts_with('.')) {
      word.remove_prefix(1);
      if (digits() == 0) return false;
    }
    if (word.starts_with('e') || word.starts_with('E')) {
      word.remove_prefix(1);
      if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
      if (digits() == 0) return false;
    }
    return word.empty();
  }

  /// Appends what the string says to `out`, where that is wanted.
  void string(std::string* out, int64_t& lone_surrogates) {
    expect('"');
    while (true) {
      size_t stop = at_;
      while (stop < line_.size() && line_[stop] != '"' && line_[stop] != '\\') {
        if (static_cast<unsigned char>(line_[stop]) < 0x20) throw BadJson();
        ++stop;
      }
      if (out != nullptr) out->append(line_.substr(at_, stop - at_));
      at_ = stop;
      if (next() == '"') return;
      escape(out, lone_surrogates);
    }
  }

  /// Behind the backslash.
  void escape(std::string* out, int64_t& lone_surrogates) {
    static constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char c = next();
    if (c != 'u') {
      const size_t known = kEscapes.find(c);
      if (known == std::string_view::npos) throw BadJson();
      if (out != nullptr) out->push_back(kMeanings[known]);
      return;
    }
    char32_t code_point = four_digits();
    if (is_high_surrogate(code_point) && line_.substr(at_).starts_with("\\u")) {
      const size_t before = at_;
      at_ += 2;
      const char32_t low = four_digits();
      if (is_low_surrogate(low)) {
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    if (is_high_surrogate(code_point) || is_low_surrogate(code_point)) {
      ++lone_surrogates;
      code_point = kReplacement;
    }
    if (out != nullptr) append_utf8(code_point, *out);
  }

  char32_t four_digits() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = next();
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<char32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        value = value * 16 + static_cast<char32_t>((c | 0x20) - 'a' + 10);
      } else {
        throw BadJson();
      }
    }
    return value;
  }

  std::string_view line_;
  size_t at_ = 0;
};

}  // namespace

bool is_chat_key(std::string_view key) {
  return key == "conversations" || key == "messages";
}

JsonLineText read_json_line(std::string_view line, std::string_view key) {
  if (!is_utf8(line)) return {.text = {}, .problem = "invalid UTF-8", .kind = BadLine::kEncoding};
  return Cursor(line).object_text(key);
}

}  // namespace mm
