// What a text was found to hold, and what of it was passed over.
#pragma once

#include <cstdint>
#include <string>

#include "data/text/bad_line.h"
#include "data/text/reading.h"

namespace mm {

struct TextContents {
  int64_t documents = 0;
  int64_t tokens = 0;  ///< BOS and EOS included
  int64_t text_bytes = 0;
  int64_t empty_texts = 0;       ///< records whose text is "", passed over
  BadLineCounts bad_lines = {};  ///< records without a text, passed over
  int64_t lone_surrogates = 0;   ///< read as U+FFFD
  int64_t special_tokens = 0;    ///< names of control tokens in texts

  TextContents& operator+=(const TextContents& other);
};

/// What is worth a word besides documents: `2 bad records passed over (1 bad_json, 1 no_text), 1 empty text passed
/// over`; empty where nothing is.
std::string what_is_unusual(const TextContents& contents, SpecialTokensInText special_tokens);

}  // namespace mm
