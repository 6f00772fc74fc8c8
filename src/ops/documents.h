// Texts that stand side by side in a batch and see nothing of each other.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace mm {

/// The documents of a batch, end to end in its tokens: n = batch * time of them, s slots for where documents end.
/// Tensors have the same shapes whatever the documents are, so that a step can be captured in a CUDA graph; host values
/// are for devices that compute document by document. Without documents (any() is false) each row of the batch is one.
struct Documents {
  std::vector<int64_t> lengths = {};  ///< tokens of each, padding among them; together all tokens of the batch
  int64_t longest = 0;                ///< that one of them may be
  at::Tensor ends_s = {};             ///< [slots + 1] int32: 0, then where each ends; unused slots repeat the last
  at::Tensor document_n = {};         ///< [tokens] int64: which document each token is in
  at::Tensor position_n = {};         ///< [tokens] int64: and where in it, from 0

  bool any() const { return ends_s.defined(); }
};

/// The rest of Documents from where they end. Never reads the device.
Documents lay_out_documents(const std::vector<int64_t>& lengths, const at::Tensor& ends_s, int64_t longest,
                            int64_t tokens);

}  // namespace mm
