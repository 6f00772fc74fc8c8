// Weights from elsewhere: `init.from`.
#pragma once

#include <string>

#include "model/parameters.h"

namespace mm {

inline constexpr const char* kInitFrom = "init.from";

/// Copies weights into the master parameters, by name.
///   tied  the head is the embedding: a second copy of it in the file is checked and dropped
///   from  a run (output/<run>: its best checkpoint, else its newest), a checkpoint folder, or a .safetensors file
///   key   the setting or option that `from` is the value of, for messages
/// Throws Error(kCheckpoint) when there is none, naming the path looked at and the ways out, or when names or shapes do
/// not fit.
void load_weights(const std::string& from, bool tied, Parameters& parameters, const std::string& key = kInitFrom);

/// The file that `from` means. Throws Error(kCheckpoint) as load_weights does.
std::string find_weights(const std::string& from, const std::string& key = kInitFrom);

}  // namespace mm
