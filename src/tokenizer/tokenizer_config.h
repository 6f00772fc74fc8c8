// The config section `tokenizer`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mm {

class Fields;

struct TokenizerConfig {
  std::string path;
  bool train = false;
  std::optional<int64_t> vocab_size;
  int64_t training_megabytes = 10;
  double character_coverage = 0.995;

  void visit(Fields& fields);
};

}  // namespace mm
