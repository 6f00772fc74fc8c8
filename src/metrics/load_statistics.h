// How evenly a step's tokens were spread over the experts, as numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/record.h"

namespace mm {

/// One layer. With n_e the tokens of expert e in this step, E the number of experts and N = sum_e n_e:
struct LayerLoadStatistics {
  std::vector<double> shares;           ///< p_e = n_e / N; they sum to 1, and a fair share is 1 / E
  double min_share = 0;                 ///< min_e p_e
  double max_share = 0;                 ///< max_e p_e
  double max_over_mean = 0;             ///< max_e n_e / (N / E) = E max_e p_e: 1 when even, E at collapse; MaxVio + 1
  double coefficient_of_variation = 0;  ///< sqrt(mean_e (n_e - N/E)^2) / (N/E): 0 when even, sqrt(E - 1) at collapse
  double entropy = 0;                   ///< -sum_e p_e ln p_e, in nats: ln E when even, 0 at collapse
  double normalised_entropy = 0;        ///< entropy / ln E, in [0, 1]; 1 when there is one expert
  int64_t dead = 0;                     ///< experts with n_e = 0
};

struct LoadStatistics {
  std::vector<LayerLoadStatistics> layers;
  double min_share = 0;  ///< over all layers
  double max_share = 0;  ///< over all layers
  int64_t dead = 0;      ///< summed over layers
};

/// The horizon of every number is one optimizer step with all its micro-batches. A layer that saw no token at all has
/// zeros everywhere and E dead experts; a dense model has no layers.
/// MaxVio: Wang et al. 2024, "Auxiliary-loss-free load balancing strategy for mixture-of-experts", section 4.1.
LoadStatistics load_statistics(const ExpertLoad& load);

}  // namespace mm
