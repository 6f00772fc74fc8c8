// A packed batch says of the model what its documents say alone: losses and gradients, of a dense model and a mixture.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "engine/training_step.h"
#include "model/parameters/init.h"

namespace mm {
namespace {

constexpr int64_t kTime = 48;

/// Three rows; the last of the lengths of a row is padding where the row says so.
struct PackedRow {
  std::vector<int64_t> lengths;
  bool padded;
};
const std::vector<PackedRow> kRows = {{{20, 17, 11}, false}, {{48}, false}, {{1, 2, 30, 9, 6}, true}};

ModelConfig config_with(const std::function<void(ModelConfig&)>& set) {
  ModelConfig config;
  config.vocab_size = 97;
  config.hidden_size = 64;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.intermediate_size = 96;
  config.initializer_range = 0.15;
  set(config);
  Problems problems;
  resolve_model(config, "test", problems);
  problems.throw_if_any();
  return config;
}

/// A document of n tokens and one to follow, different for every `number`.
at::Tensor document(int64_t length, uint64_t number) {
  return at::randint(3, 97, {length + 1}, at::detail::createCPUGenerator(100 + number), at::kLong);
}

Batch packed_batch() {
  const auto rows = static_cast<int64_t>(kRows.size());
  Batch batch = {.tokens_bt = at::zeros({rows, kTime}, at::kLong),
                 .targets_bt = at::full({rows, kTime}, kIgnoredTarget, at::kLong)};
  uint64_t number = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const PackedRow& packed = kRows[static_cast<size_t>(row)];
    int64_t begin = 0;
    for (size_t i = 0; i < packed.lengths.size(); ++i) {
      const int64_t length = packed.lengths[i];
      batch.document_lengths.push_back(length);
      if (packed.padded && i + 1 == packed.lengths.size()) continue;
      const at::Tensor ids = document(length, number++);
      batch.tokens_bt[row].narrow(0, begin, length).copy_(ids.narrow(0, 0, length));
      batch.targets_bt[row].narrow(0, begin, length).copy_(ids.narrow(0, 1, length));
      batch.targets += length;
      begin += length;
    }
  }
  std::vector<int32_t> ends = {0};
  for (const int64_t length : batch.document_lengths) ends.push_back(ends.back() + static_cast<int32_t>(length));
  ends.insert(ends.end(), 4, ends.back());
  batch.document_ends_s = at::tensor(ends, at::kInt);
  batch.counted_bt = batch.targets_bt.ge(0);
  return batch;
}

std::vector<Batch> documents_alone() {
  std::vector<Batch> batches;
  for (const PackedRow& row : kRows) {
    for (size_t i = 0; i < row.lengths.size() - (row.padded ? 1 : 0); ++i) {
      const at::Tensor ids = document(row.lengths[i], batches.size());
      batches.push_back({.tokens_bt = ids.narrow(0, 0, row.lengths[i]).unsqueeze(0).contiguous(),
                         .targets_bt = ids.narrow(0, 1, row.lengths[i]).unsqueeze(0).contiguous(),
                         .targets = row.lengths[i]});
    }
  }
  return batches;
}

/// The loss of a batch with what it is trained with besides, and its gradients; weighted by tokens over batches.
struct LossAndGradient {
  double loss = 0;
  double balance = 0;
  at::Tensor gradient;
  at::Tensor expert_tokens_le;
};

LossAndGradient loss_and_gradient(const ModelConfig& config, const std::vector<Batch>& batches) {
  TrainedModel trained(config, {}, at::kCPU, at::kFloat);
  initialize(trained.parameters, config, 7);
  trained.parameters.refresh_shadow();
  trained.parameters.gradient().zero_();
  const int64_t targets = std::accumulate(batches.begin(), batches.end(), int64_t{0},
                                          [](int64_t sum, const Batch& batch) { return sum + batch.targets; });
  LossAndGradient result;
  for (const Batch& batch : batches) {
    const MicroBatchLosses losses = micro_batch_losses(trained.model, batch);
    const double share = static_cast<double>(batch.targets) / static_cast<double>(targets);
    at::Tensor objective = losses.loss_sum / static_cast<double>(targets);
    result.loss += objective.item<double>();
    if (const at::Tensor balance = auxiliary_loss(losses.reports); balance.defined()) {
      result.balance += balance.item<double>() * share;
      objective = objective + balance * share;
    }
    objective.backward();
    const at::Tensor& counts = losses.reports.expert_tokens_le;
    if (counts.defined()) {
      result.expert_tokens_le = result.expert_tokens_le.defined() ? result.expert_tokens_le + counts : counts;
    }
  }
  result.gradient = trained.parameters.gradient().clone();
  return result;
}

void expect_packing_changes_nothing(const ModelConfig& config) {
  const LossAndGradient packed = loss_and_gradient(config, {packed_batch()});
  const LossAndGradient alone = loss_and_gradient(config, documents_alone());
  EXPECT_NEAR(packed.loss, alone.loss, 1e-6 * alone.loss);
  EXPECT_NEAR(packed.balance, alone.balance, 1e-6 * alone.balance);
  const at::Tensor difference = (packed.gradient - alone.gradient).to(at::kDouble).norm();
  EXPECT_LE(difference.item<double>(), 1e-6 * alone.gradient.to(at::kDouble).norm().item<double>());
  if (packed.expert_tokens_le.defined()) {
    EXPECT_TRUE(at::equal(packed.expert_tokens_le, alone.expert_tokens_le));
  }
}

TEST(Packing, ADenseModelLearnsFromDocumentsSideBySideWhatItLearnsFromEachAlone) {
  expect_packing_changes_nothing(config_with([](ModelConfig& config) { config.model_type = "dense"; }));
}

TEST(Packing, SoDoesAMixtureWithItsSequenceBalanceAndZLoss) {
  expect_packing_changes_nothing(config_with([](ModelConfig& config) {
    config.model_type = "moe";
    config.moe.n_shared_experts = 1;
    config.moe.aux_loss = "sequence";
    config.moe.router_aux_loss_coef = 0.1;
    config.moe.router_z_loss_coef = 0.01;
  }));
}

TEST(Packing, SoDoInterleavedPositionsAndNormedHeads) {
  expect_packing_changes_nothing(config_with([](ModelConfig& config) {
    config.model_type = "dense";
    config.qk_norm = true;
    config.rope_layout = "interleaved";
  }));
}

TEST(Packing, WithoutTheBoundariesADocumentIsAnotherOneBehindItsNeighbour) {
  const ModelConfig config = config_with([](ModelConfig& model) { model.model_type = "dense"; });
  Batch stream = packed_batch();
  stream.document_ends_s.reset();
  const LossAndGradient packed = loss_and_gradient(config, {stream});
  const LossAndGradient alone = loss_and_gradient(config, documents_alone());
  EXPECT_GT(std::abs(packed.loss - alone.loss), 1e-3 * alone.loss);
}

TEST(Packing, PaddingChangesNoCountAndNoLossOfTheRouter) {
  const ModelConfig config = config_with([](ModelConfig& model) {
    model.model_type = "moe";
    model.moe.aux_loss = "token";
    model.moe.router_z_loss_coef = 0.01;
    model.moe.balance = "quantile";
  });
  Batch other = packed_batch();
  other.tokens_bt.masked_fill_(other.targets_bt < 0, 96);
  const LossAndGradient a = loss_and_gradient(config, {packed_batch()}), b = loss_and_gradient(config, {other});
  EXPECT_NEAR(a.loss, b.loss, 1e-6 * b.loss);
  EXPECT_NEAR(a.balance, b.balance, 1e-6 * b.balance);
  EXPECT_TRUE(at::equal(a.expert_tokens_le, b.expert_tokens_le));
  EXPECT_LE((a.gradient - b.gradient).norm().item<double>(), 1e-6 * b.gradient.norm().item<double>());
}

}  // namespace
}  // namespace mm
