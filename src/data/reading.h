// How text files are read.
#pragma once

#include <string>

namespace mm {

struct Reading {
  std::string text_key = "text";  ///< what the text of a JSON object, the column of a CSV file, is called
  bool skip_bad_lines = false;    ///< pass over them and count; else the first one is an error
};

}  // namespace mm
