// What a run trains on: groups of windows. A group is shuffled as a whole, and all of it is there or none of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/tokens/text_contents.h"
#include "data/windows/hold_out.h"
#include "data/windows/window_source.h"

namespace mm {

/// The text is another one than a run was trained on: what the run has made of it since is not worth saving.
class OtherText : public Error {
 public:
  using Error::Error;
};

/// What is known of all groups together.
struct TextTotals {
  int64_t documents = 0;  ///< that are trained on, here and below
  int64_t tokens = 0;     ///< BOS and EOS included
  int64_t windows = 0;    ///< in one pass over all of it
  WindowUse use = {};
  uint64_t fingerprint = 0;  ///< of all of the text and all settings
  TextContents read = {};    ///< what was found in the files, trained on or not
  Copies copies = {};        ///< documents that say what an earlier one says
};

/// All functions may be called from any thread.
class TrainingText {
 public:
  virtual ~TrainingText() = default;
  TrainingText(const TrainingText&) = delete;
  TrainingText& operator=(const TrainingText&) = delete;

  virtual int64_t sequence_length() const = 0;
  /// Equal ones give equal windows in equal groups. Known before the text is read.
  virtual uint64_t fingerprint() const = 0;

  virtual int64_t groups() const = 0;
  /// The windows of a group, null when its documents do not make one; the first group has some. Waits until its text is
  /// tokenized. Throws Error(kData) and Error(kStorage) as that does, StopRequested where `stop` does.
  virtual std::shared_ptr<const WindowSource> group(int64_t group, std::stop_token stop = {}) = 0;
  /// Which groups will be asked for, in that order.
  virtual void expect(const std::vector<int64_t>&) {}

  /// Waits until all of the text is tokenized.
  virtual const TextTotals& totals() = 0;
  /// Whether totals() would wait.
  virtual bool is_known() const { return true; }
  /// Calls `tell` once that is known, from another thread or right away. What it throws, require_sound() throws.
  virtual void when_known(const std::function<void(const TextTotals&)>& tell) { tell(totals()); }
  /// Waits at most so long for that; whether it is over, well or not.
  virtual bool is_told_within(std::chrono::milliseconds /*most*/) { return true; }
  /// Throws what came to light behind the training.
  virtual void require_sound() const {}

 protected:
  TrainingText() = default;
};

/// One group: all of a text.
class WholeText final : public TrainingText {
 public:
  explicit WholeText(std::shared_ptr<const WindowSource> windows, const TextContents& read = {},
                     const Copies& copies = {})
      : windows_(std::move(windows)),
        totals_{.documents = windows_->documents(),
                .tokens = windows_->tokens(),
                .windows = windows_->windows(),
                .use = windows_->use(),
                .fingerprint = windows_->fingerprint(),
                .read = read,
                .copies = copies} {}

  int64_t sequence_length() const override { return windows_->sequence_length(); }
  uint64_t fingerprint() const override { return windows_->fingerprint(); }
  int64_t groups() const override { return 1; }
  std::shared_ptr<const WindowSource> group(int64_t, std::stop_token) override { return windows_; }
  const TextTotals& totals() override { return totals_; }

 private:
  std::shared_ptr<const WindowSource> windows_;
  TextTotals totals_;
};

/// The same of windows that belong to somebody who outlives it.
inline std::shared_ptr<TrainingText> whole_text(const WindowSource& windows) {
  return std::make_shared<WholeText>(std::shared_ptr<const WindowSource>(std::shared_ptr<void>(), &windows));
}

}  // namespace mm
