// Groups of windows that say which they are.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "data/training_text.h"

namespace mm {

/// So many windows of one token, which says which group and window it is.
class NumberedWindows : public WindowSource {
 public:
  NumberedWindows(int64_t group, int64_t windows) : group_(group), windows_(windows) {}
  int64_t windows() const override { return windows_; }
  int64_t sequence_length() const override { return 1; }
  int64_t documents() const override { return windows_; }
  int64_t tokens() const override { return windows_; }
  int64_t fill(int64_t window, int64_t* tokens, int64_t* targets) const override {
    tokens[0] = targets[0] = 1000 * group_ + window;
    return 1;
  }
  uint64_t fingerprint() const override { return 1; }

 private:
  int64_t group_, windows_;
};

/// Groups of these sizes; keeps account of which were asked for and expected.
class NumberedGroups : public TrainingText {
 public:
  explicit NumberedGroups(std::vector<int64_t> sizes) : sizes_(std::move(sizes)) {}
  int64_t sequence_length() const override { return 1; }
  uint64_t fingerprint() const override { return 1; }
  int64_t groups() const override { return std::ssize(sizes_); }
  std::shared_ptr<const WindowSource> group(int64_t group, std::stop_token) override {
    asked.push_back(group);
    const int64_t size = sizes_[static_cast<size_t>(group)];
    return size == 0 ? nullptr : std::make_shared<NumberedWindows>(group, size);
  }
  void expect(const std::vector<int64_t>& groups) override { expected = groups; }
  const TextTotals& totals() override { return totals_; }

  std::vector<int64_t> asked, expected;

 private:
  std::vector<int64_t> sizes_;
  TextTotals totals_;
};

}  // namespace mm
