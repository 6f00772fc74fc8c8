// The step that went wrong is run forward once more, this time looking at every layer.
#include "engine/non_finite.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <vector>

#include "engine/batch_layout.h"
#include "engine/device/host_values.h"

namespace mm {

std::optional<NonFinite> find_non_finite(CausalLm& model, const Batch& batch) {
  const at::NoGradGuard no_gradients;
  const LayerReports reports =
      model.forward(batch.tokens_bt, /*training=*/true, layout_of(batch), /*inspect=*/true).reports;
  // Dense layers have no experts that could be wrong.
  const auto of_all_layers = [dense = model.config().moe.first_k_dense_replace](const at::Tensor& finite_le) {
    return at::cat({at::ones({dense, finite_le.size(1)}, finite_le.options()), finite_le});
  };
  // [layers, what]: 1 where it is finite. In the order of the pass.
  const at::Tensor branches_lb = at::isfinite(reports.branch_sizes_lb);
  const int64_t experts = model.config().is_moe() ? reports.output_squares_le.size(1) : 0;
  std::vector<at::Tensor> parts = {branches_lb.narrow(1, 0, 1)};
  if (experts > 0) {
    parts.push_back(of_all_layers(at::isfinite(reports.router_sums_lqe.select(1, 1).sum(1, /*keepdim=*/true))));
    parts.push_back(of_all_layers(at::isfinite(reports.output_squares_le)));
  }
  parts.push_back(branches_lb.narrow(1, 1, 1));
  const at::Tensor finite_lp = at::cat(parts, 1);
  const std::vector<double> finite = host_values(finite_lp);
  const auto first = std::find(finite.begin(), finite.end(), 0);
  if (first == finite.end()) return {};
  const int64_t place = first - finite.begin(), part = place % finite_lp.size(1);
  NonFinite found{.layer = place / finite_lp.size(1), .part = "feed-forward", .expert = {}};
  if (part == 0) {
    found.part = "attention";
  } else if (experts > 0 && part == 1) {
    found.part = "router";
  } else if (part < 2 + experts && experts > 0) {
    found.part = "expert";
    found.expert = part - 2;
  }
  return found;
}

}  // namespace mm
