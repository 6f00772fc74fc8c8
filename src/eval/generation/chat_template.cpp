// Templates are programs in Jinja, of which this runs none: it knows the forms that MiniMind's have, by what is written
// in them, and refuses others.
#include "eval/generation/chat_template.h"

#include <array>
#include <filesystem>

#include "core/characters/visible_text.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_reader.h"
#include "core/json/json_text.h"
#include "data/text/json_line.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{16} << 20;

struct TemplateFile {
  std::string name, text;  ///< text: empty where there is none
};

TemplateFile find_template(const std::string& tokenizer_path) {
  const fs::path tokenizer =
      fs::is_directory(tokenizer_path) ? fs::path(tokenizer_path) / "" : fs::path(tokenizer_path);
  const std::string alone = fs::path(tokenizer).replace_filename("chat_template.jinja").string();
  if (path_kind(alone, ExitCode::kData) == PathKind::kFile) {
    return {alone, read_file(alone, ExitCode::kData, kMaxFileBytes)};
  }
  const std::string config = fs::path(tokenizer).replace_filename("tokenizer_config.json").string();
  TemplateFile found{config + ":chat_template", ""};
  if (path_kind(config, ExitCode::kData) != PathKind::kFile) return found;
  const std::string json = read_file(config, ExitCode::kData, kMaxFileBytes);
  read_json(json, config, [&](JsonReader& root) {
    root.members([&](std::string_view key, JsonReader& value) {
      if (key == "chat_template" && value.is_string()) found.text = value.string();
    });
  });
  return found;
}

/// Forms that others write conversations in, by a mark that no other one has.
struct Family {
  std::string_view mark, name;
};
constexpr Family kFamilies[] = {
    {"<|start_header_id|>", "Llama 3"},       {"<start_of_turn>", "Gemma"},
    {"[INST]", "Mistral and Llama 2"},        {"<\xEF\xBD\x9CUser\xEF\xBD\x9C>", "DeepSeek"},
    {"<|START_OF_TURN_TOKEN|>", "Command R"}, {"<|channel|>", "gpt-oss"},
    {"<|user|>", "Zephyr, Phi and GLM"},      {"<s>user", "MiniMind 1"},
};

/// `the template of Gemma (<start_of_turn>)`
std::string family_in_words(const std::string& source) {
  for (const Family& family : kFamilies) {
    if (source.find(family.mark) == std::string::npos) continue;
    return "the template of " + std::string(family.name) + " (" + std::string(family.mark) + ")";
  }
  return "a template of another form";
}

/// What a string of Jinja's source stands for.
std::string from_source(std::string_view source) {
  std::string text;
  for (size_t at = 0; at < source.size(); ++at) {
    const bool line_end = source.substr(at).starts_with("\\n");
    text += line_end ? '\n' : source[at];
    if (line_end) ++at;
  }
  return text;
}

/// The system message that stands in the template as a whole, or nothing.
std::string own_system_message(const std::string& source, const std::string& before, const std::string& behind) {
  for (size_t at = source.find(before); at != std::string::npos; at = source.find(before, at + 1)) {
    const size_t begin = at + before.size(), end = source.find(behind, begin);
    if (end == std::string::npos) break;
    const std::string message = source.substr(begin, end - begin);
    if (message.find_first_of("'\"{}") == std::string::npos) return from_source(message);
  }
  return "";
}

}  // namespace

std::string ChatTemplate::opening(std::string_view message) const {
  const std::string text(message.empty() ? std::string_view(system) : message);
  if (text.empty() || plain_system) return text;
  return begin + "system\n" + text + turn_end();
}

std::string ChatTemplate::question(std::string_view message) const {
  return begin + "user\n" + std::string(message) + turn_end() + begin + "assistant\n" + reply_begins;
}

ChatTemplate read_chat_template(const std::string& tokenizer_path, const Tokenizer& tokenizer) {
  const auto [name, source] = find_template(tokenizer_path);
  if (source.empty()) {
    throw Error(ExitCode::kData, got_want(name, "nothing", "a chat template",
                                          "copy tokenizer_config.json from the folder that the model's tokenizer is "
                                          "from, or leave out --chat"));
  }
  const auto name_of = [&](int32_t id) { return tokenizer.decode_with_control(std::array<int32_t, 1>{id}); };
  ChatTemplate found;
  found.begin = name_of(tokenizer.bos_id());
  found.end = name_of(tokenizer.eos_id());
  const auto has = [&](const std::string& text) { return source.find(text) != std::string::npos; };

  const bool writes_users = has(found.begin + "user\\n") || has(found.begin + "' + message.role + '\\n'");
  if (found.begin.empty() || found.end.empty() || !writes_users || !has(found.begin + "assistant\\n") ||
      !has(found.end)) {
    throw Error(ExitCode::kData, got_want(name, "a template of another form",
                                          "one of MiniMind's, whose turns are " + found.begin +
                                              "role, a line end, the "
                                              "text and " +
                                              found.end,
                                          "or leave out --chat and write the turns into --prompt"));
  }
  found.system = own_system_message(source, found.begin + "system\\n", found.end);
  found.plain_system = !has(found.begin + "system\\n");
  // Without being asked, only MiniMind 3 closes the thought before it was begun.
  if (has("open_thinking") && has(R"(<think>\n\n</think>\n\n)")) found.reply_begins = "<think>\n\n</think>\n\n";
  return found;
}

std::string judge_joined_chats(const std::string& tokenizer_path, const std::string& text_key) {
  const auto [name, source] = find_template(tokenizer_path);
  if (source.empty()) return "";
  const std::string begin(kChatBegin), end(kChatEnd);
  if (source.find(begin) == std::string::npos || source.find(end) == std::string::npos) {
    throw Error(ExitCode::kData,
                got_want(name, family_in_words(source),
                         "one of the ChatML family, as data.text_key=" + text_key + " joins messages: " + begin +
                             "role, a line end, the text and " + end,
                         "write the conversations out with apply_chat_template(messages, tokenize=False) of "
                         "transformers, and name that key in data.text_key, with data.special_tokens=parse"));
  }
  const std::string system = own_system_message(source, begin + "system\\n", end);
  if (system.empty()) return "";
  return name + " puts a system message before conversations that have none, \"" + cut_text(visible_text(system)) +
         "\"; data.text_key=" + text_key + " joins what is there";
}

}  // namespace mm
