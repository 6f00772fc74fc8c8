// What a tokenizer makes of texts, and what training would make of their documents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace mm {

struct InspectedTexts {
  std::vector<std::string> files;
  int64_t sequence_length = 512;
  int64_t rows = 0;  ///< packed sequences of each file to show
};

/// Prints it: of the tokenizer, of each file, and of all of them where there are several. Bad lines are counted.
///   name  of the tokenizer
void inspect(const Tokenizer& tokenizer, const std::string& name, const InspectedTexts& texts);

}  // namespace mm
