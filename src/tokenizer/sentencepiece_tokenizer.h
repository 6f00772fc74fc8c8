// Tokenizers in sentencepiece's .model files.
#pragma once

#include <memory>
#include <string>

#include "tokenizer/tokenizer.h"

namespace mm {

/// Loads a sentencepiece model. With the models that train_tokenizer() makes, decode(encode(text)) == text for all
/// valid UTF-8; other models keep what their own normalisation keeps. Throws Error(kData) when the file is not such a
/// model or lacks BOS or EOS.
std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path);

}  // namespace mm
