// The environment variables, the ioctl and the widths of characters.
#include "core/terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "core/characters/utf8.h"

namespace mm {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

template <size_t N>
bool contains_any(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return text.find(word) != text.npos; });
}

template <size_t N>
bool is_within(char32_t character, const std::array<std::pair<char32_t, char32_t>, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return character >= range.first && character <= range.second; });
}

/// Unicode's East Asian Width W and F by blocks, which is how terminals draw them.
size_t columns_of(char32_t character) {
  static constexpr std::array<std::pair<char32_t, char32_t>, 11> kWide = {{{0x1100, 0x115f},
                                                                           {0x2e80, 0x303e},
                                                                           {0x3041, 0xa4cf},
                                                                           {0xac00, 0xd7a3},
                                                                           {0xf900, 0xfaff},
                                                                           {0xfe30, 0xfe4f},
                                                                           {0xff00, 0xff60},
                                                                           {0xffe0, 0xffe6},
                                                                           {0x1f300, 0x1f64f},
                                                                           {0x1f900, 0x1f9ff},
                                                                           {0x20000, 0x3fffd}}};
  static constexpr std::array<std::pair<char32_t, char32_t>, 3> kNone = {
      {{0x0300, 0x036f}, {0x200b, 0x200f}, {0xfe00, 0xfe0f}}};
  if (is_within(character, kWide)) return 2;
  return is_within(character, kNone) ? 0 : 1;
}

/// The length of the colour sequence that `text` opens with, 0 when it opens with none.
size_t sequence_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end != text.npos && text[end] == 'm' ? end + 1 : 0;
}

struct Cut {
  size_t bytes = 0;
  size_t columns = 0;
  bool coloured = false;
};

Cut cut(std::string_view row, size_t columns) {
  Cut kept;
  while (kept.bytes < row.size()) {
    const std::string_view rest = row.substr(kept.bytes);
    if (const size_t sequence = sequence_length(rest); sequence > 0) {
      kept.bytes += sequence;
      kept.coloured = true;
      continue;
    }
    const Utf8Character character = first_character(rest);
    const size_t width = columns_of(character.code_point);
    if (kept.columns + width > columns) break;
    kept.bytes += character.length;
    kept.columns += width;
  }
  return kept;
}

}  // namespace

bool is_terminal() {
  return variable("TERM") != "dumb" && ::isatty(STDOUT_FILENO) == 1;
}

TerminalSize terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

TerminalColours terminal_colours() {
  // Those that show 24 bits but do not always say so: COLORTERM does not travel with ssh.
  static constexpr std::array<std::string_view, 6> k24Bit = {"direct", "kitty",   "alacritty",
                                                             "foot",   "ghostty", "wezterm"};
  static constexpr std::array<std::string_view, 5> k256 = {"256color", "xterm", "screen", "tmux", "rxvt"};
  if (!variable("NO_COLOR").empty()) return TerminalColours::kNone;
  const std::string depth = variable("COLORTERM"), kind = variable("TERM");
  if (depth == "truecolor" || depth == "24bit" || contains_any(kind, k24Bit)) return TerminalColours::k24Bit;
  return contains_any(kind, k256) ? TerminalColours::k256 : TerminalColours::kNone;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string locale = variable(name);
    if (locale.empty()) continue;
    std::transform(locale.begin(), locale.end(), locale.begin(), [](unsigned char c) { return std::tolower(c); });
    return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

std::vector<std::string> rows_of_parts(const std::vector<std::string>& parts, size_t columns) {
  constexpr std::string_view kBar = " | ";
  std::vector<std::string> rows;
  for (const std::string& part : parts) {
    const bool fits = !rows.empty() && display_columns(rows.back()) + kBar.size() + display_columns(part) <= columns;
    if (fits) {
      rows.back().append(kBar).append(part);
    } else {
      rows.push_back(part);
    }
  }
  return rows;
}

size_t display_columns(std::string_view row) {
  return cut(row, static_cast<size_t>(-1)).columns;
}

std::string cut_to_columns(std::string_view row, size_t columns) {
  const Cut kept = cut(row, columns);
  std::string result(row.substr(0, kept.bytes));
  if (kept.coloured) result += kReset;
  return result;
}

}  // namespace mm
