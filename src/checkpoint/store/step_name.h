// The folder names of checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mm {

/// `step_00000120`
std::string step_name(int64_t step);

/// The step of such a name. Only the spelling that step_name gives counts: another one would be a second folder of the
/// same step.
std::optional<int64_t> parse_step_name(const std::string& name);

}  // namespace mm
