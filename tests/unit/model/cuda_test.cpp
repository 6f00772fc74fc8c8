// What the CUDA path of the model has of its own against its definition: routing in a few launches.
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>

#include "model/moe/router/batch_routing.h"
#include "model/moe/router/router.h"
#include "tests/unit/ops/device_under_test.h"

namespace mm {
namespace {

/// Sizes of a micro-batch, and which of its tokens count: all, or not those that divide by 3.
struct Shape {
  int64_t batch, time;
  bool padded = false;
};

struct RoutingCase {
  const char* name;
  MoeConfig config;
};

MoeConfig config_of(int64_t experts, int64_t slots, const std::string& scoring = "softmax") {
  MoeConfig config;
  config.num_experts = experts;
  config.num_experts_per_tok = slots;
  config.scoring_func = scoring;
  config.router_aux_loss_coef = 0.5;
  return config;
}

std::vector<RoutingCase> routing_cases() {
  std::vector<RoutingCase> cases;
  const auto add = [&](const char* name, MoeConfig config, const auto& set) {
    set(config);
    cases.push_back({name, config});
  };
  add("one expert", config_of(1, 1), [](MoeConfig&) {});
  add("top-1, summed, weight of 1", config_of(4, 1), [](MoeConfig& config) {
    config.norm_top1_prob = true;
    config.aux_loss = "token_sum";
  });
  add("top-1, z", config_of(4, 1), [](MoeConfig& config) { config.router_z_loss_coef = 0.3; });
  add("every expert", config_of(3, 3), [](MoeConfig&) {});
  add("no losses", config_of(8, 2), [](MoeConfig& config) { config.aux_loss = "none"; });
  add("sequence, z, scaled", config_of(8, 2), [](MoeConfig& config) {
    config.aux_loss = "sequence";
    config.router_z_loss_coef = 0.3;
    config.routed_scaling_factor = 2.5;
  });
  add("step, not normalised", config_of(7, 3), [](MoeConfig& config) {
    config.aux_loss = "step";
    config.norm_topk_prob = false;
  });
  add("softmax, bias", config_of(64, 6), [](MoeConfig& config) { config.balance = "bias"; });
  add("softmax, groups", config_of(8, 2), [](MoeConfig& config) {
    config.n_group = 4;
    config.topk_group = 2;
  });
  for (const char* scoring : {"sigmoid", "sqrtsoftplus"}) {
    add(scoring, config_of(6, 2, scoring), [](MoeConfig& config) { config.router_z_loss_coef = 0.3; });
    add(scoring, config_of(40, 4, scoring), [](MoeConfig& config) {
      config.balance = "bias";
      config.n_group = 8;
      config.topk_group = 3;
      config.aux_loss = "sequence";
    });
    add(scoring, config_of(9, 1, scoring), [](MoeConfig& config) { config.routed_scaling_factor = 0.5; });
  }
  add("sigmoid, quantile", config_of(6, 2, "sigmoid"), [](MoeConfig& config) { config.balance = "quantile"; });
  add("sigmoid, 256 experts, 32 groups", config_of(256, 8, "sigmoid"), [](MoeConfig& config) {
    config.n_group = 32;
    config.topk_group = 7;
  });
  add("too many experts", config_of(260, 2), [](MoeConfig&) {});
  add("in turn", config_of(5, 2), [](MoeConfig& config) { config.force_uniform_routing = true; });
  return cases;
}

class CudaRouting : public OnDeviceUnderTest {
 protected:
  struct Input {
    at::Tensor logits_ne, counted_bt;
    RouterWeights weights;

    Input to(at::Device device) const {
      return {logits_ne.to(device),
              counted_bt.to(device),
              {.gate = weights.gate.to(device),
               .bias_e = weights.bias_e.defined() ? weights.bias_e.to(device) : at::Tensor(),
               .step_load_e = weights.step_load_e.to(device)}};
    }
  };

  /// A gate that gives the logits as they are.
  static Input input(const MoeConfig& config, const Shape& shape, double scale = 2) {
    const int64_t experts = config.num_experts, tokens = shape.batch * shape.time;
    const at::Tensor n = at::arange(tokens).view({shape.batch, shape.time});
    return {random_tensor({tokens, experts}, 1, scale),
            shape.padded ? n.remainder(3).ne(0).to(at::kFloat) : at::ones({shape.batch, shape.time}),
            {.gate = at::eye(experts),
             .bias_e = config.has_router_bias() ? random_tensor({experts}, 2, 0.2) : at::Tensor(),
             .step_load_e = random_tensor({experts}, 3).softmax(-1)}};
  }

  static constexpr size_t kGradient = 4;  // among the results

  static Tensors forward_and_backward(decltype(route_batch)& route, const Input& input, const MoeConfig& config) {
    const at::Tensor logits_ne = input.logits_ne.detach().clone().set_requires_grad(true);
    const BatchRouting routing = route(logits_ne, input.counted_bt, input.weights, config, {.training = true});
    const auto upstream_of = [&](const at::Tensor& experts_ns) {  // by expert, so that slots may be in any order
      const at::Tensor upstream_e = random_tensor({config.num_experts}, 4).to(experts_ns.device());
      return upstream_e.index_select(0, experts_ns.flatten()).view_as(experts_ns);
    };
    at::Tensor total = (routing.weights_ns * upstream_of(routing.experts_ns)).sum();
    if (routing.balance_loss.defined()) total = total + 3 * routing.balance_loss;
    if (routing.z_loss.defined()) total = total - 2 * routing.z_loss;
    total.backward();
    const auto in_order = [&](const at::Tensor& x_ns) {
      return x_ns.detach().gather(1, routing.experts_ns.argsort(int64_t{1}));
    };
    Tensors results = {in_order(routing.experts_ns), in_order(routing.weights_ns), routing.expert_tokens_e,
                       routing.router_sums_qe, logits_ne.grad()};
    for (const at::Tensor& loss : {routing.balance_loss, routing.z_loss}) {
      if (loss.defined()) results.push_back(loss.detach());
    }
    // A margin at the edge of two bins may fall to either side.
    if (routing.margins_em.defined()) results.push_back(routing.margins_em.sum(1));
    return results;
  }

  void expect_definition(const MoeConfig& config, const Input& host) const {
    const Input here = host.to(device());
    const Tensors actual = on_device_repeatedly([&] { return forward_and_backward(route_batch, here, config); });
    const Tensors expected = forward_and_backward(reference::route_batch, host, config);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const at::Tensor a = actual[i].cpu(), &e = expected[i];
      if (e.scalar_type() != at::kFloat) {
        EXPECT_TRUE(at::equal(a, e)) << "result " << i;
        continue;
      }
      // Gradients are differences of numbers of about 1, what is upstream.
      const double largest = std::max(e.abs().max().item<double>(), i == kGradient ? 1.0 : 0.0);
      EXPECT_LE((a - e).abs().max().item<double>(), kOfSums * largest) << "result " << i;
    }
  }
};

TEST_F(CudaRouting, EqualsItsDefinitionWithAllThatIsToldAndItsGradient) {
  for (const RoutingCase& c : routing_cases()) {
    // Several blocks of a sequence; less than one; a token.
    for (const Shape& shape : {Shape{2, 70, true}, Shape{1, 5}, Shape{1, 1}}) {
      SCOPED_TRACE(testing::Message() << c.name << ": " << c.config.num_experts << " experts, " << shape.batch << " x "
                                      << shape.time);
      expect_definition(c.config, input(c.config, shape));
    }
  }
}

TEST_F(CudaRouting, EqualsItsDefinitionWhereAllTokensGoToOneExpertOrHaveLogitsOfAnySize) {
  for (const char* scoring : {"softmax", "sigmoid", "sqrtsoftplus"}) {
    SCOPED_TRACE(scoring);
    const MoeConfig config = config_of(6, 1, scoring);
    Input favoured = input(config, {2, 5});
    favoured.logits_ne.select(1, 2).add_(12);
    expect_definition(config, favoured);
    // Scores of all experts are 0 or 1 in fp32.
    for (const double shift : {-200, 60}) {
      Input far = input(config_of(6, 2, scoring), {2, 5});
      far.logits_ne.add_(shift);
      expect_definition(config_of(6, 2, scoring), far);
    }
  }
}

TEST_F(CudaRouting, TakesTheFirstOfEqualExperts) {
  for (const bool biased : {false, true}) {
    MoeConfig config = config_of(40, 3);
    if (biased) config.balance = "bias";
    Input equal = input(config, {1, 5});
    equal.logits_ne.zero_();
    if (biased) equal.weights.bias_e.zero_();
    const Input here = equal.to(device());
    const BatchRouting routing =
        on_device([&] { return route_batch(here.logits_ne, here.counted_bt, here.weights, config, {}); });
    EXPECT_TRUE(at::equal(routing.experts_ns.cpu(), at::arange(3, at::kLong).expand({5, 3})));
    EXPECT_LT((routing.weights_ns.cpu() - 1.0 / 3).abs().max().item<double>(), 1e-6);
  }
}

TEST_F(CudaRouting, SendsATokenThatIsNotANumberToExpertsThatThereAre) {
  for (const char* scoring : {"softmax", "sigmoid", "sqrtsoftplus"}) {
    MoeConfig config = config_of(6, 2, scoring);
    config.n_group = 3;
    config.topk_group = 2;
    for (const char* balance : {"none", "bias"}) {
      config.balance = balance;
      Input broken = input(config, {1, 5});
      broken.logits_ne[3].fill_(kNan);
      const Input here = broken.to(device());
      const BatchRouting routing = on_device(
          [&] { return route_batch(here.logits_ne, here.counted_bt, here.weights, config, {.training = true}); });
      const at::Tensor experts_ns = std::get<0>(routing.experts_ns.cpu().sort(1));
      EXPECT_TRUE(experts_ns.ge(0).logical_and(experts_ns.lt(6)).all().item<bool>());
      EXPECT_TRUE(experts_ns.select(1, 0).ne(experts_ns.select(1, 1)).all().item<bool>());
      EXPECT_EQ(routing.expert_tokens_e.sum().item<int64_t>(), 10);
      EXPECT_EQ(count_nan(routing.router_sums_qe), 12) << "so that the step is seen to be broken";
    }
  }
}

}  // namespace
}  // namespace mm
