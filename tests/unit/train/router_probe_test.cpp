// What is measured of the routers, against the same computed another way.
#include "train/router/router_probe.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/non_finite.h"
#include "model/moe/moe_views.h"
#include "ops/cross_entropy.h"
#include "tests/unit/train/tiny_run.h"
#include "train/router/probe_batch.h"

namespace mm {
namespace {

/// A run of one step, measured behind it.
std::unique_ptr<TinyRun> one_step(const std::string& folder, std::vector<std::string> settings) {
  settings.push_back("train.steps=1");
  auto run = std::make_unique<TinyRun>(folder, tiny_config(moe_settings(std::move(settings))));
  run->train();
  return run;
}

MoeViews weights_of(TinyRun& run, int64_t layer) {
  return moe_views(run.config.model, run.state.parameters.layout(), run.state.parameters.master(), layer);
}

RouterRecord measure(TinyRun& run) {
  return RouterProbe(run.config, run.state).measure();
}

TEST(RouterProbe, IsTakenAtTheFirstStepAndEverySoMany) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(moe_settings({"metrics.router_every=3", "train.steps=7"})));
  run.train();
  std::vector<int64_t> steps;
  for (const RouterRecord& record : run.records->routers) steps.push_back(record.step);
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 3, 6}));
}

/// L2 norm of the gradient in the gate of each layer.
std::vector<double> gate_norms(TinyRun& run, const at::Tensor& loss) {
  run.state.parameters.gradient().zero_();
  loss.backward({}, /*keep_graph=*/true);
  std::vector<double> norms;
  for (int64_t layer = 0; layer < 2; ++layer) {
    const MoeViews gradient =
        moe_views(run.config.model, run.state.parameters.layout(), run.state.parameters.gradient(), layer);
    norms.push_back(gradient.gate_rows().norm().item<double>());
  }
  return norms;
}

TEST(RouterProbe, GateGradientsAreThoseOfEachLossAlone) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {"model.router_z_loss_coef=0.1", "model.router_aux_loss_coef=1"});
  const RouterRecord& record = run->records->routers.at(0);

  const Batch batch = run->state.loader.batch_of(probe_windows(run->config, run->data.train->windows()));
  const HiddenStates states = run->state.model.forward(batch.tokens_bt, true);
  const at::Tensor loss = cross_entropy(run->state.model.logits(states.hidden_nd), batch.targets_bt.flatten()).mean();
  const std::vector<double> of_lm = gate_norms(*run, loss),
                            of_aux = gate_norms(*run, states.reports.balance_loss + states.reports.z_loss);
  for (size_t layer = 0; layer < 2; ++layer) {
    EXPECT_GT(of_lm[layer], 1e-5);
    EXPECT_NEAR(record.gate_gradient_lm[layer], of_lm[layer], 1e-5 * of_lm[layer]);
    EXPECT_NEAR(record.gate_gradient_aux[layer], of_aux[layer], 1e-5 * of_aux[layer]);
    EXPECT_GT(record.gate_gradient_relative[layer], 1e-3);
  }
}

TEST(RouterProbe, MeasuresTheRoutedLayersOfAModelThatBeginsWithDenseOnes) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {"model.num_hidden_layers=3", "model.first_k_dense_replace=2"});
  const RouterRecord& record = run->records->routers.at(0);
  EXPECT_EQ(record.layers, 1);
  EXPECT_EQ(record.first_layer, 2);
  EXPECT_EQ(record.gate_gradient_lm.size(), 1u);
  EXPECT_GT(record.gate_gradient_lm[0], 0);
  EXPECT_EQ(record.output_rms.size(), 4u);
  EXPECT_EQ(record.update_ratio.size(), 4u);
  const MoeViews weights = weights_of(*run, 2);
  weights.experts_gate_up[3].copy_(2 * weights.experts_gate_up[1]);
  weights.experts_down[3].copy_(2 * weights.experts_down[1]);
  EXPECT_NEAR(measure(*run).closest_cosine.at(0), 1, 1e-5);
}

TEST(RouterProbe, LeavesNoGradients) {
  const TempFolder folder;
  for (const char* balance : {"model.router_aux_loss_coef=1", "model.router_aux_loss_coef=0"}) {
    const auto run = one_step(folder / balance, {balance});
    EXPECT_GT(measure(*run).gate_gradient_lm.at(0), 0) << balance;
    EXPECT_EQ(run->state.parameters.gradient().count_nonzero().item<int64_t>(), 0) << balance;
  }
}

TEST(RouterProbe, AWeightThatIsAlwaysOneLeavesTheGateWithoutLmGradient) {
  const TempFolder folder;
  const auto dead = one_step(folder / "dead", {"model.num_experts_per_tok=1", "model.norm_top1_prob=true"});
  const auto learning = one_step(folder / "learning", {"model.num_experts_per_tok=1"});
  for (size_t layer = 0; layer < 2; ++layer) {
    EXPECT_LT(dead->records->routers.at(0).gate_gradient_relative[layer], 1e-5);
    EXPECT_GT(dead->records->routers.at(0).gate_gradient_aux[layer], 1e-6);
    EXPECT_GT(learning->records->routers.at(0).gate_gradient_relative[layer], 1e-3);
  }
}

TEST(RouterProbe, WithoutAuxiliaryLossItsGradientIsZero) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {"model.aux_loss=none"});
  EXPECT_EQ(run->records->routers.at(0).gate_gradient_aux, (std::vector<double>{0, 0}));
}

TEST(RouterProbe, ChurnIsTheShareOfPairsThatMoved) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {"model.num_experts_per_tok=1", "optim.learning_rate=0"});
  EXPECT_TRUE(run->records->routers.at(0).churn.empty());
  EXPECT_EQ(measure(*run).churn, (std::vector<double>{0, 0}));
  // Two experts of the second layer trade places: who was with one of them is now with the other.
  const MoeViews weights = weights_of(*run, 1);
  weights.gate_rows().copy_(weights.gate_rows().index_select(0, at::tensor({1, 0, 2, 3})));
  const at::Tensor before = run->state.probe_experts_lns[1].clone();
  const double moved = (before < 2).to(at::kDouble).mean().item<double>();
  ASSERT_GT(moved, 0);
  const RouterRecord record = measure(*run);
  EXPECT_EQ(record.churn[0], 0);
  EXPECT_NEAR(record.churn[1], moved, 1e-12);
}

TEST(RouterProbe, ExpertsThatAreCopiesHaveCosineOne) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {});
  const MoeViews weights = weights_of(*run, 1);
  weights.experts_gate_up[3].copy_(2 * weights.experts_gate_up[1]);
  weights.experts_down[3].copy_(2 * weights.experts_down[1]);
  const RouterRecord record = measure(*run);
  EXPECT_NEAR(record.closest_cosine[1], 1, 1e-5);
  EXPECT_EQ(record.closest_experts[2], 1);
  EXPECT_EQ(record.closest_experts[3], 3);
  EXPECT_LT(record.closest_cosine[0], 0.9);
  EXPECT_LT(record.expert_cosine[1], 0.5);
}

TEST(RouterProbe, TheUpdateOfAnExpertIsMeasuredOverItsWeights) {
  const TempFolder folder;
  const auto still = one_step(folder / "still", {"optim.learning_rate=0"});
  EXPECT_EQ(still->records->routers.at(0).update_ratio, std::vector<double>(8, 0.0));

  const auto run = one_step(folder / "run", {"optim.weight_decay=0"});
  // AdamW's first update of every weight that has a gradient is the learning rate.
  const MoeViews weights = weights_of(*run, 0);
  const double elements = static_cast<double>(weights.experts_gate_up.size(1) + weights.experts_down.size(1));
  const double rms = std::sqrt(
      (weights.experts_gate_up[2].square().sum() + weights.experts_down[2].square().sum()).item<double>() / elements);
  EXPECT_NEAR(run->records->routers.at(0).update_ratio[2], 0.01 / rms, 0.2 * 0.01 / rms);
}

TEST(RouterProbe, WeightsKeptForASkippedStepAreForgotten) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {});
  RouterProbe probe(run->config, run->state);
  probe.keep_weights();
  weights_of(*run, 0).experts_down.mul_(2);
  probe.keep_weights();
  EXPECT_EQ(probe.measure().update_ratio, std::vector<double>(8, 0.0));
}

TEST(RouterProbe, AnExpertWithoutTokensGivesNothing) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {"model.balance=bias"});
  run->state.parameters.router_state().bias_le[1][2] = -100;
  const RouterRecord record = measure(*run);
  EXPECT_EQ(record.output_rms[4 + 2], 0);
  EXPECT_GT(record.output_rms[4 + 1], 0);
}

TEST(RouterProbe, MeasuringChangesNothingOfTheRun) {
  const auto trained = [](const char* every) {
    const TempFolder folder;
    TinyRun run(folder.path(), tiny_config(moe_settings({every, "model.dropout=0.1", "model.router_jitter=0.1"})));
    run.train();
    return bytes_of(run.state.parameters.master());
  };
  EXPECT_EQ(trained("metrics.router_every=1"), trained("metrics.router_every=0"));
}

TEST(FindNonFinite, NamesTheFirstLayerAndTheExpert) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {});
  const Batch batch = run->state.loader.batch_of(std::vector<int64_t>{0, 1});
  EXPECT_FALSE(find_non_finite(run->state.model, batch).has_value());
  weights_of(*run, 1).experts_down[2][7] = std::nanf("");
  std::optional<NonFinite> found = find_non_finite(run->state.model, batch);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->layer, 1);
  EXPECT_EQ(found->expert, 2);
  weights_of(*run, 0).gate_rows()[3][0] = std::nanf("");
  found = find_non_finite(run->state.model, batch);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->layer, 0);
  EXPECT_EQ(found->part, "router");
  EXPECT_FALSE(found->expert.has_value());
}

TEST(FindNonFinite, CountsDenseLayersToo) {
  const TempFolder folder;
  const auto run = one_step(folder.path(), {"model.num_hidden_layers=3", "model.first_k_dense_replace=1"});
  const Batch batch = run->state.loader.batch_of(std::vector<int64_t>{0, 1});
  EXPECT_FALSE(find_non_finite(run->state.model, batch).has_value());
  const at::Tensor tokens_e = run->state.model.forward(batch.tokens_bt, /*training=*/false).reports.expert_tokens_le[1];
  const int64_t busiest = tokens_e.argmax().item<int64_t>();
  weights_of(*run, 2).experts_down[busiest][7] = std::nanf("");
  std::optional<NonFinite> found = find_non_finite(run->state.model, batch);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->layer, 2);
  EXPECT_EQ(found->part, "expert");
  EXPECT_EQ(found->expert, busiest);
  for (const auto& [name, values] : run->state.parameters.named(run->state.parameters.master())) {
    if (name == "model.layers.0.mlp.up_proj.weight") values.flatten()[3].fill_(std::nanf(""));
  }
  found = find_non_finite(run->state.model, batch);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->layer, 0);
  EXPECT_EQ(found->part, "feed-forward");
}

TEST(FindNonFinite, NamesTheBranchOfADenseModel) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config());
  const Batch batch = run.state.loader.batch_of(std::vector<int64_t>{0, 1});
  EXPECT_FALSE(find_non_finite(run.state.model, batch).has_value());
  const auto break_weight = [&](const std::string& wanted) {
    for (const auto& [name, values] : run.state.parameters.named(run.state.parameters.master())) {
      if (name == wanted) values.flatten()[3].fill_(std::nanf(""));
    }
    run.state.parameters.refresh_shadow();
    const std::optional<NonFinite> found = find_non_finite(run.state.model, batch);
    return found ? std::to_string(found->layer) + " " + found->part : "";
  };
  EXPECT_EQ(break_weight("model.layers.1.mlp.down_proj.weight"), "1 feed-forward");
  EXPECT_EQ(break_weight("model.layers.1.self_attn.o_proj.weight"), "1 attention");
}

}  // namespace
}  // namespace mm
