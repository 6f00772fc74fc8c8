// Work of another thread on the device of the training.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include <optional>

namespace mm {

/// Made by the thread that trains: what the other one does begins behind what is queued by now, and what is queued
/// later does not wait for it. On a CPU, where nothing is queued, it does nothing.
class SideStream {
 public:
  explicit SideStream(at::Device device);

  /// In the other thread: its work on the device goes to a stream of its own for as long as `guard` lives.
  void enter(c10::OptionalStreamGuard& guard) const;

 private:
  at::Device device_;
  std::optional<c10::Event> queued_;
};

}  // namespace mm
