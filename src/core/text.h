// Numbers and words for people: formatting, durations, sizes, nearest name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// printf into a string.
std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// 96100864 -> "96,100,864"
std::string with_commas(int64_t value);
/// 1600000 -> "1.60 M", 812 -> "812"; with the unit tok/s "1.60 Mtok/s", "812 tok/s". For rates and counts, decimal
/// steps
std::string short_count(double value, std::string_view unit = "");
/// 1536 -> "1.5 KiB"; binary steps
std::string short_bytes(double bytes);
/// 77 s -> "1:17", 3725 s -> "1:02:05"
std::string clock_time(double seconds);
/// 0.041 -> "41 ms", 2.5 -> "2.50 s"
std::string short_seconds(double seconds);

/// The candidate with the smallest edit distance to `word`, or "" when none is near (more than a third of its length
/// away).
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mm
