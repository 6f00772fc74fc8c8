// micro_steps.jsonl: the shape of the lines, and a resumed run that continues them.
#include "metrics/micro_step_sink.h"

#include <gtest/gtest.h>

#include "core/files/files.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

StepRecord update(int64_t step, int64_t first_micro_step) {
  StepRecord record;
  record.step = step;
  record.grad_norm = 0.5;
  record.learning_rate = 0.00025;
  record.micro_batches = 2;
  for (int64_t i = 0; i < 2; ++i) {
    MicroStepRecord& micro_step = record.micro_steps.emplace_back();
    micro_step.number = first_micro_step + i;
    micro_step.step = first_micro_step + i - 1;
    micro_step.cross_entropy = 8.5;
    micro_step.aux_loss = 0.25;
    micro_step.learning_rate = 0.0005;
    micro_step.rows = {7, 3};
  }
  return record;
}

std::string line(int number, const std::string& end) {
  return "{\"micro_step\":" + std::to_string(number) + ",\"epoch\":0,\"step\":" + std::to_string(number - 1) +
         ",\"loss\":8.75,\"ce\":8.5,\"aux\":0.25,\"lr\":0.0005,\"rows\":[7,3],\"update\":" + end + "}\n";
}

std::string updated(int number) {
  return "{\"number\":" + std::to_string(number) + ",\"micro_batches\":2,\"grad_norm\":0.5,\"lr\":0.00025}";
}

TEST(MicroStepSink, TheLastMicroStepOfAnUpdateNamesIt) {
  const TempFolder folder;
  MicroStepSink(folder.path(), 0).write(update(1, 1));
  EXPECT_EQ(read_file(folder / "micro_steps.jsonl", ExitCode::kData), line(1, "null") + line(2, updated(1)));
}

TEST(MicroStepSink, WhatIsLostBehindTheLastUpdateHasNone) {
  const TempFolder folder;
  StepRecord last = update(1, 1);
  last.micro_batches = 1;
  MicroStepSink(folder.path(), 0).write(last);
  const std::string text = read_file(folder / "micro_steps.jsonl", ExitCode::kData);
  EXPECT_TRUE(text.ends_with(line(2, "null"))) << text;
}

TEST(MicroStepSink, AResumedRunGoesOnWithoutGapsOrRepeats) {
  const TempFolder folder;
  const std::string path = folder / "micro_steps.jsonl";
  {
    MicroStepSink sink(folder.path(), 0);
    sink.write(update(1, 1));
    sink.write(update(2, 3));
  }
  MicroStepSink(folder.path(), 2).write(update(2, 3));
  EXPECT_EQ(read_file(path, ExitCode::kData),
            line(1, "null") + line(2, updated(1)) + line(3, "null") + line(4, updated(2)));
  const MicroStepSink anew(folder.path(), 0);
  EXPECT_EQ(read_file(path, ExitCode::kData), "");
}

}  // namespace
}  // namespace mm
