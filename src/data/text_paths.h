// The files that settings name: one by one, by folder, by pattern.
#pragma once

#include <string>
#include <vector>

#include "core/config/fields.h"

namespace mm {

/// A folder becomes the text files in it, a pattern (`*`, `?`, `[...]`) those that match, both sorted by name; a label
/// goes to all of them. Throws Error(kData) when there is none.
std::vector<LabelledPath> text_files(const std::vector<LabelledPath>& paths);

}  // namespace mm
