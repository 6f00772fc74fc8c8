// The key `pre_tokenizer` of a tokenizer.json.
#pragma once

#include <string_view>

#include "core/json/json_reader.h"
#include "tokenizer/bpe/pretokenizer.h"

namespace mm {

/// What a user can do about an option that is refused.
inline constexpr std::string_view kNotSupported = "this tokenizer cannot be used: the option is not supported";

/// How a file cuts words: by GPT-2's pattern (`ByteLevel`), by GPT-4's in one of its known spellings (`Split` and then
/// `ByteLevel`), numbers cut out before (`Digits`). Throws Error(kData) that names the key for anything else.
WordRules read_pre_tokenizer(JsonReader& value);

}  // namespace mm
