// Text by domain: what an evaluation reads when it is to tell domains apart. No torch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/data_config.h"
#include "data/windows/window_source.h"
#include "recipe/run_config.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Files with their labels, and which of their documents are meant.
struct DomainFiles {
  std::vector<LabelledPath> files;
  double held_out_fraction = 0;  ///< those that a run with this data.validation_fraction holds out; 0: all
};

/// The text that a run validates on: its data.validation, or what it holds out of data.train.
/// Throws Error(kConfig) when it has neither.
///   where  names the config in the message
DomainFiles validation_files(const RunConfig& config, const std::string& where);

/// One domain, of one file or several.
struct DomainData {
  std::string name;
  std::vector<std::string> files;
  std::unique_ptr<const WindowSource> text;
};

/// Opens the files, those with the same label as one domain; a file without one has its stem for a label. A domain
/// without a document is left out with a warning. Throws Error(kData) and Error(kStorage) as TokenStore::open and
/// PackedDataset do, and Error(kData) when no domain is left.
///   config  how the text is read, packed for validation and held out by, and the cache
std::vector<DomainData> open_domains(const DomainFiles& text, const DataConfig& config, const Tokenizer& tokenizer);

}  // namespace mm
