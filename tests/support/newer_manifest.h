// The manifest that a version of the program to come would write.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/hash.h"

namespace mm {

/// `manifest` with another format, and the hash of itself that goes with it.
inline std::string with_format(const std::string& manifest, int format) {
  auto json = nlohmann::ordered_json::parse(manifest);
  json.erase("xxh3");
  json["format"] = format;
  json["xxh3"] = hex64(hash64(json.dump(2)));
  return json.dump(2) + "\n";
}

}  // namespace mm
