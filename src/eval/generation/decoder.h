// A model that reads a text which grows, token by token.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "metrics/record.h"
#include "model/causal_lm.h"
#include "model/key_value_cache.h"

namespace mm {

/// Keeps the keys and values of what it has read: of a text that begins as the last one did, only the rest is read, in
/// one pass.
class Decoder {
 public:
  /// The model must outlive it, and keep its weights.
  ///   context  the most tokens that the model sees, at least 1. Of a longer text it sees the last ones: between half
  ///            of `context` and all of it, as the older half is forgotten at a time; what is left is read again.
  Decoder(CausalLm& model, int64_t context) : model_(model), context_(context), cache_(model.config()) {}

  int64_t context() const { return context_; }

  /// From now on it keeps where tokens go; asked before it reads anything. A dense model has nothing to keep.
  void keep_routes() { keeps_routes_ = model_.config().is_moe(); }
  bool keeps_routes() const { return keeps_routes_; }
  /// Of the tokens that it holds, which are the last ones of the text that it was asked about.
  const std::vector<TokenRoute>& routes() const { return routes_; }

  /// Logits [vocab_size] fp32, on the CPU, of the token that follows `tokens`, of which there is at least one.
  at::Tensor next_logits(std::span<const int32_t> tokens);

 private:
  void add_routes(const LayerReports& reports, int64_t tokens);

  CausalLm& model_;
  int64_t context_;
  KeyValueCache cache_;
  std::vector<int32_t> held_;  ///< the tokens in the cache
  bool keeps_routes_ = false;
  std::vector<TokenRoute> routes_;  ///< theirs
};

}  // namespace mm
