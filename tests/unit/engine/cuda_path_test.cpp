// A whole step on the branches that a GPU takes: on an emulated one it gives what the CPU's own branches give, and on
// the meta device, whose tensors have no memory, it shows that nothing between a batch and its result reads the device.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/library.h>

#include <algorithm>
#include <functional>

#include "engine/training_step.h"
#include "model/init.h"
#include "ops/cuda/emulator.h"

namespace mm {
namespace {

/// Stands in for what LibTorch knows of the meta device in Python alone: runs an op on zeros of the CPU, for the shape
/// of its results.
void run_on_zeros(const c10::OperatorHandle& op, std::vector<c10::IValue>* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const size_t first = stack->size() - schema.arguments().size();
  const std::vector<c10::IValue> given(stack->begin() + static_cast<std::ptrdiff_t>(first), stack->end());
  const auto zeros = [](const at::Tensor& x) {
    if (!x.defined() || !x.is_meta()) return x;
    int64_t extent = 1;
    for (int64_t axis = 0; axis < x.dim(); ++axis) extent += std::max<int64_t>(x.size(axis) - 1, 0) * x.stride(axis);
    return at::zeros({extent}, x.options().device(at::kCPU)).as_strided(x.sizes(), x.strides());
  };
  stack->resize(first);
  for (const c10::IValue& value : given) {
    if (value.isTensor()) {
      stack->emplace_back(zeros(value.toTensor()));
    } else if (value.isTensorList()) {
      std::vector<at::Tensor> on_host;
      for (const at::Tensor& x : value.toTensorVector()) on_host.push_back(zeros(x));
      stack->emplace_back(on_host);
    } else {
      stack->push_back(value);
    }
  }
  op.callBoxed(stack);
  for (size_t i = first; i < stack->size(); ++i) {
    if (!(*stack)[i].isTensor()) continue;
    const at::Tensor x = (*stack)[i].toTensor();
    at::Tensor result = at::empty(x.sizes(), x.options().device(at::kMeta));
    for (size_t j = 0; j < given.size(); ++j) {  // or what is written
      const c10::AliasInfo* written = schema.arguments()[j].alias_info();
      if (written != nullptr && written->isWrite()) result = given[j].toTensor().resize_(x.sizes());
    }
    (*stack)[i] = result;
  }
}

}  // namespace
}  // namespace mm

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  for (const char* op :
       {"_fused_adamw_", "_grouped_mm", "abs.out", "dot", "embedding_dense_backward", "floor_divide", "index_select",
        "logical_not.out", "nan_to_num.out", "where.self", "where.self_out", "logical_or.out"}) {
    library.impl(op, torch::CppFunction::makeFromBoxedFunction<&mm::run_on_zeros>());
  }
}

namespace mm {
namespace {

struct Options {
  const char* name;
  std::function<void(ModelConfig&)> set;
};

const std::vector<Options> kOptions = {
    {"dense", [](ModelConfig& config) { config.model_type = "dense"; }},
    {"mixture", [](ModelConfig&) {}},
    {"untied, top-1, untouched heads",
     [](ModelConfig& config) {
       config.tie_word_embeddings = config.qk_norm = false;
       config.moe.num_experts_per_tok = 1;
     }},
    {"sigmoid, bias, groups, z-loss",
     [](ModelConfig& config) {
       config.moe.scoring_func = "sigmoid";
       config.moe.balance = "bias";
       config.moe.n_group = 2;
       config.moe.router_z_loss_coef = 1e-3;
     }},
    {"quantile, capacity",
     [](ModelConfig& config) {
       config.moe.balance = "quantile";
       config.moe.capacity_factor = 1.0;
     }},
    {"step, shared gate, hidden router, rounding before the weight",
     [](ModelConfig& config) {
       config.moe.aux_loss = "step";
       config.moe.n_shared_experts = 1;
       config.moe.shared_expert_gate = true;
       config.moe.router_hidden_size = 16;
       config.norm_rounding = "before_weight";
     }},
    {"sequence, interleaved positions",
     [](ModelConfig& config) {
       config.moe.aux_loss = "sequence";
       config.rope_layout = "interleaved";
     }},
};

ModelConfig config_with(const Options& options) {
  ModelConfig config;
  config.model_type = "moe";
  config.vocab_size = 50;
  config.hidden_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.intermediate_size = 40;
  config.initializer_range = 0.2;
  options.set(config);
  Problems problems;
  resolve_model(config, "test", problems);
  problems.throw_if_any();
  return config;
}

/// Two steps of two micro-batches.
struct TwoSteps {
  TwoSteps(const ModelConfig& model, at::Device device, at::ScalarType type)
      : config(model), trained(config, {}, device, type) {
    if (!device.is_meta()) initialize(trained.parameters, config, 7);
    trained.parameters.refresh_shadow();
    TrainingStep training(config, {.accumulation = 2, .max_grad_norm = 1.0, .replay = false}, trained);
    for (int step = 0; step < 2; ++step) {
      training.begin(2);
      for (const uint64_t seed : {1, 2}) {
        const at::Tensor ids = at::randint(0, 50, {3, 12}, at::detail::createCPUGenerator(seed), at::kLong);
        const Batch batch{ids.to(device), ids.roll(-1, 1).to(device), ids.numel()};
        training.backward(training.forward(batch), batch);
      }
      training.finish_gradients();
      results.push_back(training.update(1e-2));
    }
  }

  ModelConfig config;
  TrainedModel trained;
  std::vector<StepResult> results;
};

double number(const at::Tensor& scalar) {
  return scalar.item<double>();
}

TEST(CudaPath, GivesTheStepsThatTheCpuGives) {
  for (const Options& options : kOptions) {
    SCOPED_TRACE(options.name);
    const ModelConfig config = config_with(options);
    const TwoSteps expected(config, at::kCPU, at::kFloat);
    const cuda::Emulation emulation;
    const int64_t before = cuda::Emulation::launches();
    const TwoSteps actual(config, at::kCPU, at::kFloat);
    EXPECT_GT(cuda::Emulation::launches(), before);
    for (size_t step = 0; step < 2; ++step) {
      const StepResult &a = actual.results[step], &e = expected.results[step];
      EXPECT_NEAR(number(a.loss), number(e.loss), 1e-5 * number(e.loss)) << step;
      EXPECT_NEAR(number(a.grad_norm), number(e.grad_norm), 2e-5 * number(e.grad_norm)) << step;
      EXPECT_EQ(number(a.skipped), 0) << step;
      ASSERT_EQ(a.expert_tokens_le.defined(), e.expert_tokens_le.defined());
      if (!a.expert_tokens_le.defined()) continue;
      EXPECT_TRUE(at::equal(a.expert_tokens_le, e.expert_tokens_le)) << step;
    }
  }
}

TEST(CudaPath, GivesTheSameBytesInEveryOrderOfThreads) {
  const ModelConfig config = config_with(kOptions[1]);
  const auto parameters = [&](uint64_t order) {
    const cuda::Emulation emulation(order);
    return TwoSteps(config, at::kCPU, at::kBFloat16).trained.parameters.master();
  };
  const at::Tensor first = parameters(0);
  EXPECT_TRUE(first.isfinite().all().item<bool>());
  for (const uint64_t order : {1, 2}) EXPECT_TRUE(at::equal(parameters(order), first)) << order;
}

TEST(CudaPath, ReadsNothingOfTheDeviceInAStep) {
  for (const Options& options : kOptions) {
    const cuda::Emulation emulation;
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      EXPECT_NO_THROW(TwoSteps(config_with(options), at::kMeta, type)) << options.name;
    }
  }
}

TEST(CudaPath, WouldNoticeARead) {
  const TwoSteps steps = [] {
    const cuda::Emulation emulation;
    return TwoSteps(config_with(kOptions[1]), at::kMeta, at::kFloat);
  }();
  EXPECT_ANY_THROW(number(steps.results[0].loss));
  EXPECT_ANY_THROW(steps.results[0].expert_tokens_le.nonzero());
  EXPECT_ANY_THROW(steps.results[0].expert_tokens_le.cpu());
}

}  // namespace
}  // namespace mm
