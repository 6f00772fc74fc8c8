#include "data/text/bad_line.h"

#include <numeric>
#include <vector>

#include "core/text.h"

namespace mm {
namespace {

constexpr std::array<const char*, BadLineCounts::kKinds> kNames = {
    "invalid_utf8", "bad_json", "no_text", "not_a_text", "repeated_text", "columns", "unknown_token", "special_tokens"};

}  // namespace

uint64_t BadLineCounts::total() const {
  return std::accumulate(of_kind.begin(), of_kind.end(), uint64_t{0});
}

BadLineCounts& BadLineCounts::operator+=(const BadLineCounts& other) {
  for (size_t kind = 0; kind < kKinds; ++kind) of_kind[kind] += other.of_kind[kind];
  return *this;
}

const char* name_of(BadLine kind) {
  return kNames[static_cast<size_t>(kind)];
}

std::string in_words(const BadLineCounts& counts) {
  std::vector<std::string> words;
  for (size_t kind = 0; kind < BadLineCounts::kKinds; ++kind) {
    if (counts.of_kind[kind] == 0) continue;
    words.push_back(with_commas(static_cast<int64_t>(counts.of_kind[kind])) + " " + kNames[kind]);
  }
  return join(words, ", ");
}

}  // namespace mm
