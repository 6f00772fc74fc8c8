// Reads three keys of tokenizer_config.json; the others concern Python or chat templates.
#include "tokenizer/files/control_tokens.h"

#include <array>
#include <map>
#include <span>

#include "core/error.h"
#include "core/json/json_reader.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

/// A key of tokenizer_config.json, and the names that the token goes by where the key is missing.
struct Role {
  std::string_view key;
  std::span<const std::string_view> usual_names;
};

constexpr std::array<std::string_view, 2> kBosNames = {"<s>", "<|im_start|>"};
constexpr std::array<std::string_view, 2> kEosNames = {"</s>", "<|im_end|>"};
constexpr Role kBos{"bos_token", kBosNames};
constexpr Role kEos{"eos_token", kEosNames};
constexpr Role kPad{"pad_token", {}};

using NamesByKey = std::map<std::string, std::string, std::less<>>;

void read_name(std::string_view key, JsonReader& value, NamesByKey& names) {
  if (value.is_string()) {
    names.emplace(key, value.string());
  } else if (!value.null()) {
    value.members([&](std::string_view part, JsonReader& content) {
      if (part == "content") names.emplace(key, content.string());
    });
  }
}

NamesByKey read_names(const NamedText& config) {
  NamesByKey names;
  if (config.text.empty()) return names;
  read_json(config.text, config.name, [&](JsonReader& root) {
    root.members([&](std::string_view key, JsonReader& value) {
      if (key == kBos.key || key == kEos.key || key == kPad.key) read_name(key, value, names);
    });
  });
  return names;
}

class Finder {
 public:
  Finder(const TokenNames& tokens, const std::string& file, const NamedText& config)
      : tokens_(tokens), file_(file), config_(config), names_(read_names(config)) {}

  /// `in_template`: the name that the file's template has in this role, or nothing.
  std::optional<int32_t> find(const Role& role, const std::string& in_template = "") const {
    if (const auto named = names_.find(role.key); named != names_.end()) return configured(role, named->second);
    if (const auto id = tokens_.find(in_template)) return id;
    for (const std::string_view name : role.usual_names) {
      if (const auto id = tokens_.find(name)) return id;
    }
    return std::nullopt;
  }

  int32_t require(const Role& role, const std::string& in_template) const {
    if (const auto id = find(role, in_template)) return *id;
    const std::string usual = show_text(role.usual_names[0]) + " or " + show_text(role.usual_names[1]);
    throw Error(ExitCode::kData, got_want(config_.name + ":" + std::string(role.key), "nothing",
                                          "the name of a token of " + file_, "or " + file_ + " with a token " + usual));
  }

 private:
  int32_t configured(const Role& role, const std::string& name) const {
    if (const auto id = tokens_.find(name)) return *id;
    throw Error(ExitCode::kData, got_want(config_.name + ":" + std::string(role.key), show_text(name),
                                          "a token of " + file_, "copy both files from the same place"));
  }

  const TokenNames& tokens_;
  const std::string& file_;
  const NamedText& config_;
  NamesByKey names_;
};

}  // namespace

ControlTokens find_control_tokens(const TokenNames& tokens, const std::string& tokenizer_file, const NamedText& config,
                                  const std::string& template_begin, const std::string& template_end) {
  const Finder finder(tokens, tokenizer_file, config);
  return {
      .bos = finder.require(kBos, template_begin), .eos = finder.require(kEos, template_end), .pad = finder.find(kPad)};
}

}  // namespace mm
