// One character at a time.
#include "core/characters/visible_text.h"

#include "core/characters/utf8.h"
#include "core/text.h"

namespace mm {
namespace {

/// Control characters beyond ASCII, spaces without width, line separators, marks of direction, and the like.
bool is_invisible(char32_t c) {
  return (c >= 0x80 && c <= 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202f) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) ||
         c >= 0xe0000;
}

std::string visible_ascii(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    case '\\':
      return "\\\\";
    default:
      return c < 0x20 || c == 0x7f ? format("\\x%02x", static_cast<unsigned>(c)) : std::string(1, c);
  }
}

std::string hex_bytes(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += format("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return hex;
}

/// C1 controls (U+0080 to U+009F) open escape sequences just as ESC does.
bool is_control(char32_t c) {
  return (c < 0x20 && c != U'\n' && c != U'\t') || (c >= 0x7f && c < 0xa0);
}

}  // namespace

std::string visible_text(std::string_view bytes) {
  std::string visible;
  while (!bytes.empty()) {
    const Utf8Character character = first_character(bytes);
    const std::string_view here = bytes.substr(0, character.length);
    if (!character.valid) {
      visible += hex_bytes(here);
    } else if (character.code_point < 0x80) {
      visible += visible_ascii(here[0]);
    } else if (is_invisible(character.code_point)) {
      visible += format("\\u{%x}", static_cast<unsigned>(character.code_point));
    } else {
      visible += here;
    }
    bytes.remove_prefix(character.length);
  }
  return visible;
}

std::string terminal_text(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const Utf8Character character = first_character(bytes);
    const std::string_view here = bytes.substr(0, character.length);
    if (!character.valid || is_control(character.code_point)) {
      text += hex_bytes(here);
    } else {
      text += here;
    }
    bytes.remove_prefix(character.length);
  }
  return text;
}

}  // namespace mm
