// How long a run is: in steps, in passes over its text or in tokens, whichever the config says. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/config.h"

namespace mm {

struct RunConfig;

/// One of train.steps, train.epochs and train.tokens is left in the sources: that of the command line, else that of the
/// file. Two in one place are a problem.
void choose_length(std::vector<ConfigSource>& sources, Problems& problems);

/// Gives train.steps the value that train.tokens makes, or its default where no length is given; the passes of a replay
/// to compat.epochs. train.steps stays without a value where train.epochs is the length: only the text tells.
///   where  the config file's name
void resolve_length(RunConfig& config, const std::string& where, Problems& problems);

/// Gives train.steps the value that train.epochs makes, rounded up; does nothing where another length was given.
///   windows   training sequences in one pass
///   step      updates done
///   position  sequences seen in them; other than `step` of the batches of today where their size was changed
void resolve_epochs(RunConfig& config, int64_t windows, int64_t step, int64_t position);

/// What there is to say of a warm-up that is longer than the run, which cuts it off; "" for any other.
std::string explain_long_warmup(const RunConfig& config);

/// `240 steps are 1.20 epochs, 983,040 tokens`, of a run whose steps are known.
std::string describe_length(const RunConfig& config, int64_t windows, int64_t step, int64_t position);

}  // namespace mm
