// Opens token stores and splits their documents into training and validation.
#include "data/datasets.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/problems.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "data/grouped_text.h"
#include "data/text/files/text_paths.h"
#include "data/text/files/unpacked.h"
#include "data/windows/mixture.h"
#include "data/windows/packing/document_dataset.h"

namespace mm {
namespace {

bool keep_all(size_t, int64_t) {
  return true;
}

bool by_content(const DataConfig& config) {
  return config.hold_out_by == "content";
}

/// Each text once, if that is wanted; how much of it is there more than once is said in any case.
std::unique_ptr<const WindowSource> distinct_training_windows(const std::vector<PackedSource>& sources,
                                                              const KeepDocument& keep, const DataConfig& config,
                                                              Copies& copies) {
  const FirstCopies first(sources, keep);
  copies = first.copies();
  const bool drop = config.duplicates == "drop";
  log_copies(first.copies(), drop ? "they are dropped" : "data.duplicates=drop trains on each text once");
  if (!drop) return training_windows(sources, keep, config);
  const auto keep_first = [&](size_t source, int64_t document) {
    return first.is_first(source, document) ? keep(source, document) : DocumentPart(false);
  };
  return training_windows(sources, keep_first, config);
}

HoldOut hold_out_of_all(const std::vector<PackedSource>& sources, const DataConfig& config) {
  const auto by = config.hold_out_by == "position" ? HoldOut::By::kPosition : HoldOut::By::kContent;
  return {sources, config.validation_fraction, by};
}

int64_t count_left_out(const std::vector<PackedSource>& sources, const KeepDocument& keep) {
  int64_t left_out = 0;
  for (size_t source = 0; source < sources.size(); ++source) {
    const int64_t documents = sources[source].store->documents();
    for (int64_t document = 0; document < documents; ++document) left_out += keep(source, document).empty();
  }
  return left_out;
}

}  // namespace

std::string domain_of(const LabelledPath& file) {
  return file.domain.empty() ? std::filesystem::path(unpacked_name(file.path)).stem().string() : file.domain;
}

void check_files_once(const DataConfig& config) {
  if (!by_content(config)) return;
  struct Named {
    std::string key, path;
  };
  std::vector<Named> named;
  Problems problems;
  const auto add = [&](const std::string& list, const std::vector<LabelledPath>& files) {
    for (size_t i = 0; i < files.size(); ++i) {
      const Named file{list + format("[%zu]", i), files[i].path};
      for (const Named& other : named) {
        std::error_code ignored;
        if (!std::filesystem::equivalent(other.path, file.path, ignored)) continue;
        problems.add(file.key, file.path + ", which is the file of " + other.key, "every file once",
                     "remove one of them");
      }
      named.push_back(file);
    }
  };
  add("data.train", text_files(config.train));
  add("data.validation", text_files(config.validation));
  problems.throw_if_any();
}

namespace {

std::unique_ptr<const WindowSource> training_windows_of(const std::string& name, std::vector<PackedSource> sources,
                                                        const KeepDocument& keep, const DataConfig& config) {
  if (config.packing == "stream") {
    return std::make_unique<PackedDataset>(name, std::move(sources), keep, config.sequence_length,
                                           PackedDataset::LastWindow::kDrop);
  }
  const auto rows = config.packing == "padded" ? DocumentDataset::Rows::kOneDocument : DocumentDataset::Rows::kPacked;
  return std::make_unique<DocumentDataset>(name, std::move(sources), keep, config.sequence_length, rows);
}

/// Each domain by itself, so that no sequence is of two of them.
std::unique_ptr<const WindowSource> mixture_of(const std::vector<PackedSource>& sources, const KeepDocument& keep,
                                               const DataConfig& config) {
  const std::map<std::string, double> weight_of = config.weight_of_domain();
  const std::vector<std::string> domains = SourceDomains(sources).names;
  for (const auto& [domain, weight] : weight_of) {
    if (std::find(domains.begin(), domains.end(), domain) != domains.end()) continue;
    throw Error(ExitCode::kConfig, got_want("data.weights", "a weight of \"" + domain + "\", of which there is no text",
                                            "domains of data.train: " + join(domains, ", ")));
  }
  std::vector<Mixture::Source> mixed;
  for (const std::string& domain : domains) {
    if (!weight_of.contains(domain)) {
      throw Error(ExitCode::kConfig, got_want("data.weights", "no weight of \"" + domain + "\"",
                                              "one of each domain of data.train: " + join(domains, ", ")));
    }
    std::vector<PackedSource> its;
    std::vector<size_t> numbers;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].domain != domain) continue;
      its.push_back(sources[i]);
      numbers.push_back(i);
    }
    const auto keep_its = [&](size_t source, int64_t document) { return keep(numbers[source], document); };
    mixed.push_back({.name = domain,
                     .weight = weight_of.at(domain),
                     .windows = training_windows_of("domain " + domain, std::move(its), keep_its, config)});
  }
  auto mixture = std::make_unique<Mixture>(std::move(mixed));
  log_info("mixture   " + mixture->in_words());
  return mixture;
}

}  // namespace

std::unique_ptr<const WindowSource> training_windows(std::vector<PackedSource> sources, const KeepDocument& keep,
                                                     const DataConfig& config) {
  if (!config.weights.empty()) return mixture_of(sources, keep, config);
  return training_windows_of("data.train", std::move(sources), keep, config);
}

void log_left_out(int64_t documents) {
  if (documents == 0) return;
  log_info("copies    " + with_commas(documents) +
           " documents of data.train are in data.validation, too, and are not trained on");
}

void log_copies(const Copies& copies, const std::string& remark) {
  if (copies.documents == 0) return;
  log_info(format("copies    %s documents (%s tokens) say exactly what an earlier one says; ",
                  with_commas(copies.documents).c_str(), with_commas(copies.tokens).c_str()) +
           remark);
}

std::vector<PackedSource> open_sources(const std::vector<LabelledPath>& files, const DataConfig& config,
                                       const Tokenizer& tokenizer, int threads) {
  std::vector<PackedSource> sources;
  for (const LabelledPath& file : text_files(files)) {
    sources.push_back({.store = std::make_shared<const TokenStore>(
                           TokenStore::open(file.path, config.cache, tokenizer, threads, config.reading())),
                       .domain = domain_of(file)});
  }
  return sources;
}

HoldOut hold_out_of(const std::vector<LabelledPath>& files, const std::vector<PackedSource>& sources,
                    const DataConfig& config, const Tokenizer& tokenizer, int threads) {
  const std::vector<LabelledPath> each = text_files(files);
  if (GroupedText::is_for(each, config)) return GroupedText(each, config, {}, tokenizer, threads).held_out();
  return hold_out_of_all(sources, config);
}

Datasets open_datasets(const DataConfig& config, const Tokenizer& tokenizer, int threads) {
  if (config.train.empty()) {
    throw Error(ExitCode::kData, got_want("data.train", "no files", "at least one JSONL file", kWhereTextComesFrom));
  }
  check_files_once(config);
  const std::vector<PackedSource> train = open_sources(config.train, config, tokenizer, threads);
  Datasets datasets;
  for (const PackedSource& source : train) datasets.read += source.store->contents();
  if (!config.validation.empty()) {
    const std::vector<PackedSource> validation = open_sources(config.validation, config, tokenizer, threads);
    const std::vector<uint64_t> known = by_content(config) ? sorted_hashes(validation) : std::vector<uint64_t>();
    const auto trained_on = [&](size_t source, int64_t document) {
      return !std::binary_search(known.begin(), known.end(), train[source].store->document_hash(document));
    };
    if (by_content(config)) log_left_out(count_left_out(train, trained_on));
    datasets.train = distinct_training_windows(train, trained_on, config, datasets.copies);
    datasets.validation = validation_windows("data.validation", validation, keep_all, config);
    return datasets;
  }

  const HoldOut hold_out = hold_out_of_all(train, config);
  const auto held_out = [&](size_t source, int64_t document) {
    return hold_out.validation(*train[source].store, document);
  };
  const auto trained_on = [&](size_t source, int64_t document) {
    return hold_out.training(*train[source].store, document);
  };
  datasets.train = distinct_training_windows(train, trained_on, config, datasets.copies);
  if (config.validation_fraction > 0) {
    datasets.validation = validation_windows("the held-out part of data.train", train, held_out, config);
  }
  return datasets;
}

TrainingData open_training_data(const DataConfig& config, const Tokenizer& tokenizer, int threads) {
  const std::vector<LabelledPath> files = text_files(config.train);
  if (!GroupedText::is_for(files, config)) {
    Datasets datasets = open_datasets(config, tokenizer, threads);
    return {.train = std::make_shared<WholeText>(std::move(datasets.train), datasets.read, datasets.copies),
            .validation = std::move(datasets.validation)};
  }
  check_files_once(config);
  std::vector<PackedSource> validation;
  std::vector<uint64_t> known;
  if (!config.validation.empty()) {
    validation = open_sources(config.validation, config, tokenizer, threads);
    known = sorted_hashes(validation);
  }
  const auto train = std::make_shared<GroupedText>(files, config, std::move(known), tokenizer, threads);
  TrainingData data = {.train = train, .validation = {}};
  if (!config.validation.empty()) {
    data.validation = validation_windows("data.validation", validation, keep_all, config);
  } else if (config.validation_fraction > 0) {
    data.validation = train->validation();
  }
  return data;
}

std::unique_ptr<const WindowSource> open_validation(const DataConfig& config, const Tokenizer& tokenizer, int threads) {
  if (config.validation.empty()) return nullptr;
  check_files_once(config);
  return validation_windows("data.validation", open_sources(config.validation, config, tokenizer, threads), keep_all,
                            config);
}

std::unique_ptr<const WindowSource> validation_windows(const std::string& name, std::vector<PackedSource> sources,
                                                       const KeepDocument& keep, const DataConfig& config) {
  const bool as_trained = config.validation_packing == "auto";
  if ((as_trained ? config.packing : config.validation_packing) == "stream") {
    return std::make_unique<PackedDataset>(name, std::move(sources), keep, config.sequence_length,
                                           PackedDataset::LastWindow::kPad);
  }
  return std::make_unique<DocumentDataset>(name, std::move(sources), keep, config.sequence_length,
                                           DocumentDataset::Rows::kPacked);
}

}  // namespace mm
