// Each domain is a dataset of its own, so that no window reaches from one into the next.
#include "eval/domain_data.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/log.h"
#include "data/datasets.h"

namespace mm {
namespace {

struct Domain {
  std::string name;
  std::vector<std::string> files;
};

std::vector<Domain> group_by_label(const std::vector<LabelledPath>& files) {
  std::vector<Domain> domains;
  for (const LabelledPath& file : files) {
    const std::string name = file.domain.empty() ? std::filesystem::path(file.path).stem().string() : file.domain;
    auto known =
        std::find_if(domains.begin(), domains.end(), [&](const Domain& domain) { return domain.name == name; });
    if (known == domains.end()) known = domains.insert(known, {.name = name, .files = {}});
    known->files.push_back(file.path);
  }
  return domains;
}

std::optional<DomainData> open_domain(const Domain& domain, double held_out_fraction, const DataConfig& config,
                                      const Tokenizer& tokenizer) {
  std::vector<PackedSource> sources;
  std::vector<HeldOut> held_out;
  for (const std::string& file : domain.files) {
    sources.push_back({.store = std::make_shared<const TokenStore>(TokenStore::open(file, config.cache, tokenizer)),
                       .domain = domain.name});
    held_out.emplace_back(file, held_out_fraction);
  }
  const auto keep = [&](size_t source, int64_t document) {
    return held_out_fraction == 0 || held_out[source](document);
  };

  std::vector<int64_t> ends;
  int64_t tokens = 0;
  for (size_t source = 0; source < sources.size(); ++source) {
    const TokenStore& store = *sources[source].store;
    for (int64_t document = 0; document < store.documents(); ++document) {
      if (!keep(source, document)) continue;
      tokens += store.document_end(document) - store.document_begin(document);
      ends.push_back(tokens);
    }
  }
  if (ends.empty()) return {};
  return DomainData{.name = domain.name,
                    .files = domain.files,
                    .text = PackedDataset(domain.name, std::move(sources), keep, config.sequence_length,
                                          PackedDataset::LastWindow::kPad),
                    .document_ends = std::move(ends)};
}

}  // namespace

DomainFiles validation_files(const RunConfig& config, const std::string& where) {
  if (!config.data.validation.empty()) return {.files = config.data.validation};
  if (config.data.validation_fraction == 0 || config.data.train.empty()) {
    throw Error(ExitCode::kConfig, got_want(where + ":data.validation", "a run that holds no text out",
                                            "one that validates on something", "name the files with --data"));
  }
  return {.files = config.data.train, .held_out_fraction = config.data.validation_fraction};
}

int64_t DomainData::document_at(int64_t position) const {
  return std::upper_bound(document_ends.begin(), document_ends.end(), position) - document_ends.begin();
}

std::vector<DomainData> open_domains(const DomainFiles& text, const DataConfig& config, const Tokenizer& tokenizer) {
  std::vector<DomainData> domains;
  for (const Domain& domain : group_by_label(text.files)) {
    if (auto opened = open_domain(domain, text.held_out_fraction, config, tokenizer)) {
      domains.push_back(std::move(*opened));
    } else {
      log_warning("domain " + show_key(domain.name) + " has no document to read and is left out");
    }
  }
  if (domains.empty()) {
    throw Error(ExitCode::kData, got_want("data", "no document in any of the files", "text to evaluate on"));
  }
  return domains;
}

}  // namespace mm
