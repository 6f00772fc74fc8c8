// Numbers as people write and say them, where a few digits will do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mm {

/// "500M" -> 500000000, "1.5k" -> 1500: digits, perhaps a fraction, and one of k, M, G, B (billions) and T, decimal.
/// Nothing for any other text, and where the number is no integer.
std::optional<int64_t> parse_count(std::string_view text);

/// 45 -> "45 s", 83 -> "1 min 25 s", 754 -> "13 min", 11400 -> "3 h 10 min", 100000 -> "1 d 4 h": for what will take
/// about that long.
std::string rough_time(double seconds);

}  // namespace mm
