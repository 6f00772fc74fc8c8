// From the config section `data` to the two datasets of a run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/data_config.h"
#include "data/training_text.h"
#include "data/windows/hold_out.h"
#include "data/windows/packed_dataset.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct Datasets {
  std::unique_ptr<const WindowSource> train;       ///< by data.packing; of a stream the last partial window is dropped
  std::unique_ptr<const WindowSource> validation;  ///< by data.validation_packing; null when nothing is held out
  TextContents read = {};                          ///< what was found in data.train
  Copies copies = {};                              ///< documents that are trained on, or dropped, as copies of others
};

/// Opens (and on first use tokenizes) all files of `config`. Without data.validation, a part of the text of data.train
/// is held out (HoldOut); with it, documents of data.train that are in data.validation as well are not trained on.
/// Throws Error(kConfig) for a file that is named twice, Error(kData) and Error(kStorage) as TokenStore::open,
/// PackedDataset and DocumentDataset do.
///   threads  that may tokenize; 0: as many as the process may use processors
Datasets open_datasets(const DataConfig& config, const Tokenizer& tokenizer, int threads = 0);

/// What a run trains on and validates on.
struct TrainingData {
  std::shared_ptr<TrainingText> train;
  std::shared_ptr<const WindowSource> validation;  ///< null when nothing is held out
};

/// The same, but of a text that is longer than data.shuffle_megabytes only the first group needs to be tokenized
/// (GroupedText): the rest is behind the training. The tokenizer must outlive what it returns.
TrainingData open_training_data(const DataConfig& config, const Tokenizer& tokenizer, int threads = 0);

/// Says how many documents are not trained on because they are validated on, if any.
void log_left_out(int64_t documents);

/// Says how many documents are copies of others, if any.
void log_copies(const Copies& copies, const std::string& remark);

/// The files of data.validation alone; null when there are none.
std::unique_ptr<const WindowSource> open_validation(const DataConfig& config, const Tokenizer& tokenizer,
                                                    int threads = 0);

/// A file without a label is a domain of its own, called by its stem.
std::string domain_of(const LabelledPath& file);

/// The tokens of files.
std::vector<PackedSource> open_sources(const std::vector<LabelledPath>& files, const DataConfig& config,
                                       const Tokenizer& tokenizer, int threads = 0);

/// What a run with `config` on these files, of which `sources` are the tokens, holds out. Of a text that is trained on
/// in groups it is what the first one says, whatever all of the text would say.
HoldOut hold_out_of(const std::vector<LabelledPath>& files, const std::vector<PackedSource>& sources,
                    const DataConfig& config, const Tokenizer& tokenizer, int threads = 0);

/// Throws Error(kConfig) for a file that is named twice, or to train and to validate on, unless the run began before
/// that was refused.
void check_files_once(const DataConfig& config);

/// Documents as they are trained on, in the shares of data.weights where there are any (Mixture). Throws Error(kData)
/// when there is not enough for a window, Error(kConfig) where domains and weights are not of the same names.
std::unique_ptr<const WindowSource> training_windows(std::vector<PackedSource> sources, const KeepDocument& keep,
                                                     const DataConfig& config);

/// Documents as they are validated on. Throws Error(kData) when there is nothing in them.
///   name  what messages call them
std::unique_ptr<const WindowSource> validation_windows(const std::string& name, std::vector<PackedSource> sources,
                                                       const KeepDocument& keep, const DataConfig& config);

}  // namespace mm
