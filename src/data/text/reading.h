// How text files are read.
#pragma once

#include <cstddef>
#include <string>

namespace mm {

class Tokenizer;

/// What becomes of control tokens whose names are written out in a text, such as `<|im_end|>`.
enum class SpecialTokensInText {
  kText,    ///< they are text
  kParse,   ///< they are the tokens
  kReject,  ///< a text that has any is a bad line
};

struct Reading {
  std::string text_key = "text";  ///< what the text of a JSON object, the column of a CSV file, is called
  SpecialTokensInText special_tokens = SpecialTokensInText::kText;
  size_t bin_token_bytes = 0;            ///< of the tokens in .bin files that do not say it; 0: those are refused
  bool skip_bad_lines = false;           ///< pass over them and count; else the first one is an error
  std::string cache = {};                ///< folder for what is unpacked; empty: beside the text
  size_t part_bytes = size_t{16} << 20;  ///< about how much text the tokens of one file are of (token_parts.h)
  const Tokenizer* tokenizer = nullptr;  ///< whose control tokens are looked for; none: nothing is
};

}  // namespace mm
