// The language-model loss of each token.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// -log softmax(logits)[target] of each row, in fp32; 0 (and no gradient) where the target is negative.
///   logits_nv [rows, vocabulary] any float dtype, targets_n [rows] int64, below vocabulary; returns [rows] fp32, in
///   nats.
/// On CUDA the backward pass writes the gradient over logits that an op computed, so that nobody may read them behind
/// it; those of a leaf stay.
at::Tensor cross_entropy(const at::Tensor& logits_nv, const at::Tensor& targets_n);

namespace reference {
at::Tensor cross_entropy(const at::Tensor& logits_nv, const at::Tensor& targets_n);
}  // namespace reference

}  // namespace mm
