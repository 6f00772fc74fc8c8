// Steps in the order of the file; each is checked against those before it.
#include "tokenizer/files/pre_tokenizer_json.h"

#include <array>
#include <set>

#include "core/json/json_text.h"

namespace mm {
namespace {

/// A regular expression that is known here, and what it says. Those of GPT-4, Llama 3 and Qwen 2 differ in how many
/// digits a word has; spellings that forbid backtracking match the same.
struct KnownPattern {
  std::string_view regex;
  size_t most_digits;
};

constexpr std::array<KnownPattern, 3> kPatterns = {{
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     1},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     3},
}};

class StepReader {
 public:
  WordRules read(JsonReader& value) {
    read_step(value, /*in_sequence=*/false);
    return rules_;
  }

 private:
  void read_step(JsonReader& value, bool in_sequence) {
    std::string type;
    std::set<std::string, std::less<>> seen;
    const auto read_option = [&](std::string_view key, JsonReader& option) {
      seen.emplace(key);
      if (key == "type") {
        type = option.string();
        check_type(option, type, in_sequence);
      } else if (key == "pretokenizers") {
        option.items([&](JsonReader& step) { read_step(step, /*in_sequence=*/true); });
      } else if (key == "pattern") {
        read_pattern(option);
      } else if (key == "behavior") {
        if (const std::string_view text = option.string(); text != "Isolated") {
          option.refuse(show_text(text), "\"Isolated\"", kNotSupported);
        }
      } else if (key == "individual_digits") {
        rules_.digits = option.boolean() ? WordRules::Digits::kApart : WordRules::Digits::kTogether;
      } else if (key == "use_regex") {
        expect(option, !split_);
      } else if (key == "trim_offsets") {
        option.boolean();
      } else {
        expect(option, false);  // invert, add_prefix_space
      }
    };
    value.members({.required = {"type"},
                   .optional = {"add_prefix_space", "trim_offsets", "use_regex", "pretokenizers", "pattern", "behavior",
                                "invert", "individual_digits"}},
                  read_option);
    finish(value, type, seen);
  }

  /// Keys come in any order: the steps of a sequence may stand before the word that it is one.
  void check_type(const JsonReader& option, std::string_view type, bool in_sequence) const {
    if (!in_sequence) {
      if (type != "ByteLevel" && type != "Sequence") {
        option.refuse(show_text(type), "\"ByteLevel\" or \"Sequence\"", kNotSupported);
      }
      return;
    }
    if (bytes_) option.refuse(show_text(type), "nothing behind ByteLevel", kNotSupported);
    const bool in_order =
        type == "ByteLevel" || (type == "Split" && !split_) || (type == "Digits" && !split_ && !digits_);
    if (!in_order) {
      option.refuse(show_text(type), "Digits, Split and ByteLevel, once each and in this order", kNotSupported);
    }
  }

  void read_pattern(JsonReader& value) {
    value.members({.required = {"Regex"}, .optional = {}}, [&](std::string_view, JsonReader& option) {
      const std::string_view regex = option.string();
      for (const KnownPattern& known : kPatterns) {
        if (known.regex != regex) continue;
        rules_.pattern = WordRules::Pattern::kCl100k;
        rules_.most_digits = known.most_digits;
        return;
      }
      option.refuse(show_text(regex), "the pattern of GPT-4, Llama 3 or Qwen 2", kNotSupported);
    });
  }

  /// What a step must have said and may have said, and that it is done.
  void finish(const JsonReader& value, std::string_view type, const std::set<std::string, std::less<>>& seen) {
    const auto want = [&](std::string_view key) {
      if (!seen.contains(key)) value.refuse("no key " + std::string(key), "it", "the file is incomplete");
    };
    const auto only = [&](const std::set<std::string, std::less<>>& own) {
      for (const std::string& key : seen) {
        if (key != "type" && !own.contains(key))
          value.refuse("a key " + key, "none in " + std::string(type), kNotSupported);
      }
    };
    if (type == "ByteLevel") {
      only({"add_prefix_space", "trim_offsets", "use_regex"});
      want("add_prefix_space");
      want("trim_offsets");
      // Without a word of it, the pattern is used.
      if (split_ && !seen.contains("use_regex")) value.refuse("no key use_regex", "false", kNotSupported);
      bytes_ = true;
    } else if (type == "Split") {
      only({"pattern", "behavior", "invert"});
      want("pattern");
      want("behavior");
      split_ = true;
    } else if (type == "Digits") {
      only({"individual_digits"});
      want("individual_digits");
      digits_ = true;
    } else {
      only({"pretokenizers"});
      if (!bytes_) value.refuse("no step ByteLevel", "one at the end", kNotSupported);
    }
  }

  static void expect(JsonReader& option, bool wanted) {
    const auto word = [](bool flag) { return flag ? "true" : "false"; };
    const bool flag = option.boolean();
    if (flag != wanted) option.refuse(word(flag), word(wanted), kNotSupported);
  }

  WordRules rules_;
  bool digits_ = false, split_ = false, bytes_ = false;  ///< steps so far
};

}  // namespace

WordRules read_pre_tokenizer(JsonReader& value) {
  return StepReader().read(value);
}

}  // namespace mm
