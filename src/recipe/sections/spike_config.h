// The `spikes` section of a run's config: what is done when a step lies far outside what came before it. No torch.
#pragma once

#include <cstdint>
#include <string>

namespace mm {

class Fields;

struct SpikeConfig {
  std::string policy = "none";
  double deviations = 8;
  int64_t window = 128;
  double divergence = 0.5;
  int64_t back = 20;
  double rate_factor = 1;
  int64_t budget = 8;

  void visit(Fields& fields);
};

}  // namespace mm
