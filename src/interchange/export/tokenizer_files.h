// The tokenizer of an exported model, as transformers opens it from the folder. No torch.
#pragma once

#include <cstdint>
#include <string>

#include "interchange/huggingface_class.h"

namespace mm {

/// The special tokens of the tokenizer at `path`. Throws Error(kData) as load_tokenizer does, and when it has more
/// tokens than the `vocab_size` of the model.
SpecialTokens special_tokens(const std::string& path, int64_t vocab_size);

/// Puts the tokenizer at `path` into `folder` with a tokenizer_config.json that transformers 4.57 and 5 read alike:
///   a tokenizer.json is copied, with the config beside it where there is one, without a space before the text
///   (MiniMind
///                    v1 asked for one that its own code never put there), and with its chat_template.jinja;
///   a .model         becomes tokenizer.model for LlamaTokenizer, which puts BOS before a text as our own programs do.
/// `model_input_names` holds what a causal language model takes, so that `model.generate(**tokenizer(...))` works.
///   max_positions  the longest text that it warns about
/// Throws Error(kData), Error(kStorage).
void write_tokenizer_files(const std::string& path, int64_t max_positions, const std::string& folder);

}  // namespace mm
