// JSON beside weights, read as strictly as our configs are. No torch.
#pragma once

#include <string>
#include <string_view>

#include "core/json/json_tree.h"

namespace mm {

/// The JSON object that `text` is. Throws Error(kCheckpoint) with line or key of what is wrong: no JSON, cut short,
/// NaN, a number too large, a byte order mark, a key twice, something behind the end, another value than an object.
///   file  for messages
JsonTree parse_object(const std::string& text, const std::string& file);

/// The value of a key of an object; null when it has none, or when `tree` is no object.
const JsonTree* find_member(const JsonTree& tree, std::string_view key);

}  // namespace mm
