// A text that is trained on while it is tokenized.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "data/data_config.h"
#include "data/tokens/part_builder.h"
#include "data/training_text.h"
#include "data/windows/hold_out.h"

namespace mm {

/// Groups of parts from all over the text: of n groups, group g is the parts g, g + n, g + 2n, ... of all files. So
/// which text is in which group is known from the sizes of the files alone, and each group has something of every file
/// that has n parts. Group 0 has a part of every domain besides: what is validated on comes from it.
///
/// A document is held out by its text (HoldOut), of whatever group it is: by the rule that takes something of group 0.
class GroupedText final : public TrainingText {
 public:
  ///   files       text_files(config.train)
  ///   not_on      hashes of documents that are not trained on either, ascending
  ///   tokenizer   must outlive it
  /// Throws Error(kData) as TextFile does.
  GroupedText(const std::vector<LabelledPath>& files, const DataConfig& config, std::vector<uint64_t> not_on,
              const Tokenizer& tokenizer, int threads);
  ~GroupedText() override;

  /// Whether these files are more than `config` shuffles together.
  static bool is_for(const std::vector<LabelledPath>& files, const DataConfig& config);

  int64_t sequence_length() const override { return config_.sequence_length; }
  /// Of sizes, of blocks of the text all over it, and of settings: known before the text is read.
  uint64_t fingerprint() const override { return fingerprint_; }
  int64_t groups() const override { return static_cast<int64_t>(groups_.size()); }
  std::shared_ptr<const WindowSource> group(int64_t group, std::stop_token stop = {}) override;
  void expect(const std::vector<int64_t>& groups) override;
  const TextTotals& totals() override;
  bool is_known() const override;
  void when_known(const std::function<void(const TextTotals&)>& tell) override;
  bool is_told_within(std::chrono::milliseconds most) override;
  void require_sound() const override;

  /// What is held out of all groups. Waits for group 0.
  HoldOut held_out() { return hold_out(PartBuilder::Show::kProgress, {}); }
  /// What is held out of group 0. Waits for it.
  std::unique_ptr<const WindowSource> validation();

 private:
  void plan_groups();
  uint64_t sampled_fingerprint() const;
  std::vector<PackedSource> sources_of(int64_t group, PartBuilder::Show show, std::stop_token stop);
  const HoldOut& hold_out(PartBuilder::Show show, std::stop_token stop);
  std::shared_ptr<const WindowSource> open(int64_t group, PartBuilder::Show show, std::stop_token stop);
  void scan(std::stop_token stop);
  TextTotals count(std::stop_token stop);
  int64_t count_not_on(const std::vector<PackedSource>& sources) const;
  bool is_not_on(uint64_t hash) const;

  DataConfig config_;
  std::vector<uint64_t> not_on_;
  const Tokenizer& tokenizer_;
  std::vector<std::string> domains_;  ///< of each file
  std::unique_ptr<PartBuilder> builder_;
  std::vector<std::vector<size_t>> groups_;  ///< their parts, ascending
  size_t bytes_ = 0;
  uint64_t fingerprint_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable known_;
  std::optional<HoldOut> hold_out_;
  std::optional<TextTotals> totals_;
  std::exception_ptr failure_;
  std::function<void(const TextTotals&)> tell_;
  bool is_scanned_ = false;  ///< and what was found is told
  std::jthread scan_;
};

}  // namespace mm
