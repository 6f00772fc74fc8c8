// The order of a run over groups: complete every epoch, known at any position, the same however it is come to.
#include "data/run_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "numbered_groups.h"

namespace mm {
namespace {

int64_t number_at(RunOrder& order, int64_t position) {
  const RunOrder::Sample sample = order.at(position);
  int64_t token = 0, target = 0;
  sample.windows->fill(sample.window, &token, &target);
  return token;
}

std::vector<int64_t> numbers(RunOrder& order, int64_t from, int64_t count) {
  std::vector<int64_t> all;
  for (int64_t i = from; i < from + count; ++i) all.push_back(number_at(order, i));
  return all;
}

TEST(RunOrder, EveryEpochVisitsEveryWindowOnceGroupAfterGroup) {
  RunOrder order(std::make_shared<NumberedGroups>(std::vector<int64_t>{5, 7, 0, 4, 9}), 42);
  std::set<std::vector<int64_t>> epochs;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    const std::vector<int64_t> all = numbers(order, 25 * epoch, 25);
    EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), 25U);
    int64_t changes = 0;
    for (size_t i = 1; i < all.size(); ++i) changes += all[i] / 1000 != all[i - 1] / 1000;
    EXPECT_EQ(changes, 3) << "a group is left once it is through";
    epochs.insert(all);
  }
  EXPECT_EQ(epochs.size(), 4U);
}

TEST(RunOrder, ARunBeginsWithTheFirstGroupWhateverTheSeedAndShufflesItByTheSeed) {
  std::set<std::vector<int64_t>> beginnings;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    RunOrder order(std::make_shared<NumberedGroups>(std::vector<int64_t>{50, 50, 50, 50}), seed);
    beginnings.insert(numbers(order, 0, 50));
    for (const int64_t number : *beginnings.rbegin()) EXPECT_LT(number, 1000);
  }
  EXPECT_EQ(beginnings.size(), 5U);
}

TEST(RunOrder, AnyPositionCanBeAskedFirst) {
  const std::vector<int64_t> sizes = {5, 7, 0, 4, 9};
  RunOrder order(std::make_shared<NumberedGroups>(sizes), 3);
  for (int64_t position = 0; position < 80; ++position) {
    RunOrder fresh(std::make_shared<NumberedGroups>(sizes), 3);
    EXPECT_EQ(number_at(fresh, position), number_at(order, position)) << position;
  }
  EXPECT_EQ(number_at(order, 2), number_at(order, 2)) << "and an earlier one after a later one";
}

TEST(RunOrder, WithItsVisitAPositionIsFoundWithoutTheTextBeforeIt) {
  const std::vector<int64_t> sizes(100, 10);
  RunOrder order(std::make_shared<NumberedGroups>(sizes), 3);
  const std::vector<int64_t> all = numbers(order, 0, 2500);
  for (const int64_t position : {0, 9, 10, 777, 999, 1000, 2499}) {
    const int64_t number = number_at(order, position);
    const auto text = std::make_shared<NumberedGroups>(sizes);
    RunOrder resumed(text, 3);
    resumed.seek(order.visit());
    EXPECT_EQ(number_at(resumed, position), number);
    EXPECT_EQ(text->asked.size(), 1U);
    EXPECT_EQ(text->expected.front(), text->asked.front());
    EXPECT_EQ(std::ssize(text->expected), 100 - position / 10 % 100) << "the rest of the epoch";
  }
  EXPECT_EQ(all[777], number_at(order, 777));
}

TEST(RunOrder, TheBillionthSampleTakesNoWalkWhereAllSizesAreKnown) {
  const auto text = std::make_shared<NumberedGroups>(std::vector<int64_t>(100, 10));
  RunOrder order(text, 3);
  numbers(order, 0, 1000);
  const size_t asked = text->asked.size();
  number_at(order, 1'000'000'005);
  EXPECT_LE(text->asked.size(), asked + 1);
}

TEST(RunOrder, OfOneGroupItIsTheOrderThatRunsHaveHadEver) {
  RunOrder order(std::make_shared<NumberedGroups>(std::vector<int64_t>{100}), 42);
  SampleOrder before(100, 42);
  for (const int64_t position : {0, 1, 99, 100, 250, 1'000'000'007}) {
    EXPECT_EQ(number_at(order, position), before.window_at(position));
  }
}

TEST(RunOrder, AVisitThatCannotBeIsRefused) {
  RunOrder order(std::make_shared<NumberedGroups>(std::vector<int64_t>{3, 3}), 1);
  EXPECT_THROW(order.seek({.number = -1, .begin = 0}), Error);
  EXPECT_THROW(order.seek({.number = 2, .begin = 0}), Error);
}

}  // namespace
}  // namespace mm
