// The step that went wrong is run forward once more, this time looking at every layer.
#include "engine/non_finite.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>

#include "engine/host_values.h"

namespace mm {

std::optional<NonFinite> find_non_finite(CausalLm& model, const Batch& batch) {
  const at::NoGradGuard no_gradients;
  const LayerReports reports = model.forward(batch.tokens_bt, /*training=*/true, {}, /*inspect=*/true).reports;
  if (!reports.output_squares_le.defined()) return {};
  const auto finite = [](const at::Tensor& values) { return host_values(at::isfinite(values)); };
  const int64_t layers = reports.output_squares_le.size(0), experts = reports.output_squares_le.size(1);
  const std::vector<double> logits = finite(reports.router_sums_lqe.select(1, 1).sum(1)),
                            outputs = finite(reports.output_squares_le);
  for (int64_t layer = 0; layer < layers; ++layer) {
    if (logits[static_cast<size_t>(layer)] == 0) return NonFinite{layer, {}};
    for (int64_t expert = 0; expert < experts; ++expert) {
      if (outputs[static_cast<size_t>(layer * experts + expert)] == 0) return NonFinite{layer, expert};
    }
  }
  return {};
}

}  // namespace mm
