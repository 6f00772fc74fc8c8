// The pattern as a scanner: its alternatives differ in their first or second character, so nothing is ever tried twice.
#include "tokenizer/bpe/pretokenizer.h"

#include <algorithm>
#include <array>

#include "core/characters/utf8.h"
#include "tokenizer/unicode/unicode_classes.h"

namespace mm {
namespace {

using enum CharacterClass;

constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

struct ClassifiedCharacter {
  CharacterClass kind;
  size_t length;
};

constexpr std::array<CharacterClass, 0x80> kAsciiClasses = [] {
  std::array<CharacterClass, 0x80> classes{};
  for (const char c : std::string_view("\t\n\v\f\r ")) classes[static_cast<size_t>(c)] = kSpace;
  for (char c = '0'; c <= '9'; ++c) classes[static_cast<size_t>(c)] = kNumber;
  for (char c = 'A'; c <= 'Z'; ++c) classes[static_cast<size_t>(c)] = kLetter;
  for (char c = 'a'; c <= 'z'; ++c) classes[static_cast<size_t>(c)] = kLetter;
  return classes;
}();

ClassifiedCharacter classify(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < kAsciiClasses.size()) return {kAsciiClasses[byte], 1};
  const Utf8Character character = first_character(text.substr(at));
  return {character_class(character.code_point), character.length};
}

/// Where the run of `kind` that begins at `at` ends.
size_t end_of_run(std::string_view text, size_t at, CharacterClass kind) {
  while (at < text.size()) {
    const ClassifiedCharacter character = classify(text, at);
    if (character.kind != kind) break;
    at += character.length;
  }
  return at;
}

/// White space leaves its last character to the word that follows.
size_t space_length(std::string_view text) {
  size_t last = 0, end = 0;
  while (end < text.size()) {
    const ClassifiedCharacter character = classify(text, end);
    if (character.kind != kSpace) break;
    last = end;
    end += character.length;
  }
  return end == text.size() || last == 0 ? end : last;
}

}  // namespace

size_t contraction_length(std::string_view text) {
  for (const std::string_view contraction : kContractions) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

size_t first_word_length(std::string_view text) {
  if (text[0] == '\'') {
    if (const size_t length = contraction_length(text)) return length;
  }
  const size_t start = text[0] == ' ' ? 1 : 0;
  if (start < text.size()) {
    const CharacterClass kind = classify(text, start).kind;
    if (kind != kSpace) return end_of_run(text, start, kind);
  }
  return space_length(text);
}

namespace {

/// As contraction_length(), in any case. Of the characters beyond ASCII, a long s is an s in another case.
size_t contraction_length_any_case(std::string_view text) {
  constexpr std::string_view kLongS = "'\u017F";
  if (text.starts_with(kLongS)) return kLongS.size();
  std::array<char, 3> lower{};
  const size_t length = std::min(text.size(), lower.size());
  for (size_t i = 0; i < length; ++i) {
    lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
  }
  return contraction_length({lower.data(), length});
}

bool is_line_break(char c) {
  return c == '\r' || c == '\n';
}

/// White space up to its last line break, if it has one; else as space_length().
size_t space_length_by_lines(std::string_view text) {
  const std::string_view run = text.substr(0, end_of_run(text, 0, kSpace));
  const size_t line_break = run.find_last_of("\r\n");
  return line_break == std::string_view::npos ? space_length(text) : line_break + 1;
}

/// The length of the first word by the pattern
///   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}|
///   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t cl100k_word_length(std::string_view text, size_t most_digits) {
  if (text[0] == '\'') {
    if (const size_t length = contraction_length_any_case(text)) return length;
  }
  const ClassifiedCharacter first = classify(text, 0);
  if (first.kind == kLetter) return end_of_run(text, 0, kLetter);
  if (first.kind == kNumber) {
    size_t end = 0;
    for (size_t digits = 0; digits < most_digits && end < text.size(); ++digits) {
      const ClassifiedCharacter digit = classify(text, end);
      if (digit.kind != kNumber) break;
      end += digit.length;
    }
    return end;
  }
  if (!is_line_break(text[0]) && first.length < text.size() && classify(text, first.length).kind == kLetter) {
    return end_of_run(text, first.length, kLetter);
  }
  const size_t start = text[0] == ' ' ? 1 : 0;
  if (start < text.size() && classify(text, start).kind == kOther) {
    size_t end = end_of_run(text, start, kOther);
    while (end < text.size() && is_line_break(text[end])) ++end;
    return end;
  }
  return space_length_by_lines(text);
}

}  // namespace

std::string_view WordCutter::next() {
  const std::string_view word = text_.substr(0, next_length());
  text_.remove_prefix(word.size());
  piece_ -= std::min(piece_, word.size());
  return word;
}

size_t WordCutter::next_length() {
  if (text_.empty()) return 0;
  if (rules_.digits != WordRules::Digits::kAsPattern && piece_ == 0) {
    const ClassifiedCharacter first = classify(text_, 0);
    if (first.kind == kNumber) {
      // Both patterns take nothing but numbers here, so the end of the run need not be looked for.
      return rules_.digits == WordRules::Digits::kApart ? first.length : length_by_pattern(text_);
    }
    while (piece_ < text_.size()) {
      const ClassifiedCharacter character = classify(text_, piece_);
      if (character.kind == kNumber) break;
      piece_ += character.length;
    }
  }
  return length_by_pattern(piece_ > 0 ? text_.substr(0, piece_) : text_);
}

size_t WordCutter::length_by_pattern(std::string_view piece) const {
  return rules_.pattern == WordRules::Pattern::kGpt2 ? first_word_length(piece)
                                                     : cl100k_word_length(piece, rules_.most_digits);
}

}  // namespace mm
