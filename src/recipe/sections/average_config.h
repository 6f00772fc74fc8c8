// The `average` section of a run's config: an average of the weights over the last part of it. No torch.
#pragma once

namespace mm {

class Fields;

struct AverageConfig {
  double decay = 0;
  double from = 0.5;

  bool enabled() const { return decay > 0; }

  void visit(Fields& fields);
};

}  // namespace mm
