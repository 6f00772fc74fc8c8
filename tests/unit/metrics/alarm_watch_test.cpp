// When an alarm is raised, what it says, and when it is over.
#include "metrics/alarms/alarm_watch.h"

#include <gtest/gtest.h>

#include <limits>

namespace mm {
namespace {

using Names = std::vector<std::string>;

/// `name layer expert` of each alarm raised, `-name ...` of each that is over.
Names names_of(const std::vector<EventRecord>& events) {
  Names names;
  for (const EventRecord& event : events) {
    std::string name = (event.state == "cleared" ? "-" : "") + event.name + " " + std::to_string(event.layer);
    if (event.expert) name += " " + std::to_string(*event.expert);
    names.push_back(name);
  }
  return names;
}

StepRecord step_with(std::vector<int64_t> tokens, int64_t layers = 1) {
  StepRecord record;
  const auto experts = static_cast<int64_t>(tokens.size()) / layers;
  record.load = {layers, experts, std::move(tokens)};
  return record;
}

RouterRecord measured(double gate_gradient, double cosine) {
  RouterRecord record;
  record.layers = 1;
  record.experts = 4;
  record.gate_gradient_relative = {gate_gradient};
  record.closest_cosine = {cosine};
  record.closest_experts = {1, 3};
  return record;
}

/// Judged at once, with one expert per token.
AlarmWatch impatient(int64_t top_k = 1) {
  AlarmConfig config;
  config.patience = config.gate_patience = config.copies_patience = 1;
  return {config, top_k};
}

AlarmWatch patient(int64_t patience) {
  AlarmConfig config;
  config.patience = patience;
  return {config, 1};
}

const std::vector<int64_t> kEven = {250, 250, 250, 250}, kDead = {350, 0, 330, 320};

TEST(AlarmWatch, AnEvenLoadIsOk) {
  AlarmWatch watch = impatient();
  EXPECT_TRUE(watch.observe(step_with(kEven)).empty());
  EXPECT_EQ(watch.verdict(), "ok");
}

TEST(AlarmWatch, EachTroubleHasItsNameAndNoOther) {
  EXPECT_EQ(names_of(impatient().observe(step_with(kDead))), Names{"dead 0 1"});
  EXPECT_EQ(names_of(impatient().observe(step_with({330, 10, 330, 330}))), Names{"dying 0 1"});
  EXPECT_EQ(names_of(impatient().observe(step_with({600, 140, 130, 130}))), Names{"over_subscribed 0 0"});
  EXPECT_EQ(names_of(impatient().observe(step_with({1000, 0, 0, 0}))), Names{"collapse 0"});
  EXPECT_EQ(names_of(impatient().observe(measured(1e-8, 0.2))), Names{"no_lm_gradient 0"});
  EXPECT_EQ(names_of(impatient().observe(measured(0.1, 0.999))), Names{"copies 0 1"});
}

TEST(AlarmWatch, CollapseMeansThatTheSameTopKExpertsDoAllTheWork) {
  EXPECT_EQ(names_of(impatient(2).observe(step_with({500, 500, 0, 0}))), Names{"collapse 0"});
  EXPECT_EQ(names_of(impatient(1).observe(step_with({500, 500, 0, 0}))), (Names{"dead 0 2", "dead 0 3"}));
  // Four of four experts are chosen by every token: that is no collapse.
  EXPECT_TRUE(impatient(4).observe(step_with(kEven)).empty());
}

TEST(AlarmWatch, WhatIsNotFiniteIsToldAtOnceAndTheLoadOfThatStepIsNotJudged) {
  AlarmWatch watch = patient(20);
  StepRecord record = step_with({1000, 0, 0, 0});
  record.skipped = true;
  record.non_finite = NonFinite{0, "expert", 2};
  const std::vector<EventRecord> events = watch.observe(record);
  ASSERT_EQ(names_of(events), Names{"non_finite 0 2"});
  EXPECT_EQ(events[0].text, "layer 0: the output of expert 2 is not finite");
  EXPECT_EQ(watch.verdict(), "layer 0 expert 2 not finite");
  EXPECT_TRUE(watch.observe(record).empty());
}

TEST(AlarmWatch, AStepThatFp16SkipsIsNoAlarm) {
  StepRecord record = step_with(kEven);
  record.skipped = true;
  EXPECT_TRUE(impatient().observe(record).empty());
}

TEST(AlarmWatch, ABiasThatStandsStillUnderAnUnevenLoadIsFrozen) {
  AlarmWatch watch = patient(2);
  StepRecord record = step_with({600, 140, 130, 130});
  record.router.bias = {0, 0, 0, 0};
  watch.observe(record);
  watch.observe(record);
  EXPECT_EQ(names_of(watch.observe(record)), Names{"bias_frozen 0"});

  AlarmWatch moving = patient(2);
  record.load.tokens = {400, 200, 200, 200};
  for (int step = 0; step < 5; ++step) {
    record.router.bias[0] -= 1e-3;
    EXPECT_TRUE(moving.observe(record).empty());
  }
  AlarmWatch even = patient(2);
  record.load.tokens = kEven;
  for (int step = 0; step < 5; ++step) EXPECT_TRUE(even.observe(record).empty());
}

TEST(AlarmWatch, PatienceCountsStepsInARow) {
  AlarmWatch watch = patient(3);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(watch.observe(step_with(kDead)).empty());
    EXPECT_TRUE(watch.observe(step_with(kDead)).empty());
    EXPECT_TRUE(watch.observe(step_with(kEven)).empty());
  }
  watch.observe(step_with(kDead));
  watch.observe(step_with(kDead));
  EXPECT_EQ(names_of(watch.observe(step_with(kDead))), Names{"dead 0 1"});
  EXPECT_EQ(watch.verdict(), "layer 0 expert 1 dead");
}

TEST(AlarmWatch, SaysWhatItWatchesBeforeItIsAnAlarm) {
  AlarmWatch watch = patient(20);
  EXPECT_EQ(watch.verdict(), "ok");
  for (int step = 0; step < 4; ++step) watch.observe(step_with(kDead));
  EXPECT_EQ(watch.verdict(), "watching: layer 0 expert 1 dead for 4 of 20 steps");
  watch.observe(step_with({500, 0, 0, 500}));
  EXPECT_EQ(watch.verdict(), "watching: 2 dead for 5 of 20 steps");
  watch.observe(step_with(kEven));
  EXPECT_EQ(watch.verdict(), "ok");
  watch.observe(measured(1e-8, 0.2));
  EXPECT_EQ(watch.verdict(), "watching: layer 0 no LM gradient into the gate for 1 of 2 measures");
}

TEST(AlarmWatch, IsOverAfterAsManyGoodSteps) {
  AlarmWatch watch = patient(2);
  watch.observe(step_with(kDead));
  watch.observe(step_with(kDead));
  EXPECT_TRUE(watch.observe(step_with(kEven)).empty());
  EXPECT_EQ(names_of(watch.observe(step_with(kEven))), Names{"-dead 0 1"});
  EXPECT_EQ(watch.verdict(), "ok");
}

TEST(AlarmWatch, AnExpertWithoutATokenNowAndThenIsDying) {
  AlarmWatch watch = patient(4);
  Names names;
  for (int step = 0; step < 4; ++step) {
    for (const std::string& name : names_of(watch.observe(step_with({340, step % 2, 330, 330})))) names.push_back(name);
  }
  EXPECT_EQ(names, Names{"dying 0 1"});
}

TEST(AlarmWatch, WhatFollowsFromAWorseAlarmOfTheLayerIsNotRaised) {
  AlarmWatch watch = patient(2);
  const std::vector<int64_t> dead_and_crowded = {700, 0, 150, 150};
  watch.observe(step_with(dead_and_crowded));
  EXPECT_EQ(names_of(watch.observe(step_with(dead_and_crowded))), Names{"dead 0 1"});
  EXPECT_TRUE(watch.observe(step_with(dead_and_crowded)).empty());
  // In another layer it is news.
  std::vector<int64_t> two_layers = dead_and_crowded;
  two_layers.insert(two_layers.end(), {600, 140, 130, 130});
  watch.observe(step_with(two_layers, 2));
  EXPECT_EQ(names_of(watch.observe(step_with(two_layers, 2))), Names{"over_subscribed 1 0"});
}

TEST(AlarmWatch, FewTokensRaiseNoAlarm) {
  AlarmWatch watch = impatient();
  EXPECT_TRUE(watch.observe(step_with({0, 10, 20, 30})).empty());
  EXPECT_EQ(watch.verdict(), "too few tokens to judge");
}

TEST(AlarmWatch, TheVerdictIsTheWorstAlarmAndHowManyMore) {
  AlarmWatch watch = impatient();
  watch.observe(step_with({0, 500, 0, 500, 600, 140, 130, 130}, 2));
  EXPECT_EQ(watch.verdict(), "layer 0 expert 0 dead (and 2 more)");
}

TEST(AlarmWatch, AnAlarmSaysWhereHowMuchWhyAndWhatToDo) {
  const EventRecord event = patient(1).observe(step_with(kDead)).at(0);
  EXPECT_EQ(event.type, "alarm");
  EXPECT_EQ(event.text, "layer 0: expert 1 got no token, a fair share is 25%, for 1 steps: dead");
  EXPECT_EQ(event.value, 0);
  EXPECT_FALSE(event.cause.empty());
  EXPECT_NE(event.remedy.find("revival.method"), std::string::npos);
  const EventRecord gradient = impatient().observe(measured(2e-8, 0)).at(0);
  EXPECT_EQ(gradient.text, "layer 0: no LM gradient into the gate: 2e-08 of the model's, per weight, for 1 measures");
  EXPECT_EQ(gradient.threshold, 1e-4);
  EXPECT_NE(gradient.remedy.find("norm_top1_prob"), std::string::npos);
}

TEST(AlarmWatch, ABalancingLossFarBelowThatOfAnEvenLoadIsTold) {
  StepRecord record = step_with({250, 250, 250, 250});
  record.aux_loss_floor = 0.04;
  record.aux_loss = 0.039;
  AlarmWatch watch = impatient();
  EXPECT_TRUE(watch.observe(record).empty());
  record.aux_loss = 1e-7;
  const std::vector<EventRecord> events = watch.observe(record);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].name, "below_floor");
  EXPECT_EQ(events[0].text, "the balancing loss is 2.5e-06 of its value at even load for 1 steps: below its floor");
  EXPECT_EQ(watch.verdict(), "balancing loss below its floor");
}

StepRecord step_that_waited(double data_seconds, double seconds) {
  StepRecord record;  // of a dense model
  record.loss = 2;
  record.seconds = seconds;
  record.data_seconds = data_seconds;
  return record;
}

TEST(AlarmWatch, DataThatIsTooSlowIsToldWithItsShareAndIsNoPartOfTheState) {
  AlarmWatch watch = patient(3);
  for (int step = 1; step <= 2; ++step) EXPECT_TRUE(watch.observe(step_that_waited(0.2, 0.5)).empty());
  const std::vector<EventRecord> events = watch.observe(step_that_waited(0.2, 0.5));
  ASSERT_EQ(names_of(events), Names{"slow_data -1"});
  EXPECT_EQ(events[0].text,
            "40% of a step is waiting for its text for 3 steps, the limit is 30%: the data is too slow");
  EXPECT_EQ(alarm_in_short(watch.standing().front()), "data too slow");
  EXPECT_EQ(watch.verdict(), "ok") << "of the routers";
  EXPECT_EQ(watch.state().find("slow_data"), std::string::npos);
  for (int step = 1; step <= 2; ++step) EXPECT_TRUE(watch.observe(step_that_waited(0.1, 0.5)).empty());
  EXPECT_EQ(names_of(watch.observe(step_that_waited(0.1, 0.5))), Names{"-slow_data -1"});
}

TEST(AlarmWatch, AFewMillisecondsAreNoSlowData) {
  AlarmWatch watch = patient(1);
  EXPECT_TRUE(watch.observe(step_that_waited(0.004, 0.005)).empty());
  EXPECT_EQ(names_of(watch.observe(step_that_waited(0.04, 0.05))), Names{"slow_data -1"});
}

TEST(AlarmWatch, AGradientThatIsNotANumberIsNoVerdict) {
  EXPECT_TRUE(impatient().observe(measured(std::numeric_limits<double>::quiet_NaN(), 0)).empty());
}

TEST(AlarmWatch, GoesOnFromItsStateAsIfItHadNotStopped) {
  StepRecord record = step_with({350, 0, 330, 320, 600, 140, 130, 130}, 2);
  record.router.bias = {0.1, 0.2, 0.3, -1.0 / 3, 0, 0, 0, 0};
  AlarmWatch whole = patient(3);
  whole.observe(record);
  whole.observe(record);
  AlarmWatch resumed = patient(3);
  resumed.restore(whole.state());
  EXPECT_EQ(resumed.state(), whole.state());
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(names_of(resumed.observe(record)), names_of(whole.observe(record)));
    EXPECT_EQ(resumed.state(), whole.state());
  }
  EXPECT_FALSE(whole.standing().empty());
}

TEST(AlarmRemedies, OfAnUnevenLoadAreForRoutersThatABiasBalancesToo) {
  for (const AlarmKind kind : {AlarmKind::kCollapse, AlarmKind::kDying, AlarmKind::kOverSubscribed}) {
    for (const char* setting : {"model.router_aux_loss_coef", "model.router_bias_update_rate"}) {
      EXPECT_NE(alarm_remedy(kind).find(setting), std::string_view::npos) << alarm_name(kind) << setting;
    }
  }
}

TEST(AlarmNames, AreReadBack) {
  for (const AlarmKind kind :
       {AlarmKind::kNonFinite, AlarmKind::kNoLmGradient, AlarmKind::kCollapse, AlarmKind::kBiasFrozen, AlarmKind::kDead,
        AlarmKind::kDying, AlarmKind::kOverSubscribed, AlarmKind::kCopies}) {
    EXPECT_EQ(alarm_kind(alarm_name(kind)), kind);
    EXPECT_FALSE(alarm_cause(kind).empty());
    EXPECT_FALSE(alarm_remedy(kind).empty());
  }
  EXPECT_EQ(alarm_kind("fine"), std::nullopt);
}

}  // namespace
}  // namespace mm
