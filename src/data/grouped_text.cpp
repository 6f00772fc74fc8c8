// One thread waits behind the training for the last part and counts; the others make parts.
#include "data/grouped_text.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/process/go_last.h"
#include "core/process/machine.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "data/datasets.h"
#include "data/text/files/unpacked.h"

namespace mm {
namespace {

size_t bytes_of(const std::vector<LabelledPath>& files, const std::string& cache) {
  size_t bytes = 0;
  for (const LabelledPath& file : files) {
    std::error_code missing;  // which is told of by who opens it
    const auto size = std::filesystem::file_size(unpacked(file.path, cache), missing);
    if (!missing) bytes += size;
  }
  return bytes;
}

template <class T>
void add_values(Hasher& hasher, const T& values) {
  hasher.add(std::as_bytes(std::span(values)));
}

}  // namespace

bool GroupedText::is_for(const std::vector<LabelledPath>& files, const DataConfig& config) {
  return config.shuffles_in_groups() && bytes_of(files, config.cache) > config.shuffle_bytes();
}

GroupedText::GroupedText(const std::vector<LabelledPath>& files, const DataConfig& config, std::vector<uint64_t> not_on,
                         const Tokenizer& tokenizer, int threads)
    : config_(config), not_on_(std::move(not_on)), tokenizer_(tokenizer) {
  std::vector<PartedText> texts;
  for (const LabelledPath& file : files) {
    texts.emplace_back(file.path, config.cache, tokenizer, config.reading());
    domains_.push_back(domain_of(file));
    bytes_ += texts.back().text.bytes().size();
  }
  builder_ = std::make_unique<PartBuilder>(std::move(texts), tokenizer, threads > 0 ? threads : usable_processors());
  plan_groups();
  builder_->expect(groups_.front());
  fingerprint_ = sampled_fingerprint();
  scan_ = std::jthread([this](const std::stop_token& stop) { scan(stop); });
}

GroupedText::~GroupedText() {
  scan_.request_stop();
}

void GroupedText::plan_groups() {
  const size_t parts = builder_->parts();
  const size_t count = std::clamp((bytes_ + config_.shuffle_bytes() - 1) / config_.shuffle_bytes(), size_t{1}, parts);
  groups_.resize(count);
  for (size_t part = 0; part < parts; ++part) groups_[part % count].push_back(part);
  std::vector<std::string> validated;
  for (const size_t part : groups_.front()) validated.push_back(domains_[builder_->text_of(part)]);
  for (size_t part = 0; part < parts; ++part) {
    const std::string& domain = domains_[builder_->text_of(part)];
    if (std::find(validated.begin(), validated.end(), domain) != validated.end()) continue;
    std::erase(groups_[part % count], part);
    groups_.front().push_back(part);
    validated.push_back(domain);
  }
  std::sort(groups_.front().begin(), groups_.front().end());
}

uint64_t GroupedText::sampled_fingerprint() const {
  Hasher hasher;
  const auto fraction = config_.validation.empty() ? config_.validation_fraction : 0.0;
  add_values(hasher, std::array{config_.sequence_length, tokenizer_.vocab_size(), groups()});
  add_values(hasher, config_.packing);
  add_values(hasher, std::array{fraction});
  add_values(hasher, not_on_);
  for (const PartedText& text : builder_->texts()) {
    add_values(hasher, std::array{static_cast<uint64_t>(text.text.bytes().size()), text.identity,
                                  static_cast<uint64_t>(text.parts.size())});
    hasher.add_sample(text.text.bytes());
  }
  return hasher.value();
}

void GroupedText::expect(const std::vector<int64_t>& groups) {
  std::vector<size_t> parts;
  for (const int64_t group : groups) {
    const std::vector<size_t>& more = groups_[static_cast<size_t>(group)];
    parts.insert(parts.end(), more.begin(), more.end());
  }
  builder_->expect(parts);
}

std::vector<PackedSource> GroupedText::sources_of(int64_t group, PartBuilder::Show show, std::stop_token stop) {
  const std::vector<size_t>& parts = groups_[static_cast<size_t>(group)];
  builder_->wait(parts, show, stop);
  std::vector<PackedSource> sources;
  for (const size_t part : parts) {
    const size_t text = builder_->text_of(part);
    std::vector<TokenPart> opened;
    opened.push_back(builder_->open(part));
    sources.push_back({.store = std::make_shared<const TokenStore>(builder_->texts()[text].text.path(),
                                                                   builder_->source_hash(part), std::move(opened)),
                       .domain = domains_[text]});
  }
  return sources;
}

const HoldOut& GroupedText::hold_out(PartBuilder::Show show, std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    if (hold_out_) return *hold_out_;
  }
  HoldOut made;
  if (config_.validation.empty() && config_.validation_fraction > 0) {
    made = HoldOut(sources_of(0, show, stop), config_.validation_fraction, HoldOut::By::kContent);
  }
  const std::lock_guard lock(mutex_);
  if (!hold_out_) hold_out_ = std::move(made);
  return *hold_out_;
}

std::shared_ptr<const WindowSource> GroupedText::open(int64_t group, PartBuilder::Show show, std::stop_token stop) {
  const HoldOut& held_out = hold_out(show, stop);
  const std::vector<PackedSource> sources = sources_of(group, show, stop);
  const auto keep = [&](size_t source, int64_t document) {
    const TokenStore& store = *sources[source].store;
    return is_not_on(store.document_hash(document)) ? DocumentPart(false) : held_out.training(store, document);
  };
  try {
    return training_windows(sources, keep, config_);
  } catch (const Error& error) {
    // A stretch of text may be empty; a text may not.
    if (group == 0 || error.code() != ExitCode::kData) throw;
    return nullptr;
  }
}

std::shared_ptr<const WindowSource> GroupedText::group(int64_t group, std::stop_token stop) {
  auto windows = open(group, PartBuilder::Show::kProgress, stop);
  builder_->step_back();
  return windows;
}

std::unique_ptr<const WindowSource> GroupedText::validation() {
  const HoldOut& held_out = hold_out(PartBuilder::Show::kProgress, {});
  const std::vector<PackedSource> sources = sources_of(0, PartBuilder::Show::kProgress, {});
  const auto keep = [&](size_t source, int64_t document) {
    return held_out.validation(*sources[source].store, document);
  };
  return validation_windows("the held-out part of data.train", sources, keep, config_);
}

void GroupedText::scan(std::stop_token stop) {
  go_last(::gettid());
  std::optional<TextTotals> totals;
  std::exception_ptr failure;
  try {
    std::vector<size_t> all(builder_->parts());
    std::iota(all.begin(), all.end(), size_t{0});
    builder_->wait(all, PartBuilder::Show::kNothing, stop);
    totals = count(stop);
  } catch (const StopRequested&) {
    return;
  } catch (...) {
    failure = std::current_exception();
  }
  std::function<void(const TextTotals&)> tell;
  {
    const std::lock_guard lock(mutex_);
    totals_ = totals;
    failure_ = failure;
    if (totals) tell = tell_;
  }
  known_.notify_all();
  failure = nullptr;
  try {
    if (tell) tell(*totals);
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    if (failure) failure_ = failure;
    is_scanned_ = true;
  }
  known_.notify_all();
}

/// Documents that are in `not_on_`.
int64_t GroupedText::count_not_on(const std::vector<PackedSource>& sources) const {
  int64_t count = 0;
  for (const PackedSource& source : sources) {
    for (int64_t document = 0; document < source.store->documents(); ++document) {
      count += is_not_on(source.store->document_hash(document));
    }
  }
  return count;
}

bool GroupedText::is_not_on(uint64_t hash) const {
  return std::binary_search(not_on_.begin(), not_on_.end(), hash);
}

TextTotals GroupedText::count(std::stop_token stop) {
  std::vector<TextContents> found(builder_->texts().size());
  for (size_t part = 0; part < builder_->parts(); ++part) {
    found[builder_->text_of(part)] += builder_->contents(part);
  }
  TextTotals totals;
  for (size_t text = 0; text < found.size(); ++text) {
    judge_text(builder_->texts()[text].text, found[text]);
    totals.read += found[text];
  }
  HashSet seen(static_cast<size_t>(totals.read.documents));
  int64_t left_out = 0;
  Hasher hasher;
  add_values(hasher, std::array{fingerprint_});
  for (size_t part = 0; part < builder_->parts(); ++part) add_values(hasher, std::array{builder_->source_hash(part)});
  totals.fingerprint = hasher.value();
  for (int64_t group = 0; group < groups(); ++group) {
    const auto windows = open(group, PartBuilder::Show::kNothing, stop);
    if (!windows) continue;
    const WindowUse use = windows->use();
    totals.documents += windows->documents();
    totals.tokens += windows->tokens();
    totals.windows += windows->windows();
    totals.use.padding += use.padding;
    totals.use.split_documents += use.split_documents;
    totals.use.tokens_left_out += use.tokens_left_out;
    const std::vector<PackedSource> sources = sources_of(group, PartBuilder::Show::kNothing, stop);
    totals.copies += count_copies(sources, seen);
    left_out += count_not_on(sources);
  }
  log_left_out(left_out);
  log_copies(totals.copies, "data.duplicates=drop trains on each text once, and reads all of it first");
  return totals;
}

const TextTotals& GroupedText::totals() {
  std::vector<size_t> all(builder_->parts());
  std::iota(all.begin(), all.end(), size_t{0});
  builder_->wait(all, PartBuilder::Show::kProgress);
  std::unique_lock lock(mutex_);
  known_.wait(lock, [&] { return totals_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  return *totals_;
}

bool GroupedText::is_known() const {
  const std::lock_guard lock(mutex_);
  return totals_.has_value();
}

void GroupedText::when_known(const std::function<void(const TextTotals&)>& tell) {
  {
    const std::lock_guard lock(mutex_);
    if (!totals_) {
      tell_ = tell;
      return;
    }
  }
  tell(*totals_);
}

bool GroupedText::is_told_within(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  return known_.wait_for(lock, most, [&] { return is_scanned_; });
}

void GroupedText::require_sound() const {
  builder_->require_sound();
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace mm
