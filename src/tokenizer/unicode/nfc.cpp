// Takes all characters apart, orders their marks, and puts together again what may be.
#include "tokenizer/unicode/nfc.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/characters/utf8.h"
#include "tokenizer/unicode/canonical_tables.h"

namespace mm {
namespace {

/// Hangul syllables follow a rule: Unicode standard, section 3.12.
constexpr char32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
constexpr char32_t kVowelCount = 21, kTrailingCount = 28, kLeadingCount = 19;
constexpr char32_t kSyllableCount = kLeadingCount * kVowelCount * kTrailingCount;

bool in_run(char32_t character, char32_t first, char32_t count) {
  return character >= first && character - first < count;
}

class Tables {
 public:
  static const Tables& get() {
    static const Tables tables;
    return tables;
  }

  /// Whether a text with this character may not be in form C.
  bool unsettled(char32_t character) const { return character < unsettled_.size() && unsettled_[character]; }

  uint8_t combining_class(char32_t character) const {
    const auto found = classes_.find(character);
    return found == classes_.end() ? 0 : found->second;
  }

  /// Appends the full decomposition of a character.
  void take_apart(char32_t character, std::vector<char32_t>& parts) const {
    if (in_run(character, kSyllables, kSyllableCount)) {
      const char32_t syllable = character - kSyllables;
      parts.push_back(kLeading + syllable / (kVowelCount * kTrailingCount));
      parts.push_back(kVowels + syllable / kTrailingCount % kVowelCount);
      if (syllable % kTrailingCount != 0) parts.push_back(kTrailing + syllable % kTrailingCount);
    } else if (const auto pair = pairs_.find(character); pair != pairs_.end()) {
      take_apart(pair->second.first, parts);
      parts.push_back(pair->second.second);
    } else if (const auto single = singles_.find(character); single != singles_.end()) {
      take_apart(single->second, parts);
    } else {
      parts.push_back(character);
    }
  }

  /// The character that two are together, or 0.
  char32_t together(char32_t first, char32_t second) const {
    if (in_run(first, kLeading, kLeadingCount) && in_run(second, kVowels, kVowelCount)) {
      return kSyllables + ((first - kLeading) * kVowelCount + second - kVowels) * kTrailingCount;
    }
    const bool open = in_run(first, kSyllables, kSyllableCount) && (first - kSyllables) % kTrailingCount == 0;
    if (open && in_run(second, kTrailing + 1, kTrailingCount - 1)) return first + second - kTrailing;
    const auto found = wholes_.find(key(first, second));
    return found == wholes_.end() ? 0 : found->second;
  }

 private:
  Tables() : unsettled_(0x30000) {
    for (const CanonicalPair& pair : canonical_pairs()) {
      pairs_[pair.whole] = {pair.first, pair.second};
      wholes_[key(pair.first, pair.second)] = pair.whole;
      unsettled_[pair.second] = true;
    }
    for (const CanonicalPair& pair : excluded_canonical_pairs()) {
      pairs_[pair.whole] = {pair.first, pair.second};
      unsettled_[pair.whole] = true;
    }
    for (const CanonicalSingle& single : canonical_singles()) {
      singles_[single.from] = single.to;
      unsettled_[single.from] = true;
    }
    for (const CombiningRange& range : combining_ranges()) {
      for (char32_t c = range.first; c <= range.last; ++c) {
        classes_[c] = range.combining_class;
        unsettled_[c] = true;
      }
    }
    for (char32_t c = kVowels; c < kTrailing + kTrailingCount; ++c) unsettled_[c] = true;
  }

  static uint64_t key(char32_t first, char32_t second) { return uint64_t{first} << 32 | second; }

  std::unordered_map<char32_t, std::pair<char32_t, char32_t>> pairs_;
  std::unordered_map<char32_t, char32_t> singles_;
  std::unordered_map<uint64_t, char32_t> wholes_;
  std::unordered_map<char32_t, uint8_t> classes_;
  std::vector<bool> unsettled_;
};

/// Marks that follow each other stand in the order of their classes.
void order_marks(const Tables& tables, std::vector<char32_t>& characters) {
  const auto class_of = [&](char32_t character) { return tables.combining_class(character); };
  for (auto begin = characters.begin(); begin != characters.end();) {
    const auto end = std::find_if(begin, characters.end(), [&](char32_t c) { return class_of(c) == 0; });
    std::ranges::stable_sort(begin, end, {}, class_of);
    begin = end == characters.end() ? end : end + 1;
  }
}

/// Each character joins the last one of class 0, unless one between them is of its class or a higher one.
void put_together(const Tables& tables, std::vector<char32_t>& characters) {
  size_t end = 0, base = 0;
  bool has_base = false;
  uint8_t last_class = 0;
  for (const char32_t character : characters) {
    const uint8_t combining_class = tables.combining_class(character);
    if (has_base && (base + 1 == end || last_class < combining_class)) {
      if (const char32_t whole = tables.together(characters[base], character)) {
        characters[base] = whole;
        continue;
      }
    }
    if (combining_class == 0) {
      base = end;
      has_base = true;
    }
    last_class = combining_class;
    characters[end++] = character;
  }
  characters.resize(end);
}

}  // namespace

bool is_surely_nfc(std::string_view text) {
  constexpr unsigned char kFirstUnsettled = 0xCC;  // begins U+0300
  const Tables& tables = Tables::get();
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < kFirstUnsettled) {
      ++at;
      continue;
    }
    const Utf8Character character = first_character(text.substr(at));
    if (tables.unsettled(character.code_point)) return false;
    at += character.length;
  }
  return true;
}

std::string to_nfc(std::string_view text) {
  if (is_surely_nfc(text)) return std::string(text);
  const Tables& tables = Tables::get();
  std::vector<char32_t> characters;
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Character character = first_character(rest);
    tables.take_apart(character.code_point, characters);
    rest.remove_prefix(character.length);
  }
  order_marks(tables, characters);
  put_together(tables, characters);
  std::string normal;
  for (const char32_t character : characters) append_utf8(character, normal);
  return normal;
}

}  // namespace mm
