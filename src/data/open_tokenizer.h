// The tokenizer of a run: loaded, or trained on the training data first.
#pragma once

#include <cstdint>
#include <memory>

#include "data/data_config.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

namespace mm {

/// Loads the file at `config.path`. When there is none and `config.train` is true, trains it on `data.train` first,
/// with `vocab_size` tokens, and writes it there. Throws Error(kData) as load_tokenizer, TextFile and TokenizerTrainer
/// do, and when a tokenizer that was to be trained is there already with another vocabulary size; Error(kStorage) when
/// the file cannot be written.
std::unique_ptr<Tokenizer> open_tokenizer(const TokenizerConfig& config, const DataConfig& data, int64_t vocab_size);

}  // namespace mm
