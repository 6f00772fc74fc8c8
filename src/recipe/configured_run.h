// A run config together with the weights it starts from: what the config leaves open, the weights say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interchange/weights.h"
#include "recipe/run_config.h"

namespace mm {

struct ConfiguredRun {
  RunConfig config;
  std::optional<Weights> weights;  ///< `init.from`, opened; none for a run from scratch or one that has begun
};

/// Reads a config as load_run_config does; where `init.from` names weights that are there, the model section is read
/// over the model in that file and checked against it. Throws Error(kConfig), Error(kCheckpoint).
ConfiguredRun configure_run(const std::string& path, const std::vector<std::string>& overrides,
                            std::vector<std::string>& notes);

/// Opens `init.from`. Throws Error(kCheckpoint), naming both ways out, when there is nothing.
Weights open_initial_weights(const InitConfig& init);

}  // namespace mm
