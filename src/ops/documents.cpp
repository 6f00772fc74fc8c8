#include "ops/documents.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/searchsorted.h>

namespace mm {

Documents lay_out_documents(const std::vector<int64_t>& lengths, const at::Tensor& ends_s, int64_t longest,
                            int64_t tokens) {
  const at::Tensor token_n = at::arange(tokens, ends_s.options());
  const at::Tensor document_n =
      at::searchsorted(ends_s.narrow(0, 1, ends_s.size(0) - 1), token_n, /*out_int32=*/false, /*right=*/true);
  const at::Tensor position_n = (token_n - ends_s.index_select(0, document_n)).to(at::kLong);
  return {.lengths = lengths, .longest = longest, .ends_s = ends_s, .document_n = document_n, .position_n = position_n};
}

}  // namespace mm
