// Where other programs' config.json says how positions are turned: transformers 4 in rope_theta and rope_scaling,
// transformers 5 in rope_parameters with both in it, MiniMind with the switch inference_rope_scaling. No torch.
#pragma once

#include <array>
#include <string>

#include "core/config/config.h"

namespace mm {

/// The later way first.
inline constexpr std::array kRopeObjects = {"rope_parameters", "rope_scaling"};

/// Adds a problem for every member of such an object that is not computed; false when there was one.
///   where  the key that it is the value of, for messages
bool judge_foreign_rope(const JsonTree& rope, const std::string& where, Problems& problems);

/// Puts rope_theta and rope_scaling of ours in place of the three ways.
///   positions  the value of max_position_embeddings; null when nobody says it
///   refused    the objects have problems, and only rope_theta is taken
void rewrite_foreign_rope(JsonTree& section, const JsonTree* positions, bool refused);

}  // namespace mm
