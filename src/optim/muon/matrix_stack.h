// The weights that are linear maps between hidden states, as stacks of matrices in a flat buffer. No torch.
#pragma once

#include <cstdint>
#include <vector>

#include "model/parameters/parameter_layout.h"

namespace mm {

/// Matrices of one shape at equal distances: the experts of a layer, or a single one.
struct MatrixStack {
  int64_t offset = 0;    ///< of the first, elements from the start of the buffer
  int64_t distance = 0;  ///< from one to the next
  int64_t count = 1;
  int64_t rows = 0, columns = 0;  ///< [out, in] of a linear map
  size_t tensor = 0;              ///< that they are of: its place in layout.stored
};

/// All of them: attention, feed-forward and each expert; not the embedding, the head, routers and norms.
///   by_part  joined matrices are taken apart: queries, keys and values; gate and up
std::vector<MatrixStack> matrix_stacks(const ParameterLayout& layout, bool by_part);

}  // namespace mm
