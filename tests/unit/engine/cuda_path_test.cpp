// A whole step on the branches that a GPU takes: on an emulated one it gives what the CPU's own branches give, and on
// the meta device, whose tensors have no memory, it shows that nothing between a batch and its result reads the device.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/training_step.h"
#include "model/parameters/init.h"
#include "ops/cuda/emulator/emulator.h"
#include "tests/support/meta_device.h"
#include "tests/unit/distributed/ranks.h"

namespace mm {
namespace {

struct Options {
  const char* name;
  std::function<void(ModelConfig&)> set;
  bool documents = false;  ///< side by side in the rows
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
    {"dense first layer, bias, step",
     [](ModelConfig& config) {
       config.moe.first_k_dense_replace = 1;
       config.moe.balance = "bias";
       config.moe.aux_loss = "step";
     }},
    {"sequence, interleaved positions",
     [](ModelConfig& config) {
       config.moe.aux_loss = "sequence";
       config.rope_layout = "interleaved";
     }},
    {"sequence, of documents", [](ModelConfig& config) { config.moe.aux_loss = "sequence"; }, true},
    {"dense, of documents", [](ModelConfig& config) { config.model_type = "dense"; }, true},
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
  TwoSteps(const ModelConfig& model, at::Device device, at::ScalarType type, bool documents = false,
           const World& world = World::alone(), bool shards_optimizer = false, bool capture = false)
      : config(model), trained(config, {}, device, type, world, shards_optimizer) {
    if (!device.is_meta()) initialize(trained.parameters, config, 7);
    trained.parameters.refresh_shadow();
    TrainingStep training(config, {.accumulation = 2, .max_grad_norm = 1.0, .replay = false, .capture = capture},
                          trained);
    for (int step = 0; step < 2; ++step) {
      training.begin(2);
      for (const uint64_t seed : {1, 2}) {
        if (static_cast<int64_t>(seed) % world.size() != world.rank()) continue;
        const at::Tensor ids = at::randint(0, 50, {3, 12}, at::detail::createCPUGenerator(seed), at::kLong);
        Batch batch{ids.to(device), ids.roll(-1, 1).to(device), ids.numel()};
        if (documents) {
          batch.document_lengths = {5, 1, 12, 2, 10, 6};
          batch.document_ends_s = at::tensor({0, 5, 6, 18, 20, 30, 36, 36, 36}, at::kInt).to(device);
          batch.counted_bt = batch.targets_bt.ge(3);
        }
        training.train(batch);
      }
      training.combine();
      training.finish_gradients();
      results.push_back(training.update(1e-2));
    }
    is_captured = training.is_captured();
  }

  ModelConfig config;
  TrainedModel trained;
  std::vector<StepResult> results;
  bool is_captured = false;
};

double number(const at::Tensor& scalar) {
  return scalar.item<double>();
}

/// What an update leaves for the next step.
void expect_ready_for_the_next_step(const Parameters& parameters) {
  EXPECT_EQ(parameters.gradient().count_nonzero().item<int64_t>(), 0);
  const at::Tensor& shadow = parameters.shadow();
  if (!shadow.defined()) return;
  EXPECT_TRUE(at::equal(shadow, parameters.master().narrow(0, 0, shadow.size(0)).to(shadow.scalar_type())));
}

TEST(CudaPath, GivesTheStepsThatTheCpuGives) {
  for (const Options& options : kOptions) {
    SCOPED_TRACE(options.name);
    const ModelConfig config = config_with(options);
    const TwoSteps expected(config, at::kCPU, at::kFloat, options.documents);
    const cuda::Emulation emulation;
    const int64_t before = cuda::Emulation::launches();
    const TwoSteps actual(config, at::kCPU, at::kFloat, options.documents);
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
    expect_ready_for_the_next_step(actual.trained.parameters);
    // The sums of all gradients, and of their squares; the first update is a step even where a gradient is nothing but
    // rounding.
    const std::vector<OptimizerState> a = actual.trained.optimizer->state(), e = expected.trained.optimizer->state();
    for (size_t i = 0; i < e.size(); ++i) {
      const double largest = number(e[i].values.abs().max());
      EXPECT_LE(number((a[i].values - e[i].values).abs().max()), 1e-3 * largest) << e[i].name;
    }
  }
}

TEST(CudaPath, AnUpdateWritesTheShadowsOfAllMatricesAndClearsAllGradients) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const ModelConfig config = config_with(kOptions[1]);
    for (const bool emulated : {false, true}) {
      std::optional<cuda::Emulation> emulation;
      if (emulated) emulation.emplace();
      const TwoSteps steps(config, at::kCPU, type);
      EXPECT_EQ(number(steps.results[1].skipped), 0);
      expect_ready_for_the_next_step(steps.trained.parameters);
    }
  }
}

TEST(DISABLED_Member, UpdatesItsPartOfTheParametersOnTheBranchesOfAGpu) {
  in_world(60, [](const World& world) {
    const cuda::Emulation emulation;
    const ModelConfig config = config_with(kOptions[1]);
    const TwoSteps sharded(config, at::kCPU, at::kBFloat16, false, world, /*shards_optimizer=*/true);
    const TwoSteps replicated(config, at::kCPU, at::kBFloat16, false, world, /*shards_optimizer=*/false);
    EXPECT_TRUE(at::equal(sharded.trained.parameters.master(), replicated.trained.parameters.master()));
    EXPECT_LT(sharded.trained.optimizer->state()[0].values.size(0), sharded.trained.parameters.master().size(0));
    expect_ready_for_the_next_step(sharded.trained.parameters);
    expect_ready_for_the_next_step(replicated.trained.parameters);
  });
}

TEST(CudaPath, RanksThatUpdatePartsHaveWhatOneThatUpdatesAllHas) {
  EXPECT_EQ(codes_of("UpdatesItsPartOfTheParametersOnTheBranchesOfAGpu", 2), std::vector<int>(2, 0));
}

/// Products of experts are LibTorch's in bf16 on the second of these, and ours else.
constexpr int kCapabilities[] = {80, 90};

TEST(CudaPath, GivesTheSameBytesInEveryOrderOfThreads) {
  const ModelConfig config = config_with(kOptions[1]);
  for (const int capability : kCapabilities) {
    const auto parameters = [&](uint64_t order) {
      const cuda::Emulation emulation(order, capability);
      return TwoSteps(config, at::kCPU, at::kBFloat16).trained.parameters.master();
    };
    const at::Tensor first = parameters(0);
    EXPECT_TRUE(first.isfinite().all().item<bool>());
    for (const uint64_t order : {1, 2}) EXPECT_TRUE(at::equal(parameters(order), first)) << order;
  }
}

TEST(CudaPath, GivesTheSameBytesWhereMicroBatchesAreLaunchedAsOne) {
  const cuda::Emulation emulation;
  // A mixture, one with all that a step counts, one that keeps a load from step to step, documents.
  for (const Options& options : {kOptions[1], kOptions[4], kOptions[5], kOptions.back()}) {
    SCOPED_TRACE(options.name);
    const auto steps = [&](bool capture) {
      return TwoSteps(config_with(options), at::kCPU, at::kBFloat16, options.documents, World::alone(), false, capture);
    };
    const TwoSteps one_by_one = steps(false), as_one = steps(true);
    EXPECT_EQ(as_one.is_captured, !options.documents) << "documents are laid out anew in every batch";
    EXPECT_TRUE(at::equal(as_one.trained.parameters.master(), one_by_one.trained.parameters.master()));
    for (size_t step = 0; step < 2; ++step) {
      StepRecord a, e;
      as_one.results[step].read_into(a);
      one_by_one.results[step].read_into(e);
      EXPECT_EQ(a.loss, e.loss);
      EXPECT_EQ(a.aux_loss, e.aux_loss);
      EXPECT_EQ(a.grad_norm, e.grad_norm);
      EXPECT_EQ(a.load.tokens, e.load.tokens);
      EXPECT_EQ(a.dropped_tokens, e.dropped_tokens);
      EXPECT_EQ(a.router.token_entropy, e.router.token_entropy);
    }
  }
}

TEST(CudaPath, GivesTheSameStepWhicheverWayProductsOfExpertsAreComputed) {
  for (const Options& options : {kOptions[1], kOptions[2]}) {
    SCOPED_TRACE(options.name);
    const auto first_step = [&](int capability) {
      const cuda::Emulation emulation(0, capability);
      return TwoSteps(config_with(options), at::kCPU, at::kBFloat16).results[0];
    };
    const StepResult ours = first_step(80), of_libtorch = first_step(90);
    EXPECT_NEAR(number(ours.loss), number(of_libtorch.loss), 1e-3 * number(of_libtorch.loss));
    EXPECT_NEAR(number(ours.grad_norm), number(of_libtorch.grad_norm), 5e-3 * number(of_libtorch.grad_norm));
  }
}

TEST(CudaPath, ReadsNothingOfTheDeviceInAStep) {
  for (const int capability : kCapabilities) {
    const cuda::Emulation emulation(0, capability);
    for (const Options& options : kOptions) {
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
        // Products of experts in fp32 have to wait, see grouped_linear.h.
        if (type == at::kFloat && config_with(options).is_moe()) continue;
        EXPECT_NO_THROW(TwoSteps(config_with(options), at::kMeta, type, options.documents))
            << options.name << " in " << type << " on " << capability;
      }
    }
  }
}

/// While one lives, all threads: the ops that LibTorch refuses on a GPU under run.deterministic, as they have no way to
/// be the same every time (the second list in the help of torch.use_deterministic_algorithms, what has to do with us).
class RefusedOps {
 public:
  RefusedOps() {
    found().clear();
    handle_ = at::addGlobalCallback(at::RecordFunctionCallback(&RefusedOps::look).needsInputs(true));
  }
  ~RefusedOps() { at::removeCallback(handle_); }

  std::set<std::string> names() const {
    const std::lock_guard lock(mutex());
    return found();
  }

 private:
  static std::set<std::string>& found() {
    static std::set<std::string> names;
    return names;
  }
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }

  static bool refuses(const std::string& name, const at::Tensor& x) {
    static const std::set<std::string> kAlways = {
        "aten::put_",           "aten::put",       "aten::histc",    "aten::bincount",         "aten::median",
        "aten::kthvalue",       "aten::nanmedian", "aten::nll_loss", "aten::nll_loss_forward", "aten::_embedding_bag",
        "aten::scatter_reduce_"};
    static const std::set<std::string> kOfFloats = {"aten::cumsum", "aten::cumsum_", "aten::logcumsumexp"};
    return kAlways.contains(name) || (kOfFloats.contains(name) && x.is_floating_point());
  }

  static std::unique_ptr<at::ObserverContext> look(const at::RecordFunction& function) {
    const auto inputs = function.inputs();
    if (!inputs.empty() && inputs[0].isTensor() && refuses(function.name(), inputs[0].toTensor())) {
      const std::lock_guard lock(mutex());
      found().insert(function.name());
    }
    return nullptr;
  }

  at::CallbackHandle handle_;
};

TEST(CudaPath, HasNoOpThatCannotBeTheSameEveryTime) {
  const RefusedOps refused;
  const cuda::Emulation emulation;
  for (const Options& options : kOptions) {
    TwoSteps(config_with(options), at::kMeta, at::kBFloat16, options.documents);
    EXPECT_EQ(refused.names(), std::set<std::string>()) << options.name;
  }
  at::cumsum(at::zeros({3}, at::kLong), 0);
  EXPECT_EQ(refused.names(), std::set<std::string>());
  at::cumsum(at::zeros({3}), 0);
  EXPECT_EQ(refused.names(), std::set<std::string>{"aten::cumsum"}) << "it would be noticed";
}

TEST(CudaPath, WouldNoticeARead) {
  const TwoSteps steps = [] {
    const cuda::Emulation emulation;
    return TwoSteps(config_with(kOptions[1]), at::kMeta, at::kBFloat16);
  }();
  EXPECT_ANY_THROW(number(steps.results[0].loss));
  EXPECT_ANY_THROW(steps.results[0].expert_tokens_le.nonzero());
  EXPECT_ANY_THROW(steps.results[0].expert_tokens_le.cpu());
}

}  // namespace
}  // namespace mm
