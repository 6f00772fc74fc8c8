#include "app/program/option_words.h"

#include "interchange/config/generation.h"
#include "recipe/run_config.h"

namespace mm {

std::vector<std::string> device_words() {
  return {"auto", "cpu", "cuda"};
}

std::vector<std::string> generation_words() {
  std::vector<std::string> words;
  for (const Generation& generation : generations()) words.emplace_back(generation.name);
  return words;
}

std::vector<std::string> setting_words(const std::string& prefix) {
  RunConfig config;
  std::vector<std::string> words;
  for (const std::string& key : config_keys([&](Fields& fields) { config.visit(fields); })) {
    if (key.starts_with(prefix)) words.push_back(key + "=");
  }
  return words;
}

}  // namespace mm
