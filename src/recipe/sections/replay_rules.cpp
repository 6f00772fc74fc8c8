// The table.
#include "recipe/sections/replay_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace mm {
namespace {

constexpr RowFormat kCutAtTheEnd = {.markers = true, .keep_end_marker = false, .feed_last_column = false};
constexpr RowFormat kTextAsItIs = {.markers = false, .feed_last_column = false};
constexpr RowFormat kEndMarkerKept = {.markers = true, .keep_end_marker = true, .feed_last_column = true};

// g1 and g3b shuffled by a stream that nothing but their own run could repeat: they are replayed in the order of the
// file, which is also what a resumed g3b run did.
constexpr std::array kTable = {
    // MiniMind v1 from September 2024. Adam: AdamW without decay.
    ReplayRules{.name = "g1", .rows = kCutAtTheEnd, .first_step = 0, .update_offset = 1, .weight_decay = 0},
    // MiniMind2, February to April 2025
    ReplayRules{.name = "g2", .rows = kCutAtTheEnd, .tenth_on_top = true, .first_step = 0, .update_offset = 1},
    // April to October 2025
    ReplayRules{.name = "g3a", .rows = kTextAsItIs, .tenth_on_top = true, .first_step = 0, .update_offset = 1},
    // October to December 2025
    ReplayRules{.name = "g3b", .rows = kTextAsItIs, .tenth_on_top = true, .update_offset = 1, .skipped_on_resume = 1},
    // January to March 2026
    ReplayRules{.name = "g3c", .rows = kEndMarkerKept, .shuffled = true, .update_offset = 1},
    // MiniMind-3, from March 2026; from September with another model (norm_top1_prob) and the same trainer
    ReplayRules{.name = "g4", .rows = kEndMarkerKept, .shuffled = true, .flushes = true},
    ReplayRules{.name = "g4c", .rows = kEndMarkerKept, .shuffled = true, .flushes = true},
};

}  // namespace

std::vector<std::string_view> replay_names() {
  std::vector<std::string_view> names;
  for (const ReplayRules& rules : kTable) names.push_back(rules.name);
  return names;
}

const ReplayRules& replay_rules(std::string_view name) {
  const auto* found = std::find_if(kTable.begin(), kTable.end(), [&](const auto& rules) { return rules.name == name; });
  require(found != kTable.end(), "a trainer of the table");
  return *found;
}

double replay_learning_rate(const ReplayRules& rules, double base, int64_t t, int64_t total) {
  const double wave = 1 + std::cos(std::numbers::pi * static_cast<double>(t) / static_cast<double>(total));
  return rules.tenth_on_top ? base / 10 + 0.5 * base * wave : base * (0.1 + 0.45 * wave);
}

}  // namespace mm
