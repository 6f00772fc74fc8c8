// Keys and values of the tokens that a model has read, so that the next token reads them in place of computing them.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/model_config.h"
#include "ops/rotary.h"

namespace mm {

/// Of some sequences of one length. Memory grows by doubling: 2 * layers * key_value_width elements a token, in the
/// type of the model's products.
class KeyValueCache {
 public:
  explicit KeyValueCache(const ModelConfig& config) : layers_(static_cast<size_t>(config.num_hidden_layers)) {}

  /// Tokens of each sequence.
  int64_t length() const { return length_; }

  /// Forgets all tokens but the first `length`.
  void truncate(int64_t length);

  /// Attention of new tokens, with positions from length() on, over themselves and all that is kept of `layer`; their
  /// keys and values are kept behind those. Returns [batch, time, heads * head_dim].
  at::Tensor attend(size_t layer, const Heads& heads);

  /// Counts `time` tokens in, which every layer attended to. Until then another pass takes their place.
  void advance(int64_t time) { length_ += time; }

 private:
  struct Layer {
    at::Tensor keys_bksc, values_bksc;  // [batch, key/value heads, room, head_dim]
  };

  std::vector<Layer> layers_;
  int64_t length_ = 0;
};

}  // namespace mm
