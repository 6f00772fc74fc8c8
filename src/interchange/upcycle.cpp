// Names are enough: each expert is the dense network under another name.
#include "interchange/upcycle.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include "core/error.h"
#include "core/random.h"

namespace mm {
namespace {

constexpr std::string_view kMlp = ".mlp.";

at::Tensor normal(at::IntArrayRef shape, double standard_deviation, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::empty(shape, at::TensorOptions().dtype(at::kFloat)).normal_(0.0, standard_deviation, generator);
}

/// The copy for one expert; noise is drawn by name, so that it does not depend on the order of the file.
at::Tensor perturbed(const at::Tensor& weight, const std::string& name, const UpcycleOptions& options) {
  if (options.noise == 0) return weight;
  const at::Tensor values = weight.to(at::kFloat);
  const double scale = values.std().item<double>() * options.noise;
  return (values + normal(values.sizes(), scale, derive_seed(options.seed, name))).to(weight.scalar_type());
}

ModelConfig grown(const ModelConfig& dense, const UpcycleOptions& options) {
  if (dense.is_moe()) {
    throw Error(ExitCode::kConfig, got_want("--upcycle", "a model that has experts already", "a dense model"));
  }
  if (options.top_k < 1 || options.top_k > options.experts) {
    throw Error(ExitCode::kConfig, got_want("--upcycle top_k", std::to_string(options.top_k),
                                            "between 1 and experts=" + std::to_string(options.experts)));
  }
  ModelConfig model = dense;
  model.model_type = "moe";
  model.moe = MoeConfig{};
  model.moe.num_experts = options.experts;
  model.moe.num_experts_per_tok = options.top_k;
  model.moe.moe_intermediate_size = dense.intermediate_size;
  model.moe.norm_top1_prob = options.top_k == 1;
  return model;
}

}  // namespace

Upcycled upcycle(const NamedTensors& tensors, const ModelConfig& dense, const UpcycleOptions& options) {
  Upcycled result{{}, grown(dense, options)};
  for (const auto& [name, tensor] : tensors) {
    const size_t at = name.find(kMlp);
    if (at == std::string::npos) {
      result.tensors.emplace_back(name, tensor);
      continue;
    }
    const std::string mlp = name.substr(0, at + kMlp.size()), part = name.substr(at + kMlp.size());
    if (part == "gate_proj.weight") {
      const std::string gate = mlp + "gate.weight";
      result.tensors.emplace_back(
          gate, normal({options.experts, dense.hidden_size}, dense.initializer_range, derive_seed(options.seed, gate))
                    .to(tensor.scalar_type()));
    }
    for (int64_t e = 0; e < options.experts; ++e) {
      const std::string expert = mlp + "experts." + std::to_string(e) + "." + part;
      result.tensors.emplace_back(expert, perturbed(tensor, expert, options));
    }
  }
  return result;
}

}  // namespace mm
