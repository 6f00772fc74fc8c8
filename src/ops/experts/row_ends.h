// Where the rows of each expert end. Axis: e experts.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace mm {

/// `ends_e`, [experts] int32: one past the last row of each expert. Given as one object to the products of a layer, it
/// makes the host wait for the device once at most, where a product is computed from the host.
class RowEnds {
 public:
  /// Not explicit: for one product alone a tensor is enough.
  RowEnds(at::Tensor ends_e) : ends_e_(std::move(ends_e)) {}

  const at::Tensor& on_device() const { return ends_e_; }
  /// Waits the first time.
  const at::Tensor& on_host() const {
    if (!host_e_.defined()) host_e_ = ends_e_.cpu();
    return host_e_;
  }

 private:
  at::Tensor ends_e_;
  mutable at::Tensor host_e_;
};

}  // namespace mm
