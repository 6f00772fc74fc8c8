// Tokenizers in Hugging Face's tokenizer.json: byte-level BPE, as every generation of MiniMind has it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tokenizer/files/control_tokens.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Loads `path`, and from the tokenizer_config.json in the same folder, if there is one, which tokens are BOS, EOS and
/// padding. For valid UTF-8 it gives the ids of version 0.22 of Hugging Face's tokenizers, and decodes as that does.
/// Throws Error(kData) when a file is missing or damaged, asks for anything else, or has no BOS or EOS.
std::unique_ptr<Tokenizer> load_byte_level(const std::string& path);

/// The same from texts in memory; without `config.text` the control tokens are the usual ones.
std::unique_ptr<Tokenizer> parse_byte_level(const NamedText& file, const NamedText& config);

}  // namespace mm
