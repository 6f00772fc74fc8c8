// Through the one list of settings that the config has (ModelConfig::visit).
#include "interchange/model_settings.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace mm {
namespace {

nlohmann::ordered_json section(const ModelConfig& model) {
  ModelConfig copy = model;
  return nlohmann::ordered_json::parse(write_config([&](Fields& fields) { copy.visit(fields); }));
}

}  // namespace

std::string section_of(const ModelConfig& model) {
  return section(model).dump();
}

std::vector<std::string> settings_of_section(const std::string& json, const std::string& file) {
  const auto object = nlohmann::ordered_json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    throw Error(ExitCode::kCheckpoint, got_want(file + ":model", "text that is not a JSON object", "a model section"));
  }
  std::vector<std::string> settings;
  for (const auto& [key, value] : object.items()) settings.push_back("model." + key + "=" + value.dump());
  return settings;
}

ModelConfig with_settings(const ModelConfig& model, const std::vector<std::string>& settings) {
  ModelConfig result = model;
  Problems problems;
  std::vector<std::string> ignored_keys;
  read_config(
      "", settings, [&](Fields& fields) { fields.section("model", result, "the transformer"); }, problems,
      ignored_keys);
  problems.throw_if_any();
  return result;
}

std::string setting_of(const ModelConfig& model, const std::string& key) {
  return section(model).at(key).dump();
}

}  // namespace mm
