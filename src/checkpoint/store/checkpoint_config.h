// The `checkpoint` section of a run's config.
#pragma once

#include <cstdint>
#include <string>

namespace mm {

class Fields;

struct CheckpointConfig {
  int64_t every = 500;         ///< steps between checkpoints; 0: only at the end and when stopped
  int64_t every_minutes = 15;  ///< the most that passes between two of them; 0: as long as it takes
  bool best = true;            ///< one with every new lowest validation loss, too
  bool background = true;      ///< copy the state and let the training go on while the copy is written
  int64_t keep = 2;            ///< newest checkpoints to keep; the best one is kept besides
  std::string pth = "auto";    ///< MiniMind generation of the .pth beside them, "auto" or "off"

  void visit(Fields& fields);
};

}  // namespace mm
