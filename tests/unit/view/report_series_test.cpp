// Curves and loads of any length in a bounded size: what is merged must not hide what happened.
#include <gtest/gtest.h>

#include <cmath>

#include "view/history/alarm_history.h"
#include "view/history/load_history.h"
#include "view/series.h"

namespace mm {
namespace {

TEST(Series, APeakOfOneStepStaysVisibleAmongAHundredThousand) {
  Series series(500);
  for (int64_t step = 1; step <= 100000; ++step) series.add(step, step == 77777 ? 50 : 1);
  const std::vector<Bucket> buckets = series.buckets();
  EXPECT_LE(buckets.size(), 500u);
  EXPECT_GT(buckets.size(), 250u);
  int64_t count = 0, peaks = 0;
  for (const Bucket& bucket : buckets) {
    count += bucket.count;
    EXPECT_EQ(bucket.min, 1);
    if (bucket.max == 1) continue;
    ++peaks;
    EXPECT_LE(bucket.first_step, 77777);
    EXPECT_GE(bucket.last_step, 77777);
    EXPECT_EQ(bucket.max, 50);
    EXPECT_DOUBLE_EQ(bucket.mean(), 1 + 49 / static_cast<double>(bucket.count));
  }
  EXPECT_EQ(count, 100000);
  EXPECT_EQ(peaks, 1);
}

TEST(Series, WhatIsNotFiniteLeavesNoTrace) {
  Series series(10);
  series.add(1, NAN);
  series.add(2, INFINITY);
  EXPECT_TRUE(series.buckets().empty());
  series.add(3, 2);
  ASSERT_EQ(series.buckets().size(), 1u);
  EXPECT_EQ(series.buckets()[0].mean(), 2);
}

TEST(Series, AStepFarAheadCostsNoMemory) {
  Series series(10);
  series.add(1, 1);
  series.add(int64_t{1} << 48, 2);
  const std::vector<Bucket> buckets = series.buckets();
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].first_step, 1);
  EXPECT_EQ(buckets[1].last_step, int64_t{1} << 48);
}

TEST(LoadHistory, ColumnsAddUpTheTokensOfTheirSteps) {
  LoadHistory history(/*most_cells=*/2 * 4 * 10, /*most_buckets=*/10);
  for (int64_t step = 1; step <= 1000; ++step) history.add(step, {2, 4, {1, 2, 3, 4, 100, 0, 0, 0}});
  const std::vector<LoadColumn> columns = history.columns();
  EXPECT_LE(columns.size(), 10u);
  ExpertLoad sum{2, 4, std::vector<int64_t>(8)};
  for (size_t i = 0; i < columns.size(); ++i) {
    EXPECT_EQ(columns[i].first_step, i == 0 ? 1 : columns[i - 1].last_step + 1);
    for (size_t cell = 0; cell < 8; ++cell) sum.tokens[cell] += columns[i].load.tokens[cell];
  }
  EXPECT_EQ(sum.tokens, (std::vector<int64_t>{1000, 2000, 3000, 4000, 100000, 0, 0, 0}));
}

TEST(LoadHistory, ALoadOfAnotherShapeIsLeftOut) {
  LoadHistory history(1000, 100);
  history.add(1, {1, 2, {10, 10}});
  history.add(2, {1, 3, {10, 10, 10}});
  EXPECT_EQ(history.columns().size(), 1u);
}

EventRecord raised(int64_t step, const char* name, int64_t expert) {
  EventRecord event;
  event.step = step;
  event.type = "alarm";
  event.name = name;
  event.state = "raised";
  event.expert = expert;
  return event;
}

EventRecord cleared(int64_t step, const char* name, int64_t expert) {
  EventRecord event = raised(step, name, expert);
  event.type = "event";
  event.state = "cleared";
  return event;
}

TEST(AlarmHistory, SaysWhenAnAlarmWasRaisedAndWhenItWasOver) {
  AlarmHistory history(100);
  history.end_step(1);
  history.add(raised(2, "dead", 1));
  history.add(raised(2, "collapse", 1));
  history.end_step(2);
  history.add(cleared(3, "dead", 1));
  history.end_step(3);
  history.add(raised(4, "dead", 1));
  history.add(raised(4, "dead", 2));
  history.end_step(4);
  EXPECT_EQ(history.raised(), 4);
  ASSERT_EQ(history.alarms().size(), 4u);
  EXPECT_EQ(history.alarms()[0].cleared, 3);
  for (size_t i = 1; i < 4; ++i) EXPECT_FALSE(history.alarms()[i].cleared) << i;
  const auto counts = [](const AlarmGroup& group) {
    std::vector<double> each;
    for (const Bucket& bucket : group.standing_at.buckets()) each.push_back(bucket.sum);
    return each;
  };
  EXPECT_EQ(history.groups().front().title, "dead");
  EXPECT_EQ(counts(history.groups().front()), (std::vector<double>{0, 1, 0, 2}));
  EXPECT_EQ(history.groups().back().title, "other");
  EXPECT_EQ(counts(history.groups().back()), (std::vector<double>{0, 1, 1, 1}));
}

TEST(AlarmHistory, CountsMoreThanItKeepsAndKeepsThoseThatStand) {
  AlarmHistory history(100);
  history.add(raised(1, "dying", 7));
  for (int64_t step = 2; step <= 2000; ++step) {
    history.add(raised(step, "dead", 1));
    history.add(cleared(step, "dead", 1));
  }
  EXPECT_EQ(history.raised(), 2000);
  EXPECT_EQ(history.alarms().size(), 500u);
  EXPECT_EQ(history.alarms().front().event.name, "dying");
  EXPECT_EQ(history.alarms().back().event.step, 2000);
  EXPECT_EQ(history.groups().front().standing, 0);
}

TEST(AlarmHistory, TheEndOfWhatWasNeverRaisedChangesNothing) {
  AlarmHistory history(100);
  history.add(cleared(1, "dead", 1));
  EXPECT_EQ(history.raised(), 0);
  EXPECT_EQ(history.groups().front().standing, 0);
}

TEST(Series, JoinedCurvesHaveTheMeanAndTheRangeOfBoth) {
  Series one(4), other(4), both(4);
  for (int64_t step = 0; step < 30; ++step) {
    one.add(step, static_cast<double>(step));
    other.add(step, static_cast<double>(step + 10));
    both.add(step, static_cast<double>(step));
    both.add(step, static_cast<double>(step + 10));
  }
  one.join(other);
  const std::vector<Bucket> joined = one.buckets(), whole = both.buckets();
  ASSERT_EQ(joined.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(joined[i].count, whole[i].count);
    EXPECT_EQ(joined[i].min, whole[i].min);
    EXPECT_EQ(joined[i].max, whole[i].max);
    EXPECT_DOUBLE_EQ(joined[i].mean(), whole[i].mean());
  }
}

}  // namespace
}  // namespace mm
