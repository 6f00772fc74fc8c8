// The fused CPU ops against their definitions in plain ATen, forward and backward, both in every iteration: the counter
// `speedup` is the definition's time over ours. Sizes are those of minimind3_768 at 4 x 512 tokens. At the end, experts
// against a dense product.
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <vector>

#include "ops/cpu/caching_allocator.h"
#include "ops/cross_entropy.h"
#include "ops/experts/dispatch.h"
#include "ops/experts/grouped_linear.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/rotary.h"
#include "ops/swiglu.h"

namespace mm {
namespace {

constexpr int64_t kBatch = 4, kTime = 512, kTokens = kBatch * kTime;

/// Gives a tensor from which a backward pass can start.
using Op = std::function<at::Tensor()>;

double seconds_of(const Op& op) {
  const auto start = std::chrono::steady_clock::now();
  op().sum().backward();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count();
}

void compare(benchmark::State& state, const Op& ours, const Op& baseline, const char* counter = "speedup") {
  double our_seconds = 0, baseline_seconds = 0;
  for (auto iteration : state) {
    const double seconds = seconds_of(ours);
    state.SetIterationTime(seconds);
    our_seconds += seconds;
    baseline_seconds += seconds_of(baseline);
  }
  state.counters[counter] = baseline_seconds / our_seconds;
}

at::Tensor leaf(at::IntArrayRef shape) {
  return at::randn(shape).set_requires_grad(true);
}

void rms_norm_768(benchmark::State& state) {
  const at::Tensor x = leaf({kTokens, 768}), weight = leaf({768});
  compare(
      state, [&] { return rms_norm(x, weight, 1e-6, at::kFloat); },
      [&] { return reference::rms_norm(x, weight, 1e-6, at::kFloat); });
}

void swiglu_2432(benchmark::State& state) {
  const at::Tensor gate_up = leaf({kTokens, 2 * 2432});
  compare(
      state, [&] { return swiglu(gate_up); }, [&] { return reference::swiglu(gate_up); });
}

void cross_entropy_6400(benchmark::State& state) {
  const at::Tensor logits = leaf({kTokens, 6400}), targets = at::randint(6400, {kTokens}, at::kLong);
  compare(
      state, [&] { return cross_entropy(logits, targets); }, [&] { return reference::cross_entropy(logits, targets); });
}

void rotary_heads_8_4_96(benchmark::State& state) {
  const HeadOptions options{.heads = 8, .key_value_heads = 4, .head_dim = 96, .norm_eps = 1e-6};
  const RopeTable table = make_rope_table(kTime, 96, 1e6, at::kCPU);
  const at::Tensor qkv = leaf({kBatch, kTime, 16 * 96}), q_norm = leaf({96}), k_norm = leaf({96});
  const auto sum_of = [](const Heads& heads) { return heads.q_bthc.sum() + heads.k_btkc.sum() + heads.v_btkc.sum(); };
  compare(
      state, [&] { return sum_of(rotary_heads(qkv, q_norm, k_norm, table, options)); },
      [&] { return sum_of(reference::rotary_heads(qkv, q_norm, k_norm, table, options)); });
}

void dispatch_and_combine_top2(benchmark::State& state) {
  const at::Tensor x = leaf({kTokens, 768});
  const at::Tensor weights = at::rand({kTokens, 2}).set_requires_grad(true);
  const DispatchPlan plan = plan_dispatch(at::randint(8, {kTokens, 2}, at::kLong), 8);
  compare(
      state, [&] { return combine(dispatch(x, plan), weights, plan); },
      [&] { return reference::combine(reference::dispatch(x, plan), weights, plan); });
}

/// Products of eight experts, as unevenly chosen as a young router chooses, against one product of the same FLOPs: the
/// counter `of_dense` is the speed of the experts over that of the dense product.
void experts_against_dense(benchmark::State& state, int64_t rows, int64_t in, int64_t out) {
  const std::array<double, 8> shares = {0.08, 0.10, 0.18, 0.16, 0.12, 0.13, 0.06, 0.17};
  std::vector<int32_t> ends;
  double share = 0;
  for (const double of_expert : shares) ends.push_back(static_cast<int32_t>(std::lround((share += of_expert) * rows)));
  const at::Tensor ends_e = at::tensor(ends, at::kInt);
  const at::Tensor x = leaf({rows, in});
  at::Tensor experts = leaf({8, out, in}), dense = leaf({out, in});
  // As in training: gradients of weights are added to a buffer.
  experts.mutable_grad() = at::zeros({8, out, in});
  dense.mutable_grad() = at::zeros({out, in});
  compare(
      state, [&] { return grouped_linear(x, experts, ends_e); }, [&] { return mm::linear(x, dense); }, "of_dense");
}

BENCHMARK(rms_norm_768)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(swiglu_2432)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(cross_entropy_6400)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(rotary_heads_8_4_96)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(dispatch_and_combine_top2)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(experts_against_dense, moe_192_gate_up, 8192, 192, 384)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(experts_against_dense, moe_192_down, 8192, 192, 192)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(experts_against_dense, moe_512_gate_up, 8192, 512, 1024)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mm

int main(int argc, char** argv) {
  mm::cpu::use_caching_allocator();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
