// Through the one list of settings that the config has (ModelConfig::visit).
#include "interchange/config/model_settings.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json/ordered_json.h"
#include "core/text.h"
#include "interchange/config/foreign_config.h"

namespace mm {
namespace {

nlohmann::ordered_json section(const ModelConfig& model) {
  ModelConfig copy = model;
  return parse_ordered_json(write_config([&](Fields& fields) { copy.visit(fields); }));
}

void read_settings(const std::vector<std::string>& settings, ModelConfig& model, Problems& problems) {
  std::vector<std::string> ignored_notes;
  read_config(
      "", settings, [&](Fields& fields) { fields.section("model", model, "the transformer"); }, problems,
      [&](std::vector<ConfigSource>& sources) {
        put_in_our_terms(sources, TensorsTell::kYes, problems, ignored_notes);
      });
}

}  // namespace

std::string section_of(const ModelConfig& model) {
  nlohmann::ordered_json json = section(model);
  // What is written of a model without dense layers has the bytes that it had when there was no such setting.
  if (model.moe.first_k_dense_replace == 0) json.erase("first_k_dense_replace");
  return write_ordered_json(json);
}

std::vector<std::string> settings_of_section(const std::string& json, const std::string& file) {
  const auto object = nlohmann::ordered_json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    throw Error(ExitCode::kCheckpoint, got_want(file + ":model", "text that is not a JSON object", "a model section"));
  }
  std::vector<std::string> settings;
  for (const auto& [key, value] : object.items()) settings.push_back("model." + key + "=" + write_ordered_json(value));
  return settings;
}

ModelConfig with_settings(const ModelConfig& model, const std::vector<std::string>& settings) {
  ModelConfig result = model;
  Problems problems;
  read_settings(settings, result, problems);
  problems.throw_if_any();
  return result;
}

ModelConfig with_file_settings(const ModelConfig& model, const std::vector<std::string>& settings,
                               const std::string& path) {
  ModelConfig result = model;
  Problems problems;
  read_settings(settings, result, problems);
  if (problems.empty()) return result;
  std::vector<std::string> messages = problems.messages();
  for (std::string& message : messages) {
    constexpr std::string_view kPlace = "--set";  // settings are read as overrides, and their messages say so
    if (message.starts_with(kPlace)) message.replace(0, kPlace.size(), path);
  }
  throw Error(ExitCode::kCheckpoint, join(messages, "\n"));
}

std::string setting_of(const ModelConfig& model, const std::string& key) {
  return write_ordered_json(section(model).at(key));
}

}  // namespace mm
