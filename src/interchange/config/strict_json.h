// JSON beside weights, read as strictly as our configs are. No torch.
#pragma once

#include <string>

#include "core/json/json_tree.h"

namespace mm {

/// The JSON object that `text` is. Throws Error(kCheckpoint) with line or key of what is wrong: no JSON, cut short,
/// NaN, a number too large, a byte order mark, a key twice, something behind the end, another value than an object.
///   file  for messages
JsonTree parse_object(const std::string& text, const std::string& file);

}  // namespace mm
