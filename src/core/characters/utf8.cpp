// Decodes by the table of well-formed byte sequences: Unicode standard, table 3-7.
#include "core/characters/utf8.h"

#include <simdjson.h>

namespace mm {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr std::string_view kReplacementBytes = "\xEF\xBF\xBD";

/// What a lead byte asks for: how many bytes, and between which bounds the second one lies. That bound is what refuses
/// overlong forms, surrogates and numbers above U+10FFFF.
struct Lead {
  size_t length;
  unsigned char second_min = 0x80, second_max = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const Lead lead = lead_of(first);
  if (lead.length == 0) return {kReplacement, 1, false};
  if (lead.length == 1) return {first, 1, true};
  char32_t code_point = first & (0x7Fu >> lead.length);
  for (size_t at = 1; at < lead.length; ++at) {
    const auto byte = at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    const bool fits = at == 1 ? byte >= lead.second_min && byte <= lead.second_max : (byte & 0xC0) == 0x80;
    if (!fits) return {kReplacement, at, false};
    code_point = (code_point << 6) | (byte & 0x3Fu);
  }
  return {code_point, lead.length, true};
}

bool is_utf8(std::string_view bytes) {
  return bytes.empty() || simdjson::validate_utf8(bytes.data(), bytes.size());
}

void append_utf8(char32_t code_point, std::string& text) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    tail(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    tail(6);
    tail(0);
  } else {
    put(0xF0 | code_point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string lossy_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Character character = first_character(bytes);
    text += character.valid ? bytes.substr(0, character.length) : kReplacementBytes;
    bytes.remove_prefix(character.length);
  }
  return text;
}

}  // namespace mm
