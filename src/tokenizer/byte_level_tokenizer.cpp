// From the keys of a tokenizer.json to tables, and those behind the Tokenizer interface.
#include "tokenizer/byte_level_tokenizer.h"

#include <array>
#include <filesystem>
#include <span>
#include <vector>

#include "core/error.h"
#include "core/files/files.h"
#include "core/hash.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "tokenizer/byte_level_encoder.h"
#include "tokenizer/files/token_names.h"
#include "tokenizer/files/tokenizer_json.h"
#include "tokenizer/unicode/byte_alphabet.h"

namespace mm {
namespace {

/// The largest vocabularies in use, a quarter of a million tokens, take 20 to 30 MB.
constexpr size_t kMaxFileBytes = size_t{64} << 20;
constexpr size_t kMaxConfigBytes = size_t{16} << 20;

/// What a token stands for. `text` is what it decodes to: that of an added token may differ from its content.
struct TokenText {
  std::string text;
  int64_t raw_bytes = 0;  ///< of the text that it was cut from
  bool control = false;
};

/// A name whose characters all are byte symbols stands for those bytes, any other one for itself.
std::string text_of_name(const std::string& name) {
  return bytes_of_symbols(name).value_or(name);
}

std::vector<TokenText> token_texts(const TokenizerJson& file, const TokenNames& names) {
  std::vector<TokenText> tokens(static_cast<size_t>(names.end_id()));
  for (const auto& [name, id] : file.vocab) {
    TokenText& token = tokens[static_cast<size_t>(id)];
    token.text = text_of_name(name);
    token.raw_bytes = static_cast<int64_t>(token.text.size());
  }
  for (const AddedToken& added : file.added_tokens) {
    const int64_t raw_bytes = added.special ? 0 : static_cast<int64_t>(added.content.size());
    tokens[static_cast<size_t>(added.id)] = {text_of_name(added.content), raw_bytes, added.special};
  }
  return tokens;
}

std::array<int32_t, 256> byte_tokens(const TokenNames& names, const std::string& file_name) {
  std::array<int32_t, 256> tokens{};
  for (size_t byte = 0; byte < tokens.size(); ++byte) {
    const std::string symbol = symbol_of_byte(static_cast<uint8_t>(byte));
    const std::optional<int32_t> id = names.find_in_vocab(symbol);
    if (!id) {
      throw Error(ExitCode::kData,
                  got_want(file_name + ":model.vocab", format("no token for byte 0x%02X", unsigned(byte)),
                           "one for each of the 256 bytes", "text would be lost without"));
    }
    tokens[byte] = *id;
  }
  return tokens;
}

std::vector<Merge> resolved_merges(const TokenizerJson& file, const TokenNames& names, const std::string& file_name) {
  std::vector<Merge> merges;
  merges.reserve(file.merges.size());
  for (const auto& [left, right] : file.merges) {
    const auto id_of = [&](const std::string& name) {
      if (const auto id = names.find_in_vocab(name)) return *id;
      throw Error(ExitCode::kData, got_want(file_name + format(":model.merges[%zu]", merges.size()),
                                            show_key(name) + ", which model.vocab lacks", "tokens of model.vocab"));
    };
    merges.push_back({.left = id_of(left), .right = id_of(right), .merged = id_of(left + right)});
  }
  return merges;
}

/// The texts of what merges make; they live as long as `tokens`.
std::vector<std::string_view> merged_texts(const std::vector<Merge>& merges, const std::vector<TokenText>& tokens) {
  std::vector<std::string_view> texts;
  texts.reserve(merges.size());
  for (const Merge& merge : merges) texts.push_back(tokens[static_cast<size_t>(merge.merged)].text);
  return texts;
}

JoinTable joins_of(std::span<const std::string_view> texts) {
  size_t total_bytes = 0;
  for (const std::string_view text : texts) total_bytes += text.size();
  JoinTable joins(total_bytes);
  for (const std::string_view text : texts) joins.add(text);
  return joins;
}

std::vector<uint32_t> lengths_of(const std::vector<TokenText>& tokens) {
  std::vector<uint32_t> lengths;
  lengths.reserve(tokens.size());
  for (const TokenText& token : tokens) lengths.push_back(static_cast<uint32_t>(token.text.size()));
  return lengths;
}

/// Of the added tokens that `is_wanted`.
template <class IsWanted>
AddedTokenMatcher matcher_of(const TokenizerJson& file, const IsWanted& is_wanted) {
  std::vector<AddedTokenMatcher::Token> tokens;
  for (const AddedToken& added : file.added_tokens) {
    if (is_wanted(added)) tokens.push_back({added.content, static_cast<int32_t>(added.id)});
  }
  return AddedTokenMatcher(tokens);
}

AddedTokens added_tokens_of(const TokenizerJson& file, const ControlTokens& control) {
  const auto is_control = [&](const AddedToken& added) {
    return added.special || added.id == control.bos || added.id == control.eos;
  };
  return {.all = matcher_of(file, [](const AddedToken&) { return true; }),
          .control = matcher_of(file, is_control),
          .others = matcher_of(file, [&](const AddedToken& added) { return !is_control(added); })};
}

/// Equal for equal tokens and equal BOS and EOS, which the files of tokens that the data folder keeps contain.
uint64_t fingerprint_of(std::string_view json, const ControlTokens& control) {
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(json)));
  const std::array<int32_t, 2> ends = {control.bos, control.eos};
  hasher.add(std::as_bytes(std::span(ends)));
  return hasher.value();
}

class ByteLevelTokenizer : public Tokenizer {
 public:
  ByteLevelTokenizer(std::vector<TokenText> tokens, ByteLevelModel model, const ControlTokens& control,
                     uint64_t fingerprint)
      : tokens_(std::move(tokens)), model_(std::move(model)), control_(control), fingerprint_(fingerprint) {}

  std::vector<int32_t> encode(std::string_view text) const override {
    return encode_by_words(model_, text, ControlNames::kParse);
  }

  std::unique_ptr<TextEncoder<int32_t>> encoder(ControlNames names) const override {
    return std::make_unique<ByteLevelEncoder<int32_t>>(model_, names);
  }

  std::unique_ptr<TextEncoder<uint16_t>> narrow_encoder(ControlNames names) const override {
    require(vocab_size() <= 65536, "ids of 16 bits for a larger vocabulary");
    return std::make_unique<ByteLevelEncoder<uint16_t>>(model_, names);
  }

  bool has_control_names() const override { return true; }

  int64_t count_control_names(std::string_view text) const override {
    std::vector<AddedTokenMatcher::Match> matches;  // which takes no memory as long as there is none
    model_.added.control.find(text, matches);
    return std::ssize(matches);
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (!token(id).control) text += token(id).text;
    }
    return text;
  }

  std::string decode_with_control(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) text += token(id).text;
    return text;
  }

  int64_t vocab_size() const override { return static_cast<int64_t>(tokens_.size()); }
  int32_t bos_id() const override { return control_.bos; }
  int32_t eos_id() const override { return control_.eos; }
  std::optional<int32_t> pad_id() const override { return control_.pad; }
  int64_t token_bytes(int32_t id) const override { return token(id).raw_bytes; }
  uint64_t fingerprint() const override { return fingerprint_; }

 private:
  const TokenText& token(int32_t id) const {
    require(id >= 0 && id < vocab_size(), "token id outside the vocabulary");
    return tokens_[static_cast<size_t>(id)];
  }

  std::vector<TokenText> tokens_;  ///< by id; an id without a token stands for nothing
  ByteLevelModel model_;
  ControlTokens control_;
  uint64_t fingerprint_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_byte_level(const std::string& path) {
  const std::string json = read_file(path, ExitCode::kData, kMaxFileBytes);
  const std::string config_path = std::filesystem::path(path).replace_filename("tokenizer_config.json").string();
  std::error_code ignored;
  const bool has_config = std::filesystem::exists(config_path, ignored);
  const std::string config = has_config ? read_file(config_path, ExitCode::kData, kMaxConfigBytes) : "";
  return parse_byte_level({path, json}, {config_path, config});
}

std::unique_ptr<Tokenizer> parse_byte_level(const NamedText& file, const NamedText& config) {
  const TokenizerJson parsed = read_tokenizer_json(file.text, file.name);
  const TokenNames names(parsed, file.name);
  const ControlTokens control =
      find_control_tokens(names, file.name, config, parsed.template_begin, parsed.template_end);
  std::vector<TokenText> tokens = token_texts(parsed, names);
  const std::vector<Merge> merges = resolved_merges(parsed, names, file.name);
  const std::vector<std::string_view> texts = merged_texts(merges, tokens);
  BpeModel bpe{byte_tokens(names, file.name), MergeTable(merges), joins_of(texts), lengths_of(tokens)};
  CharacterTable characters(texts);
  return std::make_unique<ByteLevelTokenizer>(
      std::move(tokens),
      ByteLevelModel{added_tokens_of(parsed, control), parsed.nfc, parsed.words, std::move(bpe), std::move(characters)},
      control, fingerprint_of(file.text, control));
}

}  // namespace mm
