// The config section `data`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/fields.h"
#include "data/reading.h"

namespace mm {

struct DataConfig {
  std::vector<LabelledPath> train;
  std::vector<LabelledPath> validation;
  double validation_fraction = 0.02;
  std::string hold_out_by = "content";
  std::string duplicates = "keep";
  int64_t sequence_length = 512;
  std::string packing = "stream";
  std::string validation_packing = "auto";
  std::string text_key = "text";
  std::string bad_lines = "stop";
  std::string cache;

  Reading reading() const { return {.text_key = text_key, .skip_bad_lines = bad_lines == "skip"}; }

  void visit(Fields& fields);
};

}  // namespace mm
