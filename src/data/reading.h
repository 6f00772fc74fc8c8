// How text files are read.
#pragma once

#include <cstddef>
#include <string>

namespace mm {

struct Reading {
  std::string text_key = "text";         ///< what the text of a JSON object, the column of a CSV file, is called
  bool skip_bad_lines = false;           ///< pass over them and count; else the first one is an error
  std::string cache = {};                ///< folder for what is unpacked; empty: beside the text
  size_t part_bytes = size_t{16} << 20;  ///< about how much text the tokens of one file are of (token_parts.h)
};

}  // namespace mm
