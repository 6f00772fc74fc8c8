// A mixture of experts grown from a dense model.
#pragma once

#include <cstdint>

#include "checkpoint/named_tensors.h"
#include "model/model_config.h"

namespace mm {

struct UpcycleOptions {
  int64_t experts = 4;
  int64_t top_k = 2;   ///< 1 makes norm_top1_prob true: a router without gradient from the language-model loss
  double noise = 0;    ///< standard deviation of what is added to experts, relative to that of each weight matrix
  uint64_t seed = 42;  ///< of the router's first weights and of the noise
};

struct Upcycled {
  NamedTensors tensors;  ///< Hugging Face names
  ModelConfig model;     ///< resolved
};

/// Every expert starts as the dense feed-forward; the router is N(0, initializer_range). Without noise the first logits
/// are the dense model's, because the weights of the chosen experts sum to 1.
/// Throws Error(kConfig) for a model that is MoE already or top_k > experts.
/// Source: Komatsuzaki et al. 2023, arXiv 2212.05055.
Upcycled upcycle(const NamedTensors& tensors, const ModelConfig& dense, const UpcycleOptions& options);

}  // namespace mm
