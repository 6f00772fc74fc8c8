// From the config section `data` to the two datasets of a run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/data_config.h"
#include "data/hold_out.h"
#include "data/packed_dataset.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct Datasets {
  std::unique_ptr<const WindowSource> train;       ///< by data.packing; of a stream the last partial window is dropped
  std::unique_ptr<const WindowSource> validation;  ///< by data.validation_packing; null when nothing is held out
};

/// Opens (and on first use tokenizes) all files of `config`. Without data.validation, a part of the text of data.train
/// is held out (HoldOut); with it, documents of data.train that are in data.validation as well are not trained on.
/// Throws Error(kConfig) for a file that is named twice, Error(kData) and Error(kStorage) as TokenStore::open,
/// PackedDataset and DocumentDataset do.
///   threads  that may tokenize; 0: as many as the process may use processors
Datasets open_datasets(const DataConfig& config, const Tokenizer& tokenizer, int threads = 0);

/// The files of data.validation alone; null when there are none.
std::unique_ptr<const WindowSource> open_validation(const DataConfig& config, const Tokenizer& tokenizer,
                                                    int threads = 0);

/// The tokens of files; the domain of one without a label is called by its stem.
std::vector<PackedSource> open_sources(const std::vector<LabelledPath>& files, const DataConfig& config,
                                       const Tokenizer& tokenizer, int threads = 0);

/// What is held out of these texts as `config` has it.
HoldOut hold_out_of(const std::vector<PackedSource>& sources, const DataConfig& config);

/// Documents as they are validated on. Throws Error(kData) when there is nothing in them.
///   name  what messages call them
std::unique_ptr<const WindowSource> validation_windows(const std::string& name, std::vector<PackedSource> sources,
                                                       const KeepDocument& keep, const DataConfig& config);

}  // namespace mm
