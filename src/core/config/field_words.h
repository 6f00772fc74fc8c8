// What a setting accepts, in words: the same in every message and in --describe.
#pragma once

#include <string>

#include "core/config/fields.h"

namespace mm {

/// "an integer in [64, 16384] features", `one of "dense", "moe"`, "true or false", "a list of paths".
std::string accepted_values(const FieldValue& value, const FieldRules& rules);

/// Whether `number` lies between the bounds of `rules`.
bool in_range(double number, const FieldRules& rules);

}  // namespace mm
