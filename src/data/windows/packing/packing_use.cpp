#include "data/windows/packing/packing_use.h"

#include <algorithm>
#include <vector>

#include "data/windows/packing/best_fit.h"

namespace mm {

PackingUse stream_use(std::span<const uint32_t> tokens, int64_t sequence_length) {
  int64_t total = 0;
  for (const uint32_t length : tokens) total += length;
  // Behind the last position of a sequence stands its target.
  const int64_t windows = std::max<int64_t>(total - 1, 0) / sequence_length;
  PackingUse use = {.positions = windows * sequence_length};
  use.left_out = std::max<int64_t>(total - 1, 0) - use.positions;
  int64_t begin = 0;
  for (const uint32_t length : tokens) {
    const int64_t end = begin + length, next_window = (begin / sequence_length + 1) * sequence_length;
    use.cut_documents += end - 1 > std::min(next_window, use.positions);  // its last token may be a target alone
    const int64_t seen_end = std::min({end, next_window, use.positions});
    if (begin % sequence_length != 0) use.foreign_tokens += std::max<int64_t>(seen_end - begin, 0);
    begin = end;
  }
  return use;
}

PackingUse documents_use(std::span<const uint32_t> tokens, int64_t sequence_length) {
  PackingUse use;
  std::vector<uint32_t> pieces;
  int64_t fed = 0;
  const auto pack = [&] {
    if (pieces.empty()) return;
    const std::vector<uint32_t> rows = best_fit(pieces, static_cast<uint32_t>(sequence_length));
    use.positions += (*std::max_element(rows.begin(), rows.end()) + int64_t{1}) * sequence_length;
    pieces.clear();
  };
  for (const uint32_t length : tokens) {
    int64_t left = int64_t{length} - 1;  // the last token is a target alone
    use.cut_documents += left > sequence_length;
    fed += left;
    for (; left > 0; left -= sequence_length) {
      pieces.push_back(static_cast<uint32_t>(std::min(left, sequence_length)));
      if (pieces.size() == kBestFitPieces) pack();
    }
  }
  pack();
  use.padding = use.positions - fed;
  return use;
}

PackingUse padded_use(std::span<const uint32_t> tokens, int64_t sequence_length) {
  PackingUse use = {.positions = static_cast<int64_t>(tokens.size()) * sequence_length};
  for (const uint32_t length : tokens) {
    const int64_t left = int64_t{length} - 1;
    use.cut_documents += left > sequence_length;
    use.left_out += std::max<int64_t>(left - sequence_length, 0);
    use.padding += std::max<int64_t>(sequence_length - left, 0);
  }
  return use;
}

}  // namespace mm
