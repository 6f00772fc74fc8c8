// Units of ten and of sixty.
#include "core/rough_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/text.h"

namespace mm {

std::optional<int64_t> parse_count(std::string_view text) {
  constexpr std::pair<char, double> kUnits[] = {{'k', 1e3}, {'K', 1e3}, {'M', 1e6},
                                                {'G', 1e9}, {'B', 1e9}, {'T', 1e12}};
  const auto* unit =
      std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& each) { return text.ends_with(each.first); });
  if (unit == std::end(kUnits)) return std::nullopt;
  text.remove_suffix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const double count = std::round(number * unit->second);
  const bool whole = std::abs(count - number * unit->second) < 1e-6 && std::abs(count) < 0x1p53;
  return whole ? std::optional(static_cast<int64_t>(count)) : std::nullopt;
}

std::string rough_time(double seconds) {
  const auto pair = [](int64_t large, const char* large_unit, int64_t small, const char* small_unit) {
    std::string text = format("%lld %s", static_cast<long long>(large), large_unit);
    if (small > 0) text += format(" %lld %s", static_cast<long long>(small), small_unit);
    return text;
  };
  if (seconds < 59.5) return format("%.*f s", seconds < 9.95 ? 1 : 0, seconds);
  if (const int64_t fives = std::llround(seconds / 5); fives < 120) return pair(fives / 12, "min", fives % 12 * 5, "s");
  const int64_t minutes = std::llround(seconds / 60);
  if (minutes < 60) return format("%lld min", static_cast<long long>(minutes));
  if (minutes < 24 * 60) return pair(minutes / 60, "h", minutes % 60, "min");
  const int64_t hours = std::llround(seconds / 3600);
  return pair(hours / 24, "d", hours % 24, "h");
}

}  // namespace mm
