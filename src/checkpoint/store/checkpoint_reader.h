// Opening our checkpoints for their weights alone: verified as a resumed run verifies them, and without touching a file
// of the run, which may be training at the same moment.
#pragma once

#include <string>

namespace mm {

/// Verifies the file of weights at `path` when it is one of our checkpoints: a model.safetensors with a manifest.json
/// beside it, wherever it lies and through links as well, or one in `checkpoints/step_*` or `checkpoints/best`; and so
/// an average.safetensors. Any other path passes.
/// Throws Error(kCheckpoint) unless the file, and a config.json beside it, have the length and hash that the manifest
/// says, and the manifest the step that the folder is named after; also when the manifest is gone.
void verify_weights(const std::string& path);

/// `<checkpoints>/step_00000120`: the checkpoint that stands for a run, its weights verified as above. It is the one
/// that `best` names, else the newest. One that is damaged is passed over with a warning for the newest that is whole.
/// Returns "" when there is none at all; throws Error(kCheckpoint) with each reason when every one is damaged, or when
/// the folder cannot be read; NewerFormat.
std::string find_whole_checkpoint(const std::string& checkpoints);

/// `step_00000120/average.safetensors`, where the checkpoint that these weights belong to has one, else "".
std::string average_beside(const std::string& weights);

}  // namespace mm
