// The texts of the three-domain case: what it learns from, and what it is asked afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mm {

inline constexpr std::array<std::string_view, 3> kDomains = {"medical", "finance", "manufacturing"};

struct LabelledText {
  std::string_view text;
  int64_t domain;  ///< index into kDomains
};

/// Twelve texts of each domain. Everyday words (today, check, report, risk, temperature, cost) occur in all of them.
std::vector<LabelledText> training_texts();

/// Eight more of each domain: the same subjects in other sentences.
std::vector<LabelledText> held_out_texts();

}  // namespace mm
