// Heads before positions: attention then reads the keys of a head from one place.
#include "model/key_value_cache.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/error.h"
#include "ops/attention.h"

namespace mm {
namespace {

constexpr int64_t kLeastRoom = 64;

/// Puts x behind the first `length` positions of `kept`, which gets more room where it needs it, and returns all.
at::Tensor append(at::Tensor& kept_bksc, int64_t length, const at::Tensor& x_btkc) {
  const at::Tensor x_bktc = x_btkc.transpose(1, 2);
  const int64_t time = x_bktc.size(2), room = kept_bksc.defined() ? kept_bksc.size(2) : 0;
  if (length + time > room) {
    const int64_t more_room = std::max({kLeastRoom, 2 * room, length + time});
    const at::Tensor larger = at::empty({x_bktc.size(0), x_bktc.size(1), more_room, x_bktc.size(3)}, x_bktc.options());
    if (length > 0) larger.narrow(2, 0, length).copy_(kept_bksc.narrow(2, 0, length));
    kept_bksc = larger;
  }
  kept_bksc.narrow(2, length, time).copy_(x_bktc);
  return kept_bksc.narrow(2, 0, length + time);
}

}  // namespace

void KeyValueCache::truncate(int64_t length) {
  require(length >= 0 && length <= length_, "a cache cannot remember what it never held");
  length_ = length;
}

at::Tensor KeyValueCache::attend(size_t layer, const Heads& heads) {
  Layer& kept = layers_.at(layer);
  const at::Tensor keys_bksc = append(kept.keys_bksc, length_, heads.k_btkc);
  const at::Tensor values_bksc = append(kept.values_bksc, length_, heads.v_btkc);
  if (length_ == 0) return causal_attention(heads, /*dropout=*/0);
  return attention_to_all(heads.q_bthc, keys_bksc, values_bksc);
}

}  // namespace mm
