// The `checkpoint` section of a run's config.
#pragma once

#include <cstdint>

namespace mm {

class Fields;

struct CheckpointConfig {
  int64_t every = 500;  ///< steps between checkpoints; 0: only at the end and when stopped
  int64_t keep = 2;     ///< newest checkpoints to keep; the best one is kept besides

  void visit(Fields& fields);
};

}  // namespace mm
