// Where tokens went, counted on the model's device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "metrics/domains/domain_report.h"
#include "model/causal_lm.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// How often each row went to each expert of each MoE layer. Rows are documents, domains or tokens.
class RouteCounts {
 public:
  /// Of a dense model there is nothing to count.
  RouteCounts(const ModelConfig& config, int64_t rows, at::Device device);

  ///   rows_n     [tokens] int64: the row of each token
  ///   counted_n  [tokens] bool: false on padding
  void add(const LayerReports& reports, const at::Tensor& rows_n, const at::Tensor& counted_n);

  size_t layers() const { return layers_.size(); }
  CountTable table(size_t layer) const;

 private:
  int64_t experts_;
  std::vector<at::Tensor> layers_;  ///< [rows * experts] int64 each
};

/// For each expert the tokens that it is most typical of, at most `most`.
///   by_token  a row for each id
///   slots     experts per token
std::vector<std::vector<TypicalToken>> typical_tokens(const CountTable& by_token, int64_t slots, size_t most,
                                                      const Tokenizer& tokenizer);

}  // namespace mm
