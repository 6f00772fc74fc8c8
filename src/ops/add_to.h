// Sums whose first term comes later, or never.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// `sum` becomes a new tensor sum + term, which the gradient flows through. An undefined tensor counts as nothing.
inline void add_to(at::Tensor& sum, const at::Tensor& term) {
  if (term.defined()) sum = sum.defined() ? sum + term : term;
}

}  // namespace mm
