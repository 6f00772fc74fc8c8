// JSON whose keys keep their order, out of a text and into one. The parser and the writer of the library, which every
// file that names them compiles anew, are compiled once.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace mm {

/// Throws nlohmann::ordered_json::exception.
nlohmann::ordered_json parse_ordered_json(std::string_view text);

/// In one line, or with `indent` spaces for each level. Throws nlohmann::ordered_json::exception where a text in it is
/// not UTF-8.
std::string write_ordered_json(const nlohmann::ordered_json& json, int indent = -1);

}  // namespace mm
