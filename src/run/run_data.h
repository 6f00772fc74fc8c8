// The text of a run: packed windows, or the padded rows of a replay. No torch.
#pragma once

#include <memory>

#include "data/window_source.h"
#include "recipe/run_config.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct RunData {
  std::unique_ptr<const WindowSource> train;
  std::unique_ptr<const WindowSource> validation;  ///< null when nothing is held out
};

/// Throws Error(kData) and Error(kStorage) as open_datasets and PaddedDataset do.
RunData open_run_data(const RunConfig& config, const Tokenizer& tokenizer);

}  // namespace mm
