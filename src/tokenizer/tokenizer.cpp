// Picks the kind of tokenizer by the name of its file; encoders for those that have no faster one.
#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "tokenizer/byte_level_tokenizer.h"
#include "tokenizer/sentencepiece_tokenizer.h"

namespace mm {
namespace {

constexpr std::string_view kWanted = "a sentencepiece .model file or a tokenizer.json";

template <class Id>
class PlainEncoder : public TextEncoder<Id> {
 public:
  explicit PlainEncoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void encode_into(std::string_view text, TokenBuffer<Id>& ids) override {
    const std::vector<int32_t> encoded = tokenizer_.encode(text);
    Id* const out = ids.room(encoded.size());
    ids.keep(std::ranges::transform(encoded, out, [](int32_t id) { return static_cast<Id>(id); }).out);
  }

 private:
  const Tokenizer& tokenizer_;
};

}  // namespace

std::unique_ptr<TextEncoder<int32_t>> Tokenizer::encoder(ControlNames) const {
  return std::make_unique<PlainEncoder<int32_t>>(*this);
}

std::unique_ptr<TextEncoder<uint16_t>> Tokenizer::narrow_encoder(ControlNames) const {
  return std::make_unique<PlainEncoder<uint16_t>>(*this);
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path in_folder = fs::path(path) / "tokenizer.json";
  if (fs::is_regular_file(in_folder, ignored)) return load_byte_level(in_folder.string());
  if (!fs::is_regular_file(path, ignored)) {
    throw Error(ExitCode::kData,
                got_want("tokenizer.path", path.empty() ? "nothing" : "no file at " + path, kWanted,
                         "set tokenizer.train to true to train it from data.train, or put the file there"));
  }
  const std::string ending = fs::path(path).extension().string();
  if (ending == ".model") return load_sentencepiece(path);
  if (ending == ".json") return load_byte_level(path);
  throw Error(ExitCode::kData, got_want("tokenizer.path", path, kWanted, "name another file"));
}

}  // namespace mm
