// Each domain is a dataset of its own, so that no window reaches from one into the next.
#include "eval/domain_data.h"

#include <algorithm>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/terminal/log.h"
#include "data/datasets.h"

namespace mm {
namespace {

struct Domain {
  std::string name;
  std::vector<std::string> files;
  std::vector<PackedSource> sources;
};

/// One for each domain name, in the order in which they come first.
std::vector<Domain> group_by_name(const std::vector<PackedSource>& sources) {
  std::vector<Domain> domains;
  for (const PackedSource& source : sources) {
    auto known = std::find_if(domains.begin(), domains.end(),
                              [&](const Domain& domain) { return domain.name == source.domain; });
    if (known == domains.end()) known = domains.insert(known, {.name = source.domain, .files = {}, .sources = {}});
    known->files.push_back(source.store->text_path());
    known->sources.push_back(source);
  }
  return domains;
}

bool has_document(const std::vector<PackedSource>& sources, const KeepDocument& keep) {
  for (size_t source = 0; source < sources.size(); ++source) {
    const int64_t documents = sources[source].store->documents();
    for (int64_t document = 0; document < documents; ++document) {
      if (!keep(source, document).empty()) return true;
    }
  }
  return false;
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

std::vector<DomainData> open_domains(const DomainFiles& text, const DataConfig& config, const Tokenizer& tokenizer) {
  const std::vector<PackedSource> sources = open_sources(text.files, config, tokenizer);
  DataConfig run = config;
  run.validation.clear();
  run.validation_fraction = text.held_out_fraction;
  const HoldOut hold_out = text.held_out_fraction == 0 ? HoldOut() : hold_out_of(text.files, sources, run, tokenizer);
  std::vector<DomainData> domains;
  for (const Domain& domain : group_by_name(sources)) {
    const auto keep = [&](size_t source, int64_t document) {
      return text.held_out_fraction == 0 ? DocumentPart(true)
                                         : hold_out.validation(*domain.sources[source].store, document);
    };
    if (has_document(domain.sources, keep)) {
      domains.push_back({.name = domain.name,
                         .files = domain.files,
                         .text = validation_windows(domain.name, domain.sources, keep, config)});
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
