// A tokenizer as llama.cpp reads it out of a GGUF file.
#pragma once

#include <cstdint>
#include <string>

#include "interchange/gguf/gguf_file.h"

namespace mm {

/// The settings `tokenizer.*` for the tokenizer at `path`: every token with its kind, the merges (tokenizer.json) or
/// scores (.model), the special tokens, the chat template beside a tokenizer.json if there is one.
///
/// A tokenizer.json is of the kind "gpt2" with the pre-tokenizer of llama.cpp that cuts text as its own does: "gpt-2",
/// "qwen2", "llama-bpe", "dbrx", "smollm"; a normalisation to NFC is left to whoever gives it text. A .model is of the
/// kind "llama", with `add_space_prefix` as it says.
///   vocab_size  rows of the model's embedding: ids without a token are filled up with unused ones
/// Throws Error(kData) when the tokenizer cuts or changes text in a way that llama.cpp does not know, naming it.
GgufSettings gguf_vocabulary(const std::string& path, int64_t vocab_size);

}  // namespace mm
