// Parts of equal height that follow each other without a gap are one stack.
#include "optim/muon/matrix_stack.h"

#include <algorithm>

namespace mm {

std::vector<MatrixStack> matrix_stacks(const ParameterLayout& layout, bool by_part) {
  std::vector<MatrixStack> stacks;
  for (size_t i = 0; i < layout.stored.size(); ++i) {
    const StoredTensor& stored = layout.stored[i];
    if (stored.kind != ParameterKind::kMatrix || stored.token_rows) continue;
    const int64_t columns = stored.shape.back(), rows = stored.shape[stored.shape.size() - 2];
    const int64_t count = stored.shape.size() == 3 ? stored.shape[0] : 1;
    const std::vector<int64_t> parts =
        by_part && !stored.part_rows.empty() ? stored.part_rows : std::vector<int64_t>{rows};
    if (std::all_of(parts.begin(), parts.end(), [&](int64_t part) { return part == parts[0]; })) {
      const int64_t size = parts[0] * columns;
      stacks.push_back({stored.offset, size, count * static_cast<int64_t>(parts.size()), parts[0], columns, i});
      continue;
    }
    int64_t offset = stored.offset;
    for (const int64_t part : parts) {
      stacks.push_back({offset, rows * columns, count, part, columns, i});
      offset += part * columns;
    }
  }
  return stacks;
}

}  // namespace mm
