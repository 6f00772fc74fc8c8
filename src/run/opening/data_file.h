// data.json in the folder of a run: what its text was found to hold. No torch.
#pragma once

#include <string>

#include "data/training_text.h"
#include "recipe/run_config.h"

namespace mm {

/// Which fingerprint the text has, what was found in the files of data.train, how much of it is copies, and how much is
/// trained on. Of a text of several groups the file also says what the run began with: throws OtherText where that is
/// another text, Error(kStorage) where it cannot be written. Of others a checkpoint says so, and a file that cannot be
/// written is a warning.
void keep_data_file(const RunConfig& config, const TextTotals& text, bool in_groups);

}  // namespace mm
