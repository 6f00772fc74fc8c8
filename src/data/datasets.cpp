// Opens token stores and splits their documents into training and validation.
#include "data/datasets.h"

#include <filesystem>

#include "core/error.h"
#include "core/random.h"

namespace mm {
namespace {

std::vector<PackedSource> open_sources(const std::vector<LabelledPath>& files, const DataConfig& config,
                                       const Tokenizer& tokenizer) {
  std::vector<PackedSource> sources;
  for (const LabelledPath& file : files) {
    sources.push_back(
        {.store = std::make_shared<const TokenStore>(TokenStore::open(file.path, config.cache, tokenizer)),
         .domain = file.domain.empty() ? std::filesystem::path(file.path).stem().string() : file.domain});
  }
  return sources;
}

bool keep_all(size_t, int64_t) {
  return true;
}

}  // namespace

HeldOut::HeldOut(const std::string& path, double fraction)
    : seed_(derive_seed(0, "validation " + std::filesystem::path(path).filename().string())), fraction_(fraction) {}

bool HeldOut::operator()(int64_t document) const {
  return RandomStream(seed_, "document", static_cast<uint64_t>(document)).uniform() < fraction_;
}

Datasets open_datasets(const DataConfig& config, const Tokenizer& tokenizer) {
  if (config.train.empty()) {
    throw Error(ExitCode::kData, got_want("data.train", "no files", "at least one JSONL file",
                                          "scripts/get_corpus.sh makes data/corpus/*.jsonl; or name your own file"));
  }
  using LastWindow = PackedDataset::LastWindow;
  const std::vector<PackedSource> train = open_sources(config.train, config, tokenizer);
  if (!config.validation.empty()) {
    return {.train = PackedDataset("data.train", train, keep_all, config.sequence_length, LastWindow::kDrop),
            .validation = open_validation(config, tokenizer)};
  }

  std::vector<HeldOut> held_out_of;
  for (const LabelledPath& file : config.train) held_out_of.emplace_back(file.path, config.validation_fraction);
  const auto held_out = [&](size_t source, int64_t document) { return held_out_of[source](document); };
  const auto trained_on = [&](size_t source, int64_t document) { return !held_out(source, document); };
  Datasets datasets = {
      .train = PackedDataset("data.train", train, trained_on, config.sequence_length, LastWindow::kDrop),
      .validation = {}};
  if (config.validation_fraction > 0) {
    datasets.validation.emplace("the held-out part of data.train", train, held_out, config.sequence_length,
                                LastWindow::kPad);
  }
  return datasets;
}

std::optional<PackedDataset> open_validation(const DataConfig& config, const Tokenizer& tokenizer) {
  if (config.validation.empty()) return {};
  return PackedDataset("data.validation", open_sources(config.validation, config, tokenizer), keep_all,
                       config.sequence_length, PackedDataset::LastWindow::kPad);
}

}  // namespace mm
