// From the config section `data` to the two datasets of a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/data_config.h"
#include "data/packed_dataset.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct Datasets {
  PackedDataset train;                      ///< the last partial window dropped
  std::optional<PackedDataset> validation;  ///< the last window padded; none when nothing is held out
};

/// Opens (and on first use tokenizes) all files of `config`. Without data.validation, a part of the documents of
/// data.train is held out; a document stays on its side when the file grows, moves or is joined by other files. Throws
/// Error(kData) and Error(kStorage) as TokenStore::open and PackedDataset do.
Datasets open_datasets(const DataConfig& config, const Tokenizer& tokenizer);

/// The files of data.validation alone; none when there are none.
std::optional<PackedDataset> open_validation(const DataConfig& config, const Tokenizer& tokenizer);

/// Which documents of the file `path` are held out, by their number: depends on the name of the file, not on its
/// folder.
class HeldOut {
 public:
  HeldOut(const std::string& path, double fraction);
  bool operator()(int64_t document) const;

 private:
  uint64_t seed_;
  double fraction_;
};

}  // namespace mm
