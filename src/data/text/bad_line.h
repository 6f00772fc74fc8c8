// What is wrong with a record that no text can be had of, as a kind that can be counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace mm {

/// The order is that of the counts in token files.
enum class BadLine : size_t { kEncoding, kSyntax, kNoText, kOtherType, kRepeated, kColumns, kToken, kControlName };

/// How many records of each kind were passed over.
struct BadLineCounts {
  static constexpr size_t kKinds = 8;
  std::array<uint64_t, kKinds> of_kind{};

  uint64_t& operator[](BadLine kind) { return of_kind[static_cast<size_t>(kind)]; }
  uint64_t total() const;
  BadLineCounts& operator+=(const BadLineCounts& other);
  bool operator==(const BadLineCounts&) const = default;
};

/// What a kind is called in files: `bad_json`.
const char* name_of(BadLine kind);

/// `2 bad_json, 1 no_text`: the kinds that there are; empty where there is none.
std::string in_words(const BadLineCounts& counts);

}  // namespace mm
