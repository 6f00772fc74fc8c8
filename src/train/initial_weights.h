// Weights from elsewhere: `init.from`.
#pragma once

#include <string>

#include "model/parameters.h"

namespace mm {

/// Copies weights into the master parameters, by name.
///   from  a run (output/<run>: its best checkpoint, else its newest), a checkpoint folder, or a .safetensors file
/// Throws Error(kCheckpoint) when there is none, naming the path looked at and both ways out, or when names or shapes
/// do not fit.
void load_weights(const std::string& from, Parameters& parameters);

/// The file that `from` means. Throws Error(kCheckpoint) as load_weights does.
std::string find_weights(const std::string& from);

}  // namespace mm
