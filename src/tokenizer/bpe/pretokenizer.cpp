// The pattern as a scanner: its alternatives differ in their first or second character, so nothing is ever tried twice.
#include "tokenizer/bpe/pretokenizer.h"

#include <array>

#include "core/utf8.h"
#include "tokenizer/bpe/unicode_classes.h"

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

}  // namespace mm
