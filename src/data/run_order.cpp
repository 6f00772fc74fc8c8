#include "data/run_order.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "core/text.h"

namespace mm {

RunOrder::RunOrder(std::shared_ptr<TrainingText> text, uint64_t seed)
    : text_(std::move(text)), seed_(seed), windows_(static_cast<size_t>(text_->groups()), -1) {}

int64_t RunOrder::group_of(int64_t visit) {
  const int64_t groups = text_->groups(), epoch = visit / groups;
  if (epoch != epoch_) {
    groups_ = random_permutation(static_cast<uint32_t>(groups), seed_, "groups", static_cast<uint64_t>(epoch));
    // What a run opens first is the same for all seeds, as is what it validates on.
    if (epoch == 0) std::iter_swap(groups_.begin(), std::find(groups_.begin(), groups_.end(), 0U));
    epoch_ = epoch;
  }
  return groups_[static_cast<size_t>(visit % groups)];
}

/// Whole epochs at once, where it is known how long they are.
void RunOrder::skip_epochs(int64_t position) {
  if (std::find(windows_.begin(), windows_.end(), -1) != windows_.end()) return;
  const int64_t length = std::accumulate(windows_.begin(), windows_.end(), int64_t{0});
  const int64_t epoch = position / length;
  if (epoch * text_->groups() > visit_.number) visit_ = {.number = epoch * text_->groups(), .begin = epoch * length};
}

/// Makes the visit's group the one that samples come from, and says which are next.
void RunOrder::enter(std::stop_token stop) {
  if (visit_.number == entered_) return;
  std::vector<int64_t> next;
  const int64_t groups = text_->groups(), left = groups - visit_.number % groups;
  for (int64_t i = 0; i < left; ++i) next.push_back(group_of(visit_.number + i));
  text_->expect(next);
  entered_ = -1;
  group_.reset();  // before the next one takes memory
  order_.reset();
  const int64_t group = group_of(visit_.number);
  group_ = text_->group(group, stop);
  int64_t& windows = windows_[static_cast<size_t>(group)];
  windows = group_ ? group_->windows() : 0;
  if (windows > 0) {
    // Of one group alone it is the order that runs have had since there are runs.
    const bool alone = groups == 1;
    order_.emplace(windows, alone ? seed_ : derive_seed(seed_, "group", static_cast<uint64_t>(group)));
    turns_ = group_->windows_of_epoch(visit_.number / groups, seed_);
  }
  entered_ = visit_.number;
}

/// To the visit that the position belongs to.
void RunOrder::go_to(int64_t position, std::stop_token stop) {
  if (position < visit_.begin) visit_ = {};
  while (true) {
    skip_epochs(position);
    int64_t& windows = windows_[static_cast<size_t>(group_of(visit_.number))];
    if (windows < 0) enter(stop);
    if (position < visit_.begin + windows) break;
    ++visit_.number;
    visit_.begin += windows;
  }
  enter(stop);
}

RunOrder::Sample RunOrder::at(int64_t position, std::stop_token stop) {
  require(position >= 0, "a position from zero on");
  const bool stays =
      visit_.number == entered_ && position >= visit_.begin && group_ && position < visit_.begin + group_->windows();
  if (!stays) go_to(position, stop);
  const int64_t epoch = visit_.number / text_->groups();
  const int64_t turn = order_->window_at(epoch * group_->windows() + position - visit_.begin);
  return {group_, turns_.empty() ? turn : turns_[static_cast<size_t>(turn)]};
}

void RunOrder::seek(const Visit& visit) {
  if (visit.number < 0 || visit.begin < 0 || (visit.number == 0) != (visit.begin == 0)) {
    throw Error(ExitCode::kCheckpoint, got_want("data_visit",
                                                format("visit %lld at %lld", static_cast<long long>(visit.number),
                                                       static_cast<long long>(visit.begin)),
                                                "numbers from 0 up"));
  }
  visit_ = visit;
}

}  // namespace mm
