// The text of a run: packed windows, or the padded rows of a replay. No torch.
#pragma once

#include <memory>

#include "data/datasets.h"
#include "recipe/run_config.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Throws Error(kData) and Error(kStorage) as open_training_data and PaddedDataset do.
TrainingData open_run_data(const RunConfig& config, const Tokenizer& tokenizer);

}  // namespace mm
