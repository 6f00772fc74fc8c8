// Files are copied as they are; only the config is ours.
#include "interchange/export/tokenizer_files.h"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text.h"
#include "interchange/export/sentencepiece_model.h"
#include "tokenizer/tokenizer.h"

namespace mm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kConfigName = "tokenizer_config.json";
constexpr const char* kTemplateName = "chat_template.jinja";

bool is_file(const fs::path& path) {
  return path_kind(path.string(), ExitCode::kData) == PathKind::kFile;
}

SpecialTokens tokens_of(const Tokenizer& tokenizer) {
  return {.bos = tokenizer.bos_id(), .eos = tokenizer.eos_id(), .pad = tokenizer.pad_id().value_or(0)};
}

Json read_config(const fs::path& path) {
  if (!is_file(path)) return Json::object();
  Json json = Json::parse(read_file(path.string(), ExitCode::kData), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    throw Error(ExitCode::kData, got_want(path.string(), "text that is not a JSON object", "a tokenizer config"));
  }
  return json;
}

/// Names special tokens that the config does not name itself.
void name_missing(const Tokenizer& tokenizer, Json& config) {
  const auto name = [&](const char* key, int64_t id) {
    if (config.contains(key) && !config[key].is_null()) return;
    config[key] = tokenizer.decode_with_control(std::vector<int32_t>{static_cast<int32_t>(id)});
  };
  const SpecialTokens tokens = tokens_of(tokenizer);
  name("bos_token", tokens.bos);
  name("eos_token", tokens.eos);
  name("pad_token", tokens.pad);
}

/// A tokenizer.json with what lies beside it.
Json copy_tokenizer_json(const fs::path& path, const Tokenizer& tokenizer, const std::string& folder) {
  write_file_atomic(folder + "/tokenizer.json", read_file(path.string(), ExitCode::kData));
  if (const fs::path chat = path.parent_path() / kTemplateName; is_file(chat)) {
    write_file_atomic(folder + "/" + kTemplateName, read_file(chat.string(), ExitCode::kData));
  }
  Json config = read_config(path.parent_path() / kConfigName);
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["add_prefix_space"] = false;
  name_missing(tokenizer, config);
  return config;
}

Json copy_sentencepiece(const fs::path& path, const Tokenizer& tokenizer, const std::string& folder) {
  const std::string bytes = read_file(path.string(), ExitCode::kData);
  const SentencepieceModel model = read_sentencepiece_model(bytes, path.string());
  write_file_atomic(folder + "/tokenizer.model", bytes);
  Json config;
  config["tokenizer_class"] = "LlamaTokenizer";
  config["legacy"] = false;
  config["add_prefix_space"] = model.adds_space;
  config["add_bos_token"] = true;
  config["add_eos_token"] = false;
  config["clean_up_tokenization_spaces"] = false;
  config["spaces_between_special_tokens"] = false;
  const auto name = [&](int64_t id) { return model.pieces.at(static_cast<size_t>(id)).text; };
  const SpecialTokens tokens = tokens_of(tokenizer);
  config["bos_token"] = name(tokens.bos);
  config["eos_token"] = name(tokens.eos);
  config["pad_token"] = name(tokens.pad);
  for (const SentencePiece& piece : model.pieces) {
    if (piece.kind == SentencePiece::Kind::kUnknown) config["unk_token"] = piece.text;
  }
  return config;
}

}  // namespace

SpecialTokens special_tokens(const std::string& path, int64_t vocab_size) {
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  if (tokenizer->vocab_size() > vocab_size) {
    throw Error(ExitCode::kData, got_want(path, with_commas(tokenizer->vocab_size()) + " tokens",
                                          "at most the " + with_commas(vocab_size) + " of the model",
                                          "name the one that the model was trained with with --tokenizer"));
  }
  return tokens_of(*tokenizer);
}

void write_tokenizer_files(const std::string& path, int64_t max_positions, const std::string& folder) {
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  const bool in_folder = path_kind(path, ExitCode::kData) == PathKind::kFolder;
  const fs::path file = in_folder ? fs::path(path) / "tokenizer.json" : fs::path(path);
  Json config = file.extension() == ".model" ? copy_sentencepiece(file, *tokenizer, folder)
                                             : copy_tokenizer_json(file, *tokenizer, folder);
  config["model_input_names"] = {"input_ids", "attention_mask"};
  config["model_max_length"] = max_positions;
  write_file_atomic(folder + "/" + kConfigName, config.dump(2) + "\n");
}

}  // namespace mm
