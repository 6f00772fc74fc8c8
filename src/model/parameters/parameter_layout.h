// Where every parameter lies in one flat buffer. Gradients and optimizer moments use the same layout, so the norm, the
// clip, the optimizer and a checkpoint are each one pass over contiguous memory. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_config.h"

namespace mm {

/// Flat buffers are whole rows of this many elements, so that sums over them can go row by row.
inline constexpr int64_t kFlatMultiple = 1024;

/// Order in the buffer: kinds that are computed in 16 bit first, kinds that are not decayed last.
enum class ParameterKind {
  kMatrix,  ///< 16-bit shadow in mixed precision, decayed
  kGate,    ///< router matrix: always fp32, decayed
  kVector,  ///< norm weight: always fp32, not decayed
};

/// A tensor as the forward pass reads it: contiguous, q/k/v and gate/up joined, experts stacked.
struct StoredTensor {
  std::string name;
  ParameterKind kind;
  std::vector<int64_t> shape;
  std::vector<int64_t> part_rows = {};  ///< of each matrix in it that is joined of several; empty: it is one
  bool token_rows = false;              ///< embedding and head, whose rows are tokens
  bool per_expert = false;              ///< the first axis is that of the routed experts
  int64_t offset = 0;                   ///< elements from the start of the buffer, a multiple of 16 (64 bytes)
};

/// A tensor as checkpoints name it (Hugging Face / MiniMind-3 keys, one per expert): a strided part of the buffer.
struct NamedSlice {
  std::string name;
  ParameterKind kind;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  int64_t offset = 0;
};

/// The routed experts of every layer that a buffer holds. Of several processes, each may have some.
struct ExpertRange {
  int64_t first = 0;
  int64_t count = 0;  ///< 0: all
};

struct ParameterLayout {
  std::vector<StoredTensor> stored;
  std::vector<NamedSlice> named;  ///< embedding, layer by layer, head; a tied head is not repeated
  int64_t experts_end = 0;        ///< [0, experts_end): per_expert, where the buffer holds some of them; else 0
  int64_t matrix_end = 0;         ///< [0, matrix_end): kMatrix
  int64_t decayed_end = 0;        ///< [0, decayed_end): kMatrix and kGate
  int64_t size = 0;               ///< elements, alignment gaps included; a multiple of kFlatMultiple

  const StoredTensor& find(const std::string& stored_name) const;
};

/// Elements of a tensor of this shape.
int64_t element_count(const std::vector<int64_t>& shape);

/// The layout of a resolved config.
ParameterLayout parameter_layout(const ModelConfig& config, ExpertRange experts = {});

/// The checkpoint name of each MoE layer's router bias (DeepSeek's), which is part of the model and no parameter:
/// [num_experts] fp32. Empty for a config without.
std::vector<std::string> router_bias_names(const ModelConfig& config);

}  // namespace mm
