// Settings that were given and that do nothing in this run. No torch.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace mm {

struct RunConfig;

/// A line for each reason: `optim.momentum, optim.orthogonalize: no effect: optim.type is adamw`.
///   said  the keys that somebody gave a value, dotted
std::vector<std::string> without_effect(const RunConfig& config, const std::set<std::string>& said);

}  // namespace mm
