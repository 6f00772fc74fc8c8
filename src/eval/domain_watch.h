// Who does what, taken down while an evaluation reads its text: cheap enough for every one of a run.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "data/windows/window_source.h"
#include "eval/route_counts.h"
#include "metrics/record.h"
#include "model/causal_lm.h"
#include "tokenizer/tokenizer.h"

namespace mm {

class DomainWatch {
 public:
  ///   data  outlives this object
  DomainWatch(const ModelConfig& config, const WindowSource& data, at::Device device);

  /// A batch that was read.
  ///   windows  of `data`, one for each row of the batch
  ///   loss_n   [batch * time]: of each target, 0 on padding
  void add(const std::vector<int64_t>& windows, const LayerReports& reports, const at::Tensor& tokens_bt,
           const at::Tensor& targets_bt, const at::Tensor& loss_n);

  /// `step` is left open. Tokens are told as long as counting them takes little memory.
  DomainsRecord record(const Tokenizer& tokenizer) const;

 private:
  const ModelConfig& config_;
  const WindowSource& data_;
  std::vector<at::Tensor> sums_2d_;  ///< of each batch: of the losses of each domain, and how many those are
  RouteCounts by_domain_;
  std::optional<RouteCounts> by_token_;
};

}  // namespace mm
