// What is no part of the run may fail without costing it.
#include "train/run_metrics.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

/// Its disk is full from the second record on.
struct FullSink : RecordingSink {
  explicit FullSink(bool is_part) : is_part_(is_part) {}
  using RecordingSink::write;
  void write(const StepRecord& record) override {
    if (!steps.empty()) throw Error(ExitCode::kStorage, "timing: got \"No space left on device\", want room");
    RecordingSink::write(record);
  }
  bool is_part_of_the_run() const override { return is_part_; }

 private:
  bool is_part_;
};

TEST(RunMetrics, ASinkThatCannotWriteIsLeftOut) {
  const RunConfig config = tiny_config();
  const DeviceSetup setup = set_up_device(config.run, config.train.precision);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<FullSink>(/*is_part=*/false));
  sinks.push_back(std::make_unique<RecordingSink>());
  const auto& healthy = static_cast<const RecordingSink&>(*sinks.back());
  RunMetrics metrics(config, setup, sinks);
  for (int step = 0; step < 3; ++step) metrics.write(StepRecord());
  EXPECT_EQ(sinks.size(), 1U);
  EXPECT_EQ(healthy.steps.size(), 3U);
}

TEST(RunMetrics, WhatIsPartOfTheRunEndsIt) {
  const RunConfig config = tiny_config();
  const DeviceSetup setup = set_up_device(config.run, config.train.precision);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<FullSink>(/*is_part=*/true));
  RunMetrics metrics(config, setup, sinks);
  metrics.write(StepRecord());
  EXPECT_EQ(thrown_by([&] { metrics.write(StepRecord()); }).code, ExitCode::kStorage);
}

}  // namespace
}  // namespace mm
