// The runs of a page with their numbers, one card each: side by side on a desk, one below the other on a phone.
#pragma once

#include <string>
#include <vector>

#include "view/history/run_history.h"

namespace mm {

/// Whether it trains, and how it ended: `finished`. Not escaped.
std::string state_of(const RunHistory& run);

/// How many of its alarms stand, as HTML.
std::string standing_alarms(const RunHistory& run);

/// HTML. With several runs the best one is marked: the fewest bits per byte of validation text, which compares models
/// of different vocabularies.
///   names  of the runs
std::string run_cards(const std::vector<RunHistory>& runs, const std::vector<std::string>& names);

}  // namespace mm
