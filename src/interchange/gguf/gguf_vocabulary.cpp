// The special tokens are those that our own tokenizer found; everything else is read off the file itself.
#include "interchange/gguf/gguf_vocabulary.h"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "interchange/export/sentencepiece_model.h"
#include "interchange/export/tokenizer_files.h"

namespace mm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Kind = SentencePiece::Kind;

struct Vocabulary {
  GgufStrings tokens;
  GgufFloats scores;
  GgufInts kinds;

  /// Every id below `size` has a token, one that is never made unless it is set.
  explicit Vocabulary(size_t size)
      : tokens(size), scores(size, 0.0F), kinds(size, static_cast<int32_t>(Kind::kUnused)) {
    for (size_t id = 0; id < size; ++id) tokens[id] = "[PAD" + std::to_string(id) + "]";
  }

  void set(int64_t id, const std::string& text, Kind kind, float score = 0) {
    const auto at = static_cast<size_t>(id);
    require(at < tokens.size(), "a token of a model's tokenizer has a row of its embedding");
    tokens[at] = text;
    kinds[at] = static_cast<int32_t>(kind);
    scores[at] = score;
  }
};

[[noreturn]] void refuse(const std::string& where, const std::string& got) {
  throw Error(ExitCode::kData, got_want(where, got, "one that llama.cpp has too", "export to Hugging Face instead"));
}

/// What cuts text into words before merges are made, and llama.cpp's name for it.
struct PreTokenizer {
  std::string_view pattern;
  bool ignores_merges;  ///< a word that is a token is that token
  std::string_view name;
};

/// Qwen's pattern and Llama 3's differ in how many digits make a word.
constexpr std::string_view kQwen = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
                                   R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
                                     R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<PreTokenizer, 3> kPatterns = {{
    {kQwen, false, "qwen2"},
    {kLlama3, true, "llama-bpe"},
    {kLlama3, false, "dbrx"},
}};

bool is_byte_level(const Json& step, bool with_pattern) {
  return step.value("type", "") == "ByteLevel" && step.value("use_regex", true) == with_pattern &&
         !step.value("add_prefix_space", true);
}

/// The pattern of a Split in front of bytes, "" for anything else.
std::string split_pattern(const Json& steps) {
  if (steps.size() != 2 || !is_byte_level(steps[1], false)) return "";
  const bool splits = steps[0].value("type", "") == "Split" && steps[0].value("behavior", "") == "Isolated";
  return splits ? steps[0].value("pattern", Json::object()).value("Regex", "") : "";
}

std::string pre_tokenizer_name(const Json& pre, bool ignores_merges, const std::string& where) {
  const Json steps = pre.value("pretokenizers", Json::array());
  const std::string pattern = split_pattern(steps);
  for (const PreTokenizer& known : kPatterns) {
    if (known.pattern == pattern && known.ignores_merges == ignores_merges) return std::string(known.name);
  }
  if (ignores_merges) refuse(where + ":model.ignore_merges", "true with another pattern than Llama 3's");
  if (is_byte_level(pre, true)) return "gpt-2";
  const bool digits = steps.size() == 2 && steps[0].value("type", "") == "Digits" &&
                      steps[0].value("individual_digits", false) && is_byte_level(steps[1], true);
  if (digits) return "smollm";
  refuse(where + ":pre_tokenizer", show_text(pre.dump()));
}

GgufStrings merges_of(const Json& merges) {
  GgufStrings result;
  for (const Json& merge : merges) {
    if (merge.is_string()) {
      const auto text = merge.get<std::string>();
      if (!text.starts_with("#version")) result.push_back(text);
    } else {
      result.push_back(merge.at(0).get<std::string>() + " " + merge.at(1).get<std::string>());
    }
  }
  return result;
}

/// The chat template beside a tokenizer, "" when there is none.
std::string chat_template(const fs::path& folder, const Json& config) {
  const fs::path file = folder / "chat_template.jinja";
  if (path_kind(file.string(), ExitCode::kData) == PathKind::kFile) return read_file(file.string(), ExitCode::kData);
  const auto found = config.find("chat_template");
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

Json parse(const fs::path& path) {
  return Json::parse(read_file(path.string(), ExitCode::kData), nullptr, /*allow_exceptions=*/false);
}

GgufSettings byte_level(const fs::path& path, size_t vocab_size) {
  const Json file = parse(path);
  const Json& model = file.at("model");
  Vocabulary vocabulary(vocab_size);
  for (const auto& [token, id] : model.at("vocab").items()) vocabulary.set(id.get<int64_t>(), token, Kind::kNormal);
  for (const Json& added : file.value("added_tokens", Json::array())) {
    const bool special = added.value("special", false);
    vocabulary.set(added.at("id").get<int64_t>(), added.at("content").get<std::string>(),
                   special ? Kind::kControl : Kind::kUserDefined);
  }
  const Json normalizer = file.value("normalizer", Json());
  if (!normalizer.is_null() && normalizer.value("type", "") != "NFC") {
    refuse(path.string() + ":normalizer", show_text(normalizer.dump()));
  }
  GgufSettings settings = {
      {"tokenizer.ggml.model", "gpt2"},
      {"tokenizer.ggml.pre",
       pre_tokenizer_name(file.at("pre_tokenizer"), model.value("ignore_merges", false), path.string())},
      {"tokenizer.ggml.tokens", vocabulary.tokens},
      {"tokenizer.ggml.token_type", vocabulary.kinds},
      {"tokenizer.ggml.merges", merges_of(model.at("merges"))},
  };
  const fs::path config_path = path.parent_path() / "tokenizer_config.json";
  const bool has_config = path_kind(config_path.string(), ExitCode::kData) == PathKind::kFile;
  const Json config = has_config ? parse(config_path) : Json::object();
  settings.emplace_back("tokenizer.ggml.add_bos_token", config.value("add_bos_token", false));
  settings.emplace_back("tokenizer.ggml.add_eos_token", false);
  if (const std::string chat = chat_template(path.parent_path(), config); !chat.empty()) {
    settings.emplace_back("tokenizer.chat_template", chat);
  }
  return settings;
}

GgufSettings sentencepiece(const fs::path& path, size_t vocab_size) {
  const SentencepieceModel model = read_sentencepiece_model(read_file(path.string(), ExitCode::kData), path.string());
  if (!model.is_bpe) refuse(path.string(), "a sentencepiece model that is not of the kind bpe");
  if (!model.normalization_table.empty()) {
    refuse(path.string(), "text normalised by " + show_text(model.normalization));
  }
  Vocabulary vocabulary(vocab_size);
  uint32_t unknown = 0;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePiece& piece = model.pieces[id];
    vocabulary.set(static_cast<int64_t>(id), piece.text, piece.kind, piece.score);
    if (piece.kind == Kind::kUnknown) unknown = static_cast<uint32_t>(id);
  }
  return {
      {"tokenizer.ggml.model", "llama"},
      {"tokenizer.ggml.pre", "default"},
      {"tokenizer.ggml.tokens", vocabulary.tokens},
      {"tokenizer.ggml.scores", vocabulary.scores},
      {"tokenizer.ggml.token_type", vocabulary.kinds},
      {"tokenizer.ggml.unknown_token_id", unknown},
      {"tokenizer.ggml.add_space_prefix", model.adds_space},
      {"tokenizer.ggml.remove_extra_whitespaces", model.removes_spaces},
      {"tokenizer.ggml.add_bos_token", true},
      {"tokenizer.ggml.add_eos_token", false},
  };
}

}  // namespace

GgufSettings gguf_vocabulary(const std::string& path, int64_t vocab_size) {
  const SpecialTokens tokens =
      special_tokens(path, vocab_size);  // which loads it, so that the file is known to be whole
  const bool in_folder = path_kind(path, ExitCode::kData) == PathKind::kFolder;
  const fs::path file = in_folder ? fs::path(path) / "tokenizer.json" : fs::path(path);
  const auto rows = static_cast<size_t>(vocab_size);
  GgufSettings settings = file.extension() == ".model" ? sentencepiece(file, rows) : byte_level(file, rows);
  settings.emplace_back("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(tokens.bos));
  settings.emplace_back("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(tokens.eos));
  settings.emplace_back("tokenizer.ggml.padding_token_id", static_cast<uint32_t>(tokens.pad));
  return settings;
}

}  // namespace mm
