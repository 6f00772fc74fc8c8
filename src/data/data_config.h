// The config section `data`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/fields.h"

namespace mm {

struct DataConfig {
  std::vector<LabelledPath> train;
  std::vector<LabelledPath> validation;
  double validation_fraction = 0.02;
  int64_t sequence_length = 512;
  std::string cache;

  void visit(Fields& fields);
};

}  // namespace mm
