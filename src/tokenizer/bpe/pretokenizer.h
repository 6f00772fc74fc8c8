// Where the patterns of byte-level tokenizers cut a text into words.
#pragma once

#include <cstddef>
#include <string_view>

namespace mm {

/// The length in bytes of the first word of `text`, which must not be empty, by the pattern
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// Scripts without spaces give words of any length. Bytes that are not UTF-8 count as a character that is neither
/// letter, number nor space. Linear: a text is read at most twice while all its words are taken.
size_t first_word_length(std::string_view text);

/// The length of the contraction that `text` begins with, such as `'re`, or 0.
size_t contraction_length(std::string_view text);

/// How a tokenizer cuts words.
struct WordRules {
  enum class Pattern {
    kGpt2,    ///< that of first_word_length()
    kCl100k,  ///< GPT-4's and its heirs': words take a character before them, contractions any case, line breaks end
              ///< runs
  };
  /// What the step `Digits` does before the pattern sees the text: numbers become words of their own, whole or digit by
  /// digit.
  enum class Digits { kAsPattern, kTogether, kApart };

  Pattern pattern = Pattern::kGpt2;
  size_t most_digits = 3;  ///< in a word of kCl100k: 3 in GPT-4's and Llama 3's, 1 in Qwen's
  Digits digits = Digits::kAsPattern;

  bool operator==(const WordRules&) const = default;
};

/// Cuts one word after another from a text.
class WordCutter {
 public:
  WordCutter(const WordRules& rules, std::string_view text) : rules_(rules), text_(text) {}

  /// The next word; empty at the end.
  std::string_view next();

 private:
  size_t next_length();
  size_t length_by_pattern(std::string_view piece) const;

  const WordRules& rules_;
  std::string_view text_;
  size_t piece_ = 0;  ///< bytes up to the next number, where numbers are cut out first
};

}  // namespace mm
