// Faults put into a run raise their alarm and no other; and what is revived learns again.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "model/moe/moe_views.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

using Names = std::set<std::string>;

/// A gate of two layers; weights that hardly move, so that nothing undoes a fault.
std::vector<std::string> faulty(std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"model.router_hidden_size=16", "alarms.patience=10", "metrics.router_every=5",
                             "optim.learning_rate=1e-5", "schedule.type=constant", "data.validation_fraction=0"});
  return moe_settings(more);
}

const std::vector<std::string> kOneExpertPerToken = {"model.num_experts_per_tok=1", "model.norm_topk_prob=false"};

std::vector<std::string> joined(std::vector<std::string> settings, const std::vector<std::string>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

MoeViews weights_of(TinyRun& run, int64_t layer) {
  return moe_views(run.config.model, run.state.parameters.layout(), run.state.parameters.master(), layer);
}

/// The gate's hidden layer gives large positive values or next to nothing, so that the sign of a row decides.
void make_gate_decisive(const MoeViews& weights) {
  weights.gate[0].mul_(300);
  weights.gate[1].mul_(0.001);
}

/// No token finds expert `expert`.
void kill_gate_row(TinyRun& run, int64_t layer, int64_t expert) {
  const at::NoGradGuard no_gradients;
  const MoeViews weights = weights_of(run, layer);
  make_gate_decisive(weights);
  weights.gate[1].select(0, expert).fill_(-0.1);
}

/// Every token finds expert `expert`.
void collapse_to(TinyRun& run, int64_t layer, int64_t expert) {
  const at::NoGradGuard no_gradients;
  const MoeViews weights = weights_of(run, layer);
  make_gate_decisive(weights);
  weights.gate[1].select(0, expert).fill_(0.1);
}

std::unique_ptr<TinyRun> run_until(const std::string& folder, std::vector<std::string> settings, int64_t step) {
  auto run = std::make_unique<TinyRun>(folder, tiny_config(faulty(std::move(settings))));
  run->config.train.steps = step;
  run->train();
  return run;
}

void go_on_until(TinyRun& run, int64_t step) {
  run.config.train.steps = step;
  run.train();
}

TEST(Alarms, AHealthyRunRaisesNone) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {"optim.learning_rate=0.003"}, 60);
  EXPECT_EQ(run->records->alarms(), Names());
  EXPECT_EQ(run->records->steps.back().verdict, "ok");
  for (const StepRecord& step : run->records->steps) EXPECT_LT(step.data_seconds, step.seconds);
}

TEST(Alarms, AGateWhoseWeightIsAlwaysOneHasNoLmGradient) {
  const TempFolder folder;
  const auto run = run_until(folder.path(),
                             {"model.num_experts_per_tok=1", "model.norm_top1_prob=true",
                              "model.router_aux_loss_coef=0.05", "optim.learning_rate=0.003"},
                             9);
  EXPECT_EQ(run->records->alarms(), Names{"no_lm_gradient"});
}

TEST(Alarms, AKilledGateRowIsADeadExpert) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {}, 5);
  kill_gate_row(*run, 1, 2);
  go_on_until(*run, 25);
  EXPECT_EQ(run->records->alarms(), Names{"dead"});
  const EventRecord& event = run->records->events.at(0);
  EXPECT_EQ(event.layer, 1);
  EXPECT_EQ(event.expert, 2);
  EXPECT_TRUE(run->records->steps.front().standing.empty());
  EXPECT_EQ(run->records->steps.back().standing, std::vector<std::string>{"layer 1 expert 2 dead"});
}

TEST(Alarms, ABiasThatDoesNotMoveIsFrozen) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {"model.balance=bias", "model.router_bias_update_rate=0"}, 25);
  EXPECT_EQ(run->records->alarms(), Names{"bias_frozen"});
}

TEST(Alarms, AnExpertThatGivesNanIsNamed) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {}, 5);
  {
    const at::NoGradGuard no_gradients;
    weights_of(*run, 0).experts_down.select(0, 1).fill_(std::nanf(""));
  }
  EXPECT_THROW(go_on_until(*run, 20), Error);  // such weights are not saved
  EXPECT_EQ(run->records->alarms(), Names{"non_finite"});
  EXPECT_EQ(run->records->events.at(0).text, "layer 0: the output of expert 1 is not finite");
}

TEST(Alarms, OneExpertForAllIsACollapse) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), kOneExpertPerToken, 5);
  collapse_to(*run, 0, 3);
  collapse_to(*run, 1, 0);
  go_on_until(*run, 25);
  EXPECT_EQ(run->records->alarms(), Names{"collapse"});
  EXPECT_EQ(run->records->events.at(0).text, "layer 0: 1 of 4 experts do all the work for 10 steps: collapse");
}

TEST(Alarms, ExpertsThatStayCopiesAreTold) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {"optim.learning_rate=0"}, 1);
  {
    const at::NoGradGuard no_gradients;
    const MoeViews weights = weights_of(*run, 1);
    weights.experts_gate_up[3].copy_(weights.experts_gate_up[0]);
    weights.experts_down[3].copy_(weights.experts_down[0]);
  }
  go_on_until(*run, 20);
  EXPECT_EQ(run->records->alarms(), Names{"copies"});
}

double mean_loss_of_last(const TinyRun& run, size_t count) {
  const std::vector<StepRecord>& steps = run.records->steps;
  return std::accumulate(steps.end() - static_cast<std::ptrdiff_t>(count), steps.end(), 0.0,
                         [](double sum, const StepRecord& record) { return sum + record.loss; }) /
         static_cast<double>(count);
}

/// How far a run whose first layer collapsed at step 30 ends above one that never did, in nats.
double loss_left_behind(const std::string& method) {
  const std::vector<std::string> settings =
      joined(kOneExpertPerToken, {"revival.method=" + method, "revival.cooldown=10", "optim.learning_rate=0.003",
                                  "model.router_aux_loss_coef=0.001"});
  constexpr int64_t kSteps = 300;
  const TempFolder folder;
  const auto well = run_until(folder / "well", settings, kSteps);
  const auto fallen = run_until(folder / "fallen", settings, 30);
  collapse_to(*fallen, 0, 3);
  go_on_until(*fallen, kSteps);
  EXPECT_TRUE(fallen->records->alarms().contains("collapse")) << method;
  return mean_loss_of_last(*fallen, 20) - mean_loss_of_last(*well, 20);
}

TEST(Revival, ByGateRowsBringsTheLossBack) {
  // Two runs of 300 steps on CPUs that round differently end up to 0.025 nats apart.
  constexpr double kRounding = 0.05;
  EXPECT_LT(loss_left_behind("reseed"), kRounding);
  EXPECT_LT(loss_left_behind("gate"), kRounding);
}

/// Random letters: to be learned by heart, which takes the weights of all experts.
std::vector<std::string> random_texts(size_t count) {
  std::mt19937 random(7);
  std::vector<std::string> texts(count, std::string(31, ' '));
  for (std::string& text : texts) {
    for (char& letter : text) letter = static_cast<char>('a' + random() % 26);
  }
  return texts;
}

/// The last loss of a run that learns random texts by heart. It may fall at step 50: from then on the router bias sends
/// every token to two of eight experts.
double loss_by_heart(const std::string& method, bool falls) {
  const RunConfig config = tiny_config(
      faulty({"train.steps=700", "train.stop_after=50", "train.micro_batch=31", "schedule.type=cosine",
              "optim.learning_rate=0.006", "metrics.router_every=0", "model.num_hidden_layers=1", "model.num_experts=8",
              "model.n_shared_experts=0", "model.moe_intermediate_size=8", "model.router_hidden_size=0",
              "model.router_aux_loss_coef=0", "model.balance=bias", "revival.boost=2", "revival.method=" + method}));
  const TempFolder folder;
  TinyRun run(folder.path(), config, random_texts(31));
  run.train();
  if (falls) {
    const at::NoGradGuard no_gradients;
    run.state.parameters.router_state().bias_le.slice(1, 3, 5).add_(2);
  }
  run.config.train.stop_after = 0;
  run.train();
  return mean_loss_of_last(run, 20);
}

TEST(Revival, BringsBackALossThatStaysBehindWithoutIt) {
  const double well = loss_by_heart("none", /*falls=*/false);
  const double left_behind = loss_by_heart("none", /*falls=*/true) - well;
  EXPECT_GT(left_behind, 0.05);
  EXPECT_LT(loss_by_heart("bias", /*falls=*/true) - well, left_behind / 4);
}

TEST(Revival, GivesADeadExpertTokensAgain) {
  for (const char* method : {"gate", "reseed"}) {
    const TempFolder folder;
    const auto run = run_until(folder.path(), {std::string("revival.method=") + method, "revival.cooldown=5"}, 5);
    kill_gate_row(*run, 1, 2);
    go_on_until(*run, 60);
    EXPECT_EQ(run->records->alarms(), Names{"dead"}) << method;
    EXPECT_EQ(run->records->events.at(1).name, "revival") << method;
    EXPECT_EQ(run->records->events.at(1).step, run->records->events.at(0).step) << method;
    EXPECT_GT(run->records->steps.back().load.at(1, 2), 0) << method;
    EXPECT_EQ(run->records->events.back().state, "cleared") << method;
  }
}

TEST(Revival, ByBiasRaisesTheBiasOfTheDeadExpertAlone) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {"model.balance=bias", "revival.method=bias", "revival.boost=2"}, 5);
  kill_gate_row(*run, 1, 2);
  go_on_until(*run, 15);
  EXPECT_GT(run->state.parameters.router_state().bias_le[1][2].item<double>(), 1.9);
  EXPECT_LT(run->state.parameters.router_state().bias_le[1][0].item<double>(), 0.1);
  EXPECT_EQ(run->records->alarms(), Names{"dead"});
}

/// Who is told of and who is revived is the expert of that layer of the model, whatever row its numbers have.
TEST(Revival, FindsALayerBehindDenseOnesByItsNumberInTheModel) {
  const TempFolder folder;
  for (const char* method : {"bias", "reseed"}) {
    const auto run = run_until(folder / method,
                               {"model.num_hidden_layers=3", "model.first_k_dense_replace=1", "model.balance=bias",
                                "revival.boost=2", std::string("revival.method=") + method},
                               5);
    EXPECT_EQ(run->records->steps.back().load.first_layer, 1);
    kill_gate_row(*run, 2, 3);
    go_on_until(*run, 15);
    ASSERT_EQ(run->records->events.size(), 2u) << method;
    const EventRecord &alarm = run->records->events[0], &revival = run->records->events[1];
    EXPECT_EQ(alarm.name, "dead");
    EXPECT_TRUE(alarm.text.starts_with("layer 2: expert 3 got ")) << alarm.text;
    EXPECT_EQ(alarm.layer, 2);
    EXPECT_EQ(run->records->steps.back().verdict, "layer 2 expert 3 dead");
    EXPECT_EQ(revival.layer, 2);
    EXPECT_TRUE(revival.text.starts_with("layer 2: expert 3 revived: ")) << revival.text;
    const at::Tensor& bias_le = run->state.parameters.router_state().bias_le;
    EXPECT_EQ(bias_le[1][3].item<double>() > 1.9, std::string(method) == "bias");
    EXPECT_LT(bias_le[0].abs().max().item<double>(), 0.1);
  }
}

TEST(Revival, WaitsForTheCooldownBetweenTwoAttempts) {
  const TempFolder folder;
  const auto run = run_until(folder.path(),
                             {"model.balance=bias", "revival.method=bias", "revival.boost=0", "revival.cooldown=7"}, 5);
  kill_gate_row(*run, 1, 2);
  go_on_until(*run, 30);
  std::vector<int64_t> attempts;
  for (const EventRecord& event : run->records->events) {
    if (event.name == "revival") attempts.push_back(event.step);
  }
  EXPECT_EQ(attempts, (std::vector<int64_t>{15, 22, 29}));
}

TEST(Revival, OffLeavesADeadExpertDead) {
  const TempFolder folder;
  const auto run = run_until(folder.path(), {}, 5);
  kill_gate_row(*run, 1, 2);
  go_on_until(*run, 30);
  EXPECT_EQ(run->records->steps.back().load.at(1, 2), 0);
}

/// Alarms, revivals and weights do not depend on where a run was stopped, before or behind an alarm.
TEST(Revival, AResumedRunRevivesTheSameExpertsInTheSameWay) {
  const auto fallen = [](const std::string& folder) {
    auto run = run_until(folder, joined(kOneExpertPerToken, {"revival.method=reseed", "revival.cooldown=10"}), 5);
    collapse_to(*run, 0, 3);
    return run;
  };
  const TempFolder folder;
  const auto whole = fallen(folder / "whole");
  go_on_until(*whole, 40);
  for (const int64_t stop : {10, 18, 27}) {
    const std::string parts = folder / ("stop" + std::to_string(stop));
    const auto first = fallen(parts);
    go_on_until(*first, stop);
    TinyRun second(parts, first->config);
    go_on_until(second, 40);
    EXPECT_EQ(bytes_of(second.state), bytes_of(whole->state)) << stop;
    EXPECT_EQ(first->records->events.size() + second.records->events.size(), whole->records->events.size()) << stop;
  }
}

}  // namespace
}  // namespace mm
