// Picks the kind of tokenizer by the name of its file.
#include "tokenizer/tokenizer.h"

#include <filesystem>

#include "core/error.h"
#include "tokenizer/sentencepiece_tokenizer.h"

namespace mm {

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    throw Error(
        ExitCode::kData,
        got_want("tokenizer.path", path.empty() ? "nothing" : "no file at " + path, "a sentencepiece .model file",
                 "set tokenizer.train to true to train it from data.train, or put the file there"));
  }
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".model") return load_sentencepiece(path);
  throw Error(ExitCode::kData,
              got_want("tokenizer.path", path, "a sentencepiece .model file",
                       ending == ".json" ? "a Hugging Face tokenizer.json cannot be read yet" : "name another file"));
}

}  // namespace mm
