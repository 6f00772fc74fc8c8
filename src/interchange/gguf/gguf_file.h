// GGUF files, the format of llama.cpp: settings by name, then tensors. Version 3.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mm {

/// How the values of a tensor are stored, as ggml numbers it.
enum class GgufType : uint32_t { kF32 = 0, kF16 = 1, kQ8 = 8, kBf16 = 30 };

using GgufStrings = std::vector<std::string>;
using GgufFloats = std::vector<float>;
using GgufInts = std::vector<int32_t>;
using GgufValue = std::variant<uint32_t, float, bool, std::string, GgufStrings, GgufFloats, GgufInts>;

/// Settings in the order in which they are written.
using GgufSettings = std::vector<std::pair<std::string, GgufValue>>;

struct GgufTensor {
  std::string name;
  GgufType type = GgufType::kF32;
  /// Sizes as PyTorch orders them, the last one contiguous; the file has them the other way round.
  std::vector<int64_t> shape;
  /// Its rows, one part after another: the experts of a layer become one tensor without a copy of them in memory.
  std::vector<at::Tensor> parts;
};

/// Values of a row of kQ8 that share a scale; rows of other lengths cannot have this type.
inline constexpr int64_t kQ8Block = 32;

/// Writes `path`, which appears whole or not at all; one part of a tensor at a time is converted. The same values give
/// the same bytes. Throws Error(kStorage), and Error(kCheckpoint), naming the tensor, for a finite value that its type
/// cannot hold.
void write_gguf(const std::string& path, const GgufSettings& settings, const std::vector<GgufTensor>& tensors);

}  // namespace mm
