// Which tokens begin and end a text, and which one fills a row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/files/token_names.h"

namespace mm {

struct ControlTokens {
  int32_t bos, eos;
  std::optional<int32_t> pad;
};

/// A text with the name of its file.
struct NamedText {
  std::string name;
  std::string_view text;
};

/// The tokens that `config`, a Hugging Face tokenizer_config.json, names as `bos_token`, `eos_token` and `pad_token`
/// (a string or `{"content": ...}`). BOS and EOS that it does not name are what the
/// file's template puts around a text, or `<s>` and `</s>`, or `<|im_start|>` and
/// `<|im_end|>`. An empty `config` is a file that is not there.
/// Throws Error(kData) for a name that is no token, and when BOS or EOS is not found.
ControlTokens find_control_tokens(const TokenNames& tokens, const std::string& tokenizer_file, const NamedText& config,
                                  const std::string& template_begin = "", const std::string& template_end = "");

}  // namespace mm
