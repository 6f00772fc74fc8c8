// Numbers and words for people.
#include "core/text.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "core/error.h"

namespace mm {
namespace {

// `value` with three significant digits, or all digits before the point.
std::string three_digits(double value) {
  const double size = std::fabs(value);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return format("%.*f", decimals, value);
}

std::string folded(std::string_view word) {
  std::string lower(word);
  for (char& letter : lower)
    letter = letter == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return lower;
}

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
// (optimal string alignment, three rows of the table).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

}  // namespace

std::string format(const char* pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(static_cast<size_t>(std::max(length, 0)), '\0');
  if (length > 0) std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  require(length >= 0, "a format pattern could not be printed");
  return text;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) joined += separator;
    joined += parts[i];
  }
  return joined;
}

std::string with_commas(int64_t value) {
  std::string digits = std::to_string(value);
  const size_t first = value < 0 ? 1 : 0;
  for (size_t end = digits.size(); end > first + 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

std::string short_count(double value, std::string_view unit) {
  constexpr double kCarry = 999.5;  // what would print as 1000 takes the next prefix
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  size_t prefix = 0;
  std::string digits = format("%.0f", value);
  if (std::isfinite(value) && (std::fabs(value) >= kCarry || value != std::floor(value))) {
    for (; std::fabs(value) >= kCarry && prefix + 1 < std::size(kPrefixes); ++prefix) value /= 1000;
    digits = three_digits(value);
  }
  const std::string measure = kPrefixes[prefix] + std::string(unit);
  return measure.empty() ? digits : digits + " " + measure;
}

std::string short_bytes(double bytes) {
  if (std::fabs(bytes) < 1024) return format("%.0f B", bytes);
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  for (bytes /= 1024; std::fabs(bytes) >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return format("%.1f %s", bytes, kUnits[unit]);
}

std::string clock_time(double seconds) {
  constexpr double kLongest = 1e9;
  if (!(seconds >= 0 && seconds < kLongest)) return "-:--";
  const auto whole = static_cast<long long>(std::llround(seconds));
  const long long hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
  return hours > 0 ? format("%lld:%02lld:%02lld", hours, minutes, rest) : format("%lld:%02lld", minutes, rest);
}

std::string short_seconds(double seconds) {
  const double size = std::fabs(seconds);
  if (size < 0.9995e-3) return format("%.0f us", seconds * 1e6);
  if (size < 9.95e-3) return format("%.1f ms", seconds * 1e3);
  if (size < 0.9995) return format("%.0f ms", seconds * 1e3);
  return three_digits(seconds) + " s";
}

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string wanted = folded(word);
  std::string nearest;
  size_t least = word.size() / 3 + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(wanted, folded(candidate));
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace mm
