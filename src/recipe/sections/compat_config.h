// The config section `compat`: replaying a run of MiniMind's own trainer. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "data/data_config.h"
#include "optim/optim_config.h"

namespace mm {

struct CompatConfig {
  std::string trainer = "none";
  int64_t epochs = 1;

  bool enabled() const { return trainer != "none"; }

  void visit(Fields& fields);
};

/// Checks what a replay wants of other sections, and holds no text out: every row is trained on.
///   where  the config file's name
///   notes  gets what MiniMind's trainer does otherwise
void resolve_compat(const CompatConfig& compat, const OptimConfig& optim, DataConfig& data, const std::string& where,
                    Problems& problems, std::vector<std::string>& notes);

}  // namespace mm
