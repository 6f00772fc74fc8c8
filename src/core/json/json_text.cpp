// Quoting is nlohmann's, with more escapes.
#include "core/json/json_text.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kShownBytes = 60;

}  // namespace

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

std::string cut_text(std::string_view text) {
  if (text.size() <= kShownBytes) return std::string(text);
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string show_text(std::string_view text) {
  return quote_json(cut_text(text));
}

std::string show_key(std::string_view key) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("._-[]").find(c) != std::string_view::npos;
  };
  return std::all_of(key.begin(), key.end(), plain) ? cut_text(key) : show_text(key);
}

std::string dotted(std::string_view section, std::string_view key) {
  std::string path(section);
  if (!section.empty()) path += '.';
  return path.append(key);
}

}  // namespace mm
