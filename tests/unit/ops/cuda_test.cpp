// Every op of the CUDA path against its definition in fp32 on the CPU, from inputs and upstream gradients that are
// numbers of the dtype.
// Tolerances. fp32: 3e-6 of the largest value, for other orders of summation. 16 bit: what a kernel computes in fp32
// and stores is off by one rounding of itself (2^-8 in bf16, 2^-11 in fp16), value by value; ops that ATen computes,
// and products, keep to a multiple of that of the largest value.
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "device_under_test.h"
#include "ops/adamw_update.h"
#include "ops/attention.h"
#include "ops/cross_entropy.h"
#include "ops/cuda/launch.h"
#include "ops/dispatch.h"
#include "ops/flat_norm.h"
#include "ops/grouped_linear.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/rotary.h"
#include "ops/swiglu.h"
#ifndef MM_CUDA
#include "tests/support/sixteen_bit_product.h"
#endif

namespace mm {
namespace {

using Shapes = std::vector<std::pair<int64_t, int64_t>>;

/// Each value of the narrow tensors is what is expected, rounded.
void expect_rounded(const Tensors& actual, const Tensors& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(actual[i].sizes(), expected[i].sizes()) << "tensor " << i;
    if (expected[i].numel() == 0) continue;
    const at::ScalarType type = actual[i].scalar_type();
    const double unit = type == at::kFloat ? 0 : type == at::kHalf ? 0x1p-11 : 0x1p-8;
    const double smallest = type == at::kHalf ? 0x1p-25 : 0;  // below 2^-14 digits are lost
    const at::Tensor a = actual[i].detach().cpu().to(at::kDouble), e = expected[i].detach().to(at::kDouble);
    const at::Tensor allowed = e.abs() * (1.01 * unit) + (3e-6 * e.abs().max().item<double>() + smallest);
    const at::Tensor excess = ((a - e).abs() - allowed).nan_to_num(kInfinity);
    EXPECT_LE(excess.max().item<double>(), 0) << "tensor " << i << " in " << type;
  }
}

class Cuda : public OnDeviceUnderTest, public testing::WithParamInterface<at::ScalarType> {
 protected:
  at::ScalarType dtype() const { return GetParam(); }
  at::Tensor rounded(const at::Tensor& x) const { return x.to(dtype()); }

  struct Sides {
    Tensors device, host;
  };
  /// `inputs` rounded to the dtype, but not those in `keep_fp32` (weights of norms and of routing).
  Sides sides(const Tensors& inputs, const std::vector<bool>& keep_fp32) const {
    Sides both;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor x = keep_fp32[i] ? inputs[i] : rounded(inputs[i]);
      both.device.push_back(x.to(device()));
      both.host.push_back(x.to(at::kFloat));
    }
    return both;
  }

  /// For our own kernels.
  void expect_kernel(const Op& op, const Op& definition, const Tensors& inputs,
                     const std::vector<bool>& keep_fp32) const {
    const Sides both = sides(inputs, keep_fp32);
    const Tensors actual = on_device_repeatedly([&] { return forward_and_backward(op, both.device, dtype()); });
    expect_rounded(actual, forward_and_backward(definition, both.host, dtype()));
  }

  /// For ops that ATen or a matrix product computes.
  void expect_op(const Op& op, const Op& definition, const Tensors& inputs, const std::vector<bool>& keep_fp32) const {
    const Sides both = sides(inputs, keep_fp32);
    Tensors actual = on_device([&] { return forward_and_backward(op, both.device, dtype()); });
    for (at::Tensor& tensor : actual) tensor = tensor.to(at::kFloat);
    const double tolerance = dtype() == at::kFloat ? 1e-5 : dtype() == at::kHalf ? 4e-3 : 3e-2;
    expect_close(actual, forward_and_backward(definition, both.host, dtype()), tolerance);
  }
};

/// The last `rows` x `width` values of x, which begin where no 16-byte load can.
at::Tensor unaligned(const at::Tensor& x, int64_t rows, int64_t width) {
  return x.narrow(0, 1, rows * width).view({rows, width});
}

TEST_P(Cuda, SwigluEqualsItsDefinition) {
  for (const auto& [rows, width] : Shapes{{0, 8}, {1, 1}, {1, 8}, {3, 7}, {2, 2056}, {17, 320}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_kernel([](const Tensors& x) { return Tensors{swiglu(x[0])}; },
                  [](const Tensors& x) { return Tensors{reference::swiglu(x[0])}; },
                  {random_tensor({rows, 2 * width}, 1, 3)}, {false});
  }
  const auto on_unaligned = [](const auto& op) {
    return [=](const Tensors& x) { return Tensors{op(unaligned(x[0], 3, 16))}; };
  };
  expect_kernel(on_unaligned(swiglu), on_unaligned(reference::swiglu), {random_tensor({49}, 1)}, {false});
}

TEST_P(Cuda, SwigluLetsANanThroughToItsPlaceAlone) {
  at::Tensor x = rounded(random_tensor({2, 40}, 2));
  x[1][3] = kNan;
  const at::Tensor y = on_device([&] { return swiglu(x.to(device())); });
  EXPECT_EQ(count_nan(y), 1);
  EXPECT_EQ(count_nan(y[1][3]), 1);
}

constexpr double kEps = 1e-5;

TEST_P(Cuda, RmsNormEqualsItsDefinition) {
  // The last one has more rows than partial sums.
  for (const auto& [rows, width] : Shapes{{0, 8}, {1, 7}, {1, 8}, {3, 33}, {9, 768}, {2, 2048}, {1027, 8}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_kernel([&](const Tensors& x) { return Tensors{rms_norm(x[0], x[1], kEps, dtype())}; },
                  [](const Tensors& x) { return Tensors{reference::rms_norm(x[0], x[1], kEps, at::kFloat)}; },
                  {random_tensor({rows, width}, 3), random_tensor({width}, 4)}, {true, true});
  }
  const auto on_unaligned = [](const auto& op) {
    return [=](const Tensors& x) { return Tensors{op(unaligned(x[0], 3, 16), x[1])}; };
  };
  expect_kernel(on_unaligned([&](const auto& x, const auto& w) { return rms_norm(x, w, kEps, dtype()); }),
                on_unaligned([](const auto& x, const auto& w) { return reference::rms_norm(x, w, kEps, at::kFloat); }),
                {random_tensor({49}, 6), random_tensor({16}, 7)}, {true, true});
}

TEST_P(Cuda, AddAndRmsNormEqualTheirDefinition) {
  for (const auto& [rows, width] : Shapes{{0, 8}, {1, 7}, {1, 8}, {3, 33}, {9, 768}, {33, 16}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_kernel(
        [&](const Tensors& x) {
          const NormedSum next = add_rms_norm(x[0], x[2], x[1], kEps, dtype());
          return Tensors{next.sum_nd, next.normed_nd};
        },
        [](const Tensors& x) {
          const at::Tensor sum = x[0] + x[2];
          return Tensors{sum, reference::rms_norm(sum, x[1], kEps, at::kFloat)};
        },
        {random_tensor({rows, width}, 3), random_tensor({width}, 4), random_tensor({rows, width}, 5)},
        {true, true, false});
  }
}

TEST_P(Cuda, RmsNormRoundsBeforeTheWeightWhereItIsAsked) {
  // What is on the edge of two numbers may fall to either side; a kernel that does not round misses half of all.
  const at::Tensor upstream = rounded(random_tensor({16, 256}, 8));
  const auto run = [&](const auto& norm, at::Device place) {
    const at::Tensor x = random_tensor({16, 256}, 6).to(place);
    const at::Tensor weight = random_tensor({256}, 7).to(place).set_requires_grad(true);
    const at::Tensor y = norm(x, weight, kEps, dtype(), NormRounding::kBeforeWeight);
    (y.to(at::kFloat) * upstream.to(place).to(at::kFloat)).sum().backward();
    return Tensors{y.detach().cpu(), weight.grad().cpu()};
  };
  const Tensors actual = on_device_repeatedly([&] { return run(rms_norm, device()); });
  const Tensors expected = run(reference::rms_norm, at::kCPU);
  EXPECT_LE(actual[0].ne(expected[0]).sum().item<int64_t>(), dtype() == at::kFloat ? 4096 : 40);
  expect_close({actual[0].to(at::kFloat)}, {expected[0].to(at::kFloat)}, dtype() == at::kFloat ? 3e-6 : 1e-2);
  expect_close({actual[1]}, {expected[1]}, dtype() == at::kFloat ? 3e-6 : 1e-3);
}

TEST_P(Cuda, AWidthThatTheNormKernelDoesNotTakeIsComputedAllTheSame) {
  const Tensors inputs = {random_tensor({2, 1025}, 8), random_tensor({1025}, 9)};
  expect_kernel([&](const Tensors& x) { return Tensors{rms_norm(x[0], x[1], kEps, dtype())}; },
                [](const Tensors& x) { return Tensors{reference::rms_norm(x[0], x[1], kEps, at::kFloat)}; }, inputs,
                {true, true});
}

at::Tensor targets_for(int64_t rows, int64_t vocabulary) {
  const at::Tensor targets = at::arange(rows, at::kLong).mul(97).remainder(vocabulary);
  return targets.where(at::arange(rows, at::kLong).remainder(5) != 4, -100);
}

TEST_P(Cuda, CrossEntropyEqualsItsDefinition) {
  for (const auto& [rows, v] : Shapes{{0, 8}, {1, 1}, {1, 7}, {1, 8}, {5, 1001}, {12, 6400}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << v);
    const at::Tensor targets = targets_for(rows, v), device_targets = targets.to(device());
    const Tensors inputs = {random_tensor({rows, v}, 5, 4)};
    const auto definition = [&](const Tensors& x) { return Tensors{reference::cross_entropy(x[0], targets)}; };
    expect_kernel([&](const Tensors& x) { return Tensors{cross_entropy(x[0], device_targets)}; }, definition, inputs,
                  {false});
    // In the place of logits that an op gave.
    expect_kernel([&](const Tensors& x) { return Tensors{cross_entropy(x[0].clone(), device_targets)}; }, definition,
                  inputs, {false});
  }
}

TEST_P(Cuda, CrossEntropyWritesItsGradientOverLogitsThatAnOpGaveAndNotOverALeaf) {
  on_device([&] {
    const at::Tensor leaf = rounded(random_tensor({3, 24}, 6)).to(device()).set_requires_grad(true);
    const at::Tensor before = leaf.detach().clone(), targets = targets_for(3, 24).to(device());
    const at::Tensor given = leaf.clone();
    cross_entropy(given, targets).sum().backward();
    EXPECT_TRUE(at::equal(given, leaf.grad()));
    cross_entropy(leaf, targets).sum().backward();
    EXPECT_TRUE(at::equal(leaf.detach(), before));
    return 0;
  });
}

TEST_P(Cuda, CrossEntropyTreatsValuesThatAreNotFiniteAsItsDefinition) {
  const at::Tensor targets = at::tensor({0, 0, 20, 0, 0}, at::kLong);
  at::Tensor logits = rounded(random_tensor({5, 600}, 7));
  logits[0].narrow(0, 300, 300).fill_(-kInfinity);  // whole warps see nothing else
  logits[1][599] = kNan;
  logits[2][20] = -kInfinity;
  logits[3][17] = kInfinity;
  logits[4].fill_(-kInfinity);
  const at::Tensor loss = on_device([&] { return cross_entropy(logits.to(device()), targets.to(device())); }).cpu();
  EXPECT_NEAR(loss[0].item<float>(), reference::cross_entropy(logits, targets)[0].item<float>(), 1e-5);
  EXPECT_EQ(loss[2].item<float>(), kInfinity);
  for (const int64_t row : {1, 3, 4}) EXPECT_TRUE(std::isnan(loss[row].item<float>())) << row;
}

struct HeadCase {
  int64_t batch, time, heads, key_value_heads, head_dim;
};

TEST_P(Cuda, RotaryHeadsEqualTheirDefinition) {
  // All widths of packs, lanes without work, and a width that the kernel does not take.
  const std::vector<HeadCase> cases = {{0, 4, 2, 1, 8},  {1, 1, 1, 1, 2},  {2, 7, 4, 2, 6},  {2, 5, 2, 1, 8},
                                       {2, 9, 3, 1, 24}, {3, 4, 8, 2, 32}, {2, 3, 8, 4, 96}, {1, 3, 2, 1, 66}};
  for (const HeadCase& c : cases) {
    for (const RopeLayout layout : {RopeLayout::kInterleaved, RopeLayout::kHalfSplit}) {
      for (const bool normed : {false, true}) {
        SCOPED_TRACE(testing::Message() << c.batch << " x " << c.time << ", " << c.heads << " and " << c.key_value_heads
                                        << " heads of " << c.head_dim << (normed ? ", normed" : ""));
        const HeadOptions options{c.heads, c.key_value_heads, c.head_dim, 1e-6, layout};
        const auto on = [&](const auto& op, at::Device place) {
          const RopeTable table = make_rope_table(c.time + 1, c.head_dim, 1e4, place);
          return [=](const Tensors& x) {
            const Heads heads = op(x[0], normed ? x[1] : at::Tensor(), normed ? x[2] : at::Tensor(), table, options);
            return Tensors{heads.q_bthc, heads.k_btkc, heads.v_btkc};
          };
        };
        Tensors inputs = {random_tensor({c.batch, c.time, (c.heads + 2 * c.key_value_heads) * c.head_dim}, 6)};
        if (normed) {
          inputs.push_back(random_tensor({c.head_dim}, 7));
          inputs.push_back(random_tensor({c.head_dim}, 8));
        }
        const Op op = on(rotary_heads, device()), definition = on(reference::rotary_heads, at::kCPU);
        if (cuda::takes_head_width(c.head_dim)) {
          expect_kernel(op, definition, inputs, {false, true, true});
        } else {
          expect_op(op, definition, inputs, {false, true, true});
        }
      }
    }
  }
}

TEST_P(Cuda, RotaryHeadsOfMoreRowsThanPartialSumsEqualTheirDefinition) {
  const HeadOptions options{1, 1, 2, 1e-6, RopeLayout::kHalfSplit};
  const auto on = [&](const auto& op, at::Device place) {
    const RopeTable table = make_rope_table(1027, 2, 1e4, place);
    return [=](const Tensors& x) { return Tensors{op(x[0], x[1], at::Tensor(), table, options).q_bthc}; };
  };
  expect_kernel(on(rotary_heads, device()), on(reference::rotary_heads, at::kCPU),
                {random_tensor({131, 1027, 6}, 6), random_tensor({2}, 7)}, {false, true});
}

TEST_P(Cuda, RotaryHeadsLeaveValuesWhereTheyAre) {
  const at::Tensor qkv = rounded(random_tensor({2, 3, 32}, 9)).to(device());
  const Heads heads = on_device([&] {
    return rotary_heads(qkv, {}, {}, make_rope_table(3, 8, 1e4, device()), {2, 1, 8, 1e-6, RopeLayout::kHalfSplit});
  });
  EXPECT_EQ(heads.v_btkc.const_data_ptr(), qkv.narrow(2, 24, 8).const_data_ptr());
}

TEST_P(Cuda, AttentionEqualsTheCpu) {
  const auto attend = [](const Tensors& x) { return Tensors{causal_attention({x[0], x[1], x[2]}, 0.0)}; };
  expect_op(attend, attend,
            {random_tensor({2, 48, 8, 64}, 9), random_tensor({2, 48, 2, 64}, 10), random_tensor({2, 48, 2, 64}, 11)},
            {false, false, false});
}

TEST_P(Cuda, AttentionWithinDocumentsEqualsThatByAMask) {
  const std::vector<int64_t> lengths = {40, 1, 3, 129, 83};
  const auto documents_on = [&](at::Device where) {
    const at::Tensor ends_s = at::tensor({0, 40, 41, 44, 173, 256, 256, 256}, at::kInt).to(where);
    return lay_out_documents(lengths, ends_s, /*longest=*/130, /*tokens=*/256);
  };
  const Documents here = documents_on(device()), on_host = documents_on(at::kCPU);
  expect_op(
      [&](const Tensors& x) {
        return Tensors{document_attention({x[0], x[1], x[2]}, here, 0.0)};
      },
      [&](const Tensors& x) {
        return Tensors{reference::document_attention({x[0], x[1], x[2]}, on_host, 0.0)};
      },
      {random_tensor({1, 256, 8, 64}, 9), random_tensor({1, 256, 2, 64}, 10), random_tensor({1, 256, 2, 64}, 11)},
      {false, false, false});
}

TEST_P(Cuda, DispatchAndCombineEqualTheirDefinitions) {
  struct Case {
    at::Tensor experts_ns;
    int64_t width;
  };
  const at::Tensor order = random_tensor({65, 5}, 12).argsort(int64_t{-1});
  const std::vector<Case> cases = {{order.narrow(1, 0, 1).contiguous(), 72},
                                   {order.narrow(1, 0, 2).contiguous(), 72},
                                   {order.narrow(1, 1, 3).contiguous(), 7},
                                   {at::full({9, 1}, 3, at::kLong), 8},  // all on one expert, the others idle
                                   {at::full({1, 1}, 4, at::kLong), 320},
                                   {at::zeros({0, 2}, at::kLong), 8}};
  for (const Case& c : cases) {
    const int64_t tokens = c.experts_ns.size(0), slots = c.experts_ns.size(1);
    SCOPED_TRACE(testing::Message() << tokens << " tokens of " << c.width << ", top-" << slots);
    const DispatchPlan host = plan_dispatch(c.experts_ns, 5), plan = plan_dispatch(c.experts_ns.to(device()), 5);
    EXPECT_TRUE(at::equal(plan.slot_of_row_r.cpu(), host.slot_of_row_r));
    EXPECT_TRUE(at::equal(plan.ends_e.cpu(), host.ends_e));
    expect_kernel([&](const Tensors& x) { return Tensors{dispatch(x[0], plan)}; },
                  [&](const Tensors& x) { return Tensors{reference::dispatch(x[0], host)}; },
                  {random_tensor({tokens, c.width}, 13)}, {false});
    expect_kernel([&](const Tensors& x) { return Tensors{combine(x[0], x[1], plan)}; },
                  [&](const Tensors& x) { return Tensors{reference::combine(x[0], x[1], host)}; },
                  {random_tensor({tokens * slots, c.width}, 14), random_tensor({tokens, slots}, 15)}, {false, true});
  }
}

TEST_F(OnDeviceUnderTest, SlotsAreSortedByExpertAsOnTheCpu) {
  struct Case {
    int64_t tokens, slots, experts;
  };
  // A block sorts 1,024 slots, and has a thread for each of up to 256 experts.
  const std::vector<Case> cases = {{0, 2, 8},    {1, 1, 1},     {7, 1, 5},     {512, 2, 8},     {1025, 1, 4},
                                   {700, 3, 64}, {300, 8, 256}, {300, 8, 300}, {2500, 1, 1024}, {9, 2, 1025}};
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.tokens << " tokens, top-" << c.slots << " of " << c.experts);
    const at::Tensor chosen_ns =
        at::arange(c.tokens * c.slots, at::kLong).mul(7919).remainder(c.experts).view({c.tokens, c.slots});
    for (const at::Tensor& experts_ns : {chosen_ns, at::full_like(chosen_ns, c.experts - 1)}) {
      const DispatchPlan host = plan_dispatch(experts_ns, c.experts);
      const Tensors plan = on_device_repeatedly([&] {
        const DispatchPlan made = plan_dispatch(experts_ns.to(device()), c.experts);
        return Tensors{made.token_of_row_r, made.slot_of_row_r, made.row_of_slot_ns, made.ends_e};
      });
      EXPECT_TRUE(at::equal(plan[0].cpu(), host.token_of_row_r));
      EXPECT_TRUE(at::equal(plan[1].cpu(), host.slot_of_row_r));
      EXPECT_TRUE(at::equal(plan[2].cpu(), host.row_of_slot_ns));
      EXPECT_TRUE(at::equal(plan[3].cpu(), host.ends_e));
    }
  }
}

TEST_P(Cuda, DispatchOfOneSlotCopiesTheBytes) {
  const at::Tensor x = rounded(random_tensor({9, 24}, 16)).to(device());
  const DispatchPlan plan = plan_dispatch(at::arange(9, at::kLong).mul(5).remainder(4).unsqueeze(1).to(device()), 4);
  EXPECT_TRUE(at::equal(on_device([&] { return dispatch(x, plan); }), reference::dispatch(x, plan)));
}

TEST_P(Cuda, LinearEqualsAten) {
  expect_op([](const Tensors& x) { return Tensors{mm::linear(x[0], x[1])}; },
            [](const Tensors& x) { return Tensors{at::linear(x[0], x[1])}; },
            {random_tensor({70, 96}, 16), random_tensor({40, 96}, 17)}, {false, false});
}

TEST_P(Cuda, GroupedLinearEqualsItsDefinitionAndIdleExpertsGetExactlyZero) {
  const at::Tensor ends = at::tensor({3, 3, 80, 80}, at::kInt), ends_on_device = ends.to(device());
  const Tensors inputs = {random_tensor({80, 64}, 18), random_tensor({4, 48, 64}, 19)};
  const auto op = [&](const Tensors& x) { return Tensors{grouped_linear(x[0], x[1], ends_on_device)}; };
  expect_op(op, [&](const Tensors& x) { return Tensors{reference::grouped_linear(x[0], x[1], ends)}; }, inputs,
            {false, false});
  const Tensors results = on_device([&] {
    return forward_and_backward(op, {rounded(inputs[0]).to(device()), rounded(inputs[1]).to(device())});
  });
  EXPECT_EQ(results[2][1].abs().max().item<float>(), 0.0f);
  EXPECT_EQ(results[2][3].abs().max().item<float>(), 0.0f);
}

/// A weight whose gradients are added to what an fp32 buffer holds.
at::Tensor weight_with(const at::Tensor& weight, const at::Tensor& gradient) {
  at::Tensor leaf = weight.detach().set_requires_grad(true);
  leaf.set_grad_dtype(at::kFloat);
  leaf.mutable_grad() = gradient;
  return leaf;
}

TEST_P(Cuda, LinearAddsTheUnroundedProductToAnFp32Gradient) {
  const at::Tensor x = rounded(random_tensor({300, 96}, 16)), weight = rounded(random_tensor({40, 96}, 17));
  const at::Tensor dy = rounded(random_tensor({300, 40}, 18)), before = random_tensor({40, 96}, 19);
  const at::Tensor gradient = on_device([&] {
    at::Tensor sum = before.to(device(), before.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    mm::linear(x.to(device()), weight_with(weight.to(device()), sum)).backward(dy.to(device()));
    return sum;
  });
  const at::Tensor expected = before.to(at::kDouble) + dy.to(at::kDouble).t().mm(x.to(at::kDouble));
  expect_close({gradient.cpu()}, {expected.to(at::kFloat)}, 3e-6);
}

TEST_P(Cuda, GroupedLinearAddsToAnFp32GradientAndLeavesThatOfIdleExperts) {
  const at::Tensor ends = at::tensor({3, 3, 80, 80}, at::kInt);
  const at::Tensor x = rounded(random_tensor({80, 64}, 18)), weight = rounded(random_tensor({4, 48, 64}, 19));
  const at::Tensor dy = rounded(random_tensor({80, 48}, 20)), before = random_tensor({4, 48, 64}, 21);
  const Tensors actual = on_device_repeatedly([&] {
    at::Tensor sum = before.to(device(), before.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    const at::Tensor rows = x.to(device()).detach().set_requires_grad(true);
    grouped_linear(rows, weight_with(weight.to(device()), sum), ends.to(device())).backward(dy.to(device()));
    return Tensors{sum, rows.grad()};
  });
  at::Tensor expected = before.clone(), rows = x.to(at::kFloat).detach().set_requires_grad(true);
  at::Tensor leaf = weight_with(weight.to(at::kFloat), expected);
  reference::grouped_linear(rows, leaf, ends).backward(dy.to(at::kFloat));
  // A product of all experts at once is rounded before it is added.
  const double tolerance = dtype() == at::kBFloat16 ? 0x1p-8 : 3e-6;
  expect_close({actual[0].cpu()}, {leaf.grad()}, tolerance);
  expect_rounded({actual[1]}, {rows.grad()});
  for (const int64_t idle : {1, 3}) EXPECT_TRUE(at::equal(actual[0][idle].cpu(), before[idle])) << idle;
}

TEST_P(Cuda, GradientsOfExpertsAreAddedWhereThereAreRowsAndNotReadElsewhere) {
  const at::Tensor ends = at::tensor({0, 5, 5, 9}, at::kInt);
  for (const auto& [size, first] : Shapes{{1, 0}, {7, 0}, {8, 0}, {4104, 0}, {16, 1}}) {
    SCOPED_TRACE(testing::Message() << size << " from " << first);
    at::Tensor term = rounded(random_tensor({4 * size + 1}, 22));
    const at::Tensor before = random_tensor({4 * size + 1}, 23);
    const auto experts = [n = size, begin = first](const at::Tensor& flat) {
      return flat.narrow(0, begin, 4 * n).view({4, n});
    };
    for (const int64_t idle : {0, 2}) experts(term)[idle].fill_(kNan);
    at::Tensor expected = before.clone();
    for (const int64_t busy : {1, 3}) experts(expected)[busy] += experts(term)[busy];
    const Tensors actual = on_device_repeatedly([&, n = size] {
      const at::Tensor sum = before.to(device(), before.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
      const at::Tensor term_here = term.to(device()), ends_here = ends.to(device());
      cuda::add_experts(cuda::element_type(term), cuda::read(experts(term_here)), cuda::read<int32_t>(ends_here), 4, n,
                        cuda::read_and_write<float>(experts(sum)), cuda::OnDevice(sum));
      return Tensors{sum};
    });
    EXPECT_TRUE(at::equal(actual[0].cpu(), expected));
  }
}

TEST_F(OnDeviceUnderTest, TheFlatNormEqualsItsDefinition) {
  for (const int64_t rows : {0, 1, 2, 1000, 1027}) {  // more than partial sums
    SCOPED_TRACE(rows);
    const at::Tensor flat = random_tensor({1024 * rows + 1}, 20, 1e-3), on_it = flat.to(device());
    for (const int64_t first : {0, 1}) {  // 1: where no 16-byte load can begin
      if (first == 1 && rows > 1000) continue;
      const Tensors norm =
          on_device_repeatedly([&] { return Tensors{flat_norm(on_it.narrow(0, first, 1024 * rows))}; });
      EXPECT_EQ(norm[0].dim(), 0);
      expect_close({norm[0].cpu()}, {reference::flat_norm(flat.narrow(0, first, 1024 * rows))}, 1e-6);
    }
  }
}

TEST_F(OnDeviceUnderTest, TheFlatNormShowsAnyValueThatIsNotFinite) {
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    at::Tensor flat = random_tensor({4096}, 21);
    flat[3001] = bad;
    const at::Tensor norm = on_device([&] { return flat_norm(flat.to(device())); });
    EXPECT_FALSE(std::isfinite(norm.item<float>())) << bad;
  }
}

struct AdamWCase {
  int64_t size, shadowed, decayed, first = 0;
};

/// Buffers for such a range, with others' elements before and behind it, and updates of them.
class AdamWSubject {
 public:
  AdamWSubject(const AdamWCase& c, at::ScalarType shadow_type, at::Device device) : case_(c), first_(8 + c.first) {
    for (uint64_t i = 0; i < 4; ++i) {
      flats_.push_back(random_tensor({c.size + 17}, 30 + i, i == 3 ? 1e-4 : 1e-2).abs_().to(device));
    }
    if (shadow_type != at::kFloat) shadow_ = random_tensor({c.size + 17}, 35).to(shadow_type).to(device);
  }

  template <class Update>
  void update(const Update& update, uint64_t step, double skip) {
    at::Tensor gradient = random_tensor({case_.size}, 40 + step, 8e-2);
    if (case_.size > 4) gradient[4] = 0;
    if (skip == 1 && case_.size > 0) gradient[case_.size - 1] = kNan;
    part(flats_[1]).copy_(gradient);
    updates_ += 1 - skip;
    const auto scalar = [&](double value) { return at::full({}, value, part(flats_[0]).options()); };
    update({.parameters = part(flats_[0]),
            .gradients = part(flats_[1]),
            .first_moment = part(flats_[2]),
            .second_moment = part(flats_[3]),
            .shadow = shadow_.defined() ? shadow_.narrow(0, first_, case_.shadowed) : shadow_,
            .decayed = case_.decayed},
           {.learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1}, scalar(8),
           scalar(skip), scalar(updates_));
  }

  /// On the CPU: parameters, gradients, moments; and the shadow where there is one.
  Tensors all() const {
    Tensors tensors;
    for (const at::Tensor& flat : flats_) tensors.push_back(flat.cpu());
    if (shadow_.defined()) tensors.push_back(shadow_.cpu());
    return tensors;
  }

  at::Tensor part(const at::Tensor& flat) const { return flat.narrow(0, first_, case_.size); }
  /// What the shadow must be.
  at::Tensor rounded_parameters() const {
    return part(flats_[0]).narrow(0, 0, case_.shadowed).cpu().to(shadow_.scalar_type());
  }
  at::Tensor shadow() const { return shadow_.narrow(0, first_, case_.shadowed).cpu(); }

 private:
  AdamWCase case_;
  int64_t first_;
  double updates_ = 6;
  Tensors flats_;
  at::Tensor shadow_;
};

TEST_P(Cuda, AdamWEqualsItsDefinition) {
  // Wide and narrow packs, borders of what is decayed and shadowed that no pack has, more packs than threads.
  const std::vector<AdamWCase> cases = {
      {0, 0, 0},   {1, 1, 1},    {7, 3, 5},          {8, 8, 8},       {48, 16, 32},      {48, 16, 32, 1},
      {48, 9, 32}, {48, 16, 31}, {4096, 4096, 1024}, {4096, 0, 4096}, {100003, 7000, 0}, {270000, 270000, 270000, 3}};
  for (const AdamWCase& c : cases) {
    SCOPED_TRACE(testing::Message() << c.size << " elements, " << c.shadowed << " shadowed, " << c.decayed
                                    << " decayed, from " << c.first);
    if (c.size > 10000 && dtype() != at::kBFloat16) continue;
    const Tensors actual = on_device_repeatedly([&] {
      AdamWSubject subject(c, dtype(), device());
      for (const uint64_t step : {0, 1, 2}) {
        subject.update(adamw_update, step, /*skip=*/step == 1);
        EXPECT_EQ(subject.part(subject.all()[1]).count_nonzero().item<int64_t>(), 0);
        if (dtype() == at::kFloat) continue;
        EXPECT_TRUE(at::equal(subject.shadow(), subject.rounded_parameters()));
      }
      return subject.all();
    });
    AdamWSubject expected(c, dtype(), at::kCPU);
    for (const uint64_t step : {0, 2}) expected.update(reference::adamw_update, step, /*skip=*/0);
    for (size_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(i);
      expect_close({actual[i]}, {expected.all()[i]}, 1e-6);
      // What lies beside the range is others'.
      const at::Tensor inside = at::zeros({c.size + 17}, at::kBool);
      expected.part(inside).fill_(true);
      EXPECT_TRUE(at::equal(actual[i].masked_fill(inside, 0), expected.all()[i].masked_fill(inside, 0)));
    }
  }
}

TEST_P(Cuda, AdamWLeavesAllButTheGradientsOfASkippedStep) {
  for (const AdamWCase& c : {AdamWCase{48, 16, 32}, AdamWCase{7, 3, 5}}) {
    const AdamWSubject before(c, dtype(), device());
    AdamWSubject subject(c, dtype(), device());
    on_device([&] {
      subject.update(adamw_update, 0, /*skip=*/1);
      return 0;
    });
    Tensors expected = before.all();
    before.part(expected[1]).zero_();
    expect_same_bytes(subject.all(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(, Cuda, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });

}  // namespace
}  // namespace mm
