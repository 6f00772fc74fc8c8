// Fused CUDA kernels on raw pointers and a stream: this header names no torch and no CUDA type, so that the `.cu` files
// compile without LibTorch's headers and their callers without CUDA's. Launches are asynchronous.
#pragma once

#include <cstdint>

namespace mm::cuda {

/// The element types that the kernels are compiled for; arithmetic is fp32 in all of them.
enum class ElementType { kFloat, kHalf, kBFloat16 };

/// A cudaStream_t.
using Stream = void*;

/// y[row][i] = silu(gate_up[row][i]) * gate_up[row][width + i].
///   gate_up [rows, 2 * width], y [rows, width], device pointers of one element type.
void swiglu_forward(ElementType type, const void* gate_up, int64_t rows, int64_t width, void* y, Stream stream);
/// dgate_up [rows, 2 * width] from dy [rows, width].
void swiglu_backward(ElementType type, const void* dy, const void* gate_up, int64_t rows, int64_t width, void* dgate_up,
                     Stream stream);

}  // namespace mm::cuda
