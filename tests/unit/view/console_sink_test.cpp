// The wording of the console's lines, and when they appear.
#include "view/console_sink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace mm {
namespace {

StepRecord moe_step() {
  StepRecord record;
  record.step = 120;
  record.total_steps = 2000;
  record.tokens = 65600;
  record.loss = 5.82313;
  record.aux_loss = 0.0102;
  record.grad_norm = 0.84;
  record.learning_rate = 3e-4;
  record.seconds = 0.041;
  record.mfu = 0.41;
  record.load = {1, 4, {2100, 2500, 2900, 2500}};
  record.verdict = "ok";
  return record;
}

StepRecord dense_step(int64_t step, int64_t total_steps) {
  StepRecord record;
  record.step = step;
  record.total_steps = total_steps;
  record.tokens = 1000;
  record.loss = 2;
  record.seconds = 0.5;
  return record;
}

TEST(StepLine, OfAMoeStepHasEverything) {
  EXPECT_EQ(
      step_line(moe_step(), 77),
      "step    120/2000  6% | loss 5.8231 (aux 0.0102) | norm 0.84 | lr 3.00e-04 | 41 ms | 1.60 Mtok/s | mfu 41% | "
      "eta 1:17 | experts 0.21..0.29 dead 0 | router ok");
}

TEST(StepLine, OfADenseStepLeavesOutWhatItLacks) {
  StepRecord record = dense_step(5, 10);
  record.tokens = 400;
  EXPECT_EQ(step_line(record, 2.5),
            "step      5/10 50% | loss 2.0000 | norm 0.00 | lr 0.00e+00 | 500 ms | 800 tok/s | eta 0:03");
}

TEST(StepLine, TellsOfDroppedTokensWhereThereAreAny) {
  StepRecord record = moe_step();
  record.dropped_tokens = 2600;
  EXPECT_NE(step_line(record, 77).find(" | experts 0.21..0.29 dead 0 | dropped 26.0% | router ok"), std::string::npos)
      << step_line(record, 77);
}

TEST(StepLine, SaysInWordsThatAStepWasSkipped) {
  StepRecord record = dense_step(5, 10);
  record.skipped = true;
  record.loss = std::numeric_limits<double>::quiet_NaN();
  record.loss_scale = 32768;
  const std::string line = step_line(record, 0);
  EXPECT_NE(line.find("skipped: loss or gradient not finite, nothing was changed | loss nan"), std::string::npos)
      << line;
  EXPECT_NE(line.find("loss scale 32768"), std::string::npos) << line;
  record.loss = 7;
  EXPECT_NE(step_line(record, 0).find("left out as a spike: nothing was changed | loss 7"), std::string::npos);
}

TEST(EvaluationLine, NamesAllThreeMeasures) {
  EXPECT_EQ(evaluation_line({200, 65536, 4.12341, 61.77, 1.7124, true, 1.2}),
            "validation at step 200: loss 4.1234, perplexity 61.8, 1.712 bits/byte over 65,536 tokens (best so far) in "
            "1.20 s");
}

TEST(SampleText, KeepsNewlinesAndDisarmsControlCharacters) {
  EXPECT_EQ(sample_text({7, "床前", "明月光\n\x1b[2J\xc2\x9b\xff.\t"}),
            "sample at step 7, prompt \"床前\":\n床前明月光\n\\x1b[2J\\xc2\\x9b\\xff.\t");
}

/// What the sink prints for steps first..last of `total` on something that is not a terminal.
std::string printed(const MetricsConfig& config, int64_t first, int64_t last, int64_t total) {
  testing::internal::CaptureStdout();
  ConsoleSink sink(config);
  for (int64_t step = first; step <= last; ++step) sink.write(dense_step(step, total));
  return testing::internal::GetCapturedStdout();
}

TEST(ConsoleSink, WritesTheFirstTheLastAndEveryNthStep) {
  const std::string text = printed({.log_every = 10, .experts_every = 0}, 13, 25, 25);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  for (const char* step : {"13/25", "20/25", "25/25"}) EXPECT_NE(text.find(step), std::string::npos) << text;
}

TEST(ConsoleSink, PeriodZeroLeavesTheFirstAndTheLastStep) {
  const std::string text = printed({.log_every = 0, .experts_every = 0}, 1, 5, 5);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(ConsoleSink, TheSlowFirstStepIsForgottenInTheEta) {
  testing::internal::CaptureStdout();
  ConsoleSink sink({.log_every = 1, .experts_every = 0});
  StepRecord slow = dense_step(1, 102);
  slow.seconds = 60;
  sink.write(slow);
  sink.write(dense_step(2, 102));
  EXPECT_NE(testing::internal::GetCapturedStdout().find("2/102  1% | loss 2.0000 | norm 0.00 | lr 0.00e+00 | 500 ms | "
                                                        "2.00 ktok/s | eta 0:50"),
            std::string::npos);
}

TEST(ConsoleSink, ShowsTheExpertTableWhenDue) {
  testing::internal::CaptureStdout();
  ConsoleSink sink({.log_every = 0, .experts_every = 60});
  sink.write(moe_step());
  EXPECT_NE(testing::internal::GetCapturedStdout().find("experts at step 120: share of tokens"), std::string::npos);
}

TEST(ConsoleSink, OfManyEventsAtOnceItSaysHowManyAreAlarms) {
  std::vector<EventRecord> events(12);
  for (size_t i = 0; i < events.size(); ++i) events[i].type = i < 10 ? "alarm" : "event";
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  ConsoleSink({}).write_events(events);
  const std::string warnings = testing::internal::GetCapturedStderr();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "and 4 more in metrics.jsonl, 2 of them alarms\n");
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), '\n'), 8) << warnings;
}

}  // namespace
}  // namespace mm
