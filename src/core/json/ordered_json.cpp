#include "core/json/ordered_json.h"

#include <nlohmann/json.hpp>

namespace mm {

nlohmann::ordered_json parse_ordered_json(std::string_view text) {
  return nlohmann::ordered_json::parse(text);
}

std::string write_ordered_json(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent);
}

}  // namespace mm
