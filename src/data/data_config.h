// The config section `data`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/config/fields.h"
#include "data/text/reading.h"

namespace mm {

struct DataConfig {
  std::vector<LabelledPath> train;
  std::vector<LabelledPath> validation;
  double validation_fraction = 0.02;
  std::string hold_out_by = "content";
  std::string duplicates = "keep";
  std::vector<std::string> weights;
  int64_t shuffle_megabytes = 64;
  int64_t sequence_length = 512;
  std::string packing = "stream";
  std::string validation_packing = "auto";
  std::string text_key = "text";
  std::string special_tokens = "text";
  std::string bin_tokens = "none";
  std::string bad_lines = "stop";
  std::string cache;

  Reading reading() const;
  /// How much text is shuffled together, in bytes; 0: all of it.
  size_t shuffle_bytes() const { return static_cast<size_t>(shuffle_megabytes) << 20; }

  /// Copies can be dropped, and shares of sources kept, where all of them are known.
  bool shuffles_in_groups() const {
    return shuffle_megabytes > 0 && hold_out_by == "content" && duplicates == "keep" && weights.empty();
  }

  /// `weights` by domain. Throws Error(kConfig) for what is no `domain=number`, a number that is not above 0, and a
  /// domain that comes twice.
  std::map<std::string, double> weight_of_domain() const;

  void visit(Fields& fields);
};

}  // namespace mm
