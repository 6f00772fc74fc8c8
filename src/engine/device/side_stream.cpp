#include "engine/device/side_stream.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace mm {

SideStream::SideStream(at::Device device) : device_(device) {
  if (device.is_cpu()) return;
  const c10::impl::VirtualGuardImpl streams(device.type());
  queued_.emplace(device.type());
  queued_->record(streams.getStream(device));
}

void SideStream::enter(c10::OptionalStreamGuard& guard) const {
  if (!queued_) return;
  const c10::impl::VirtualGuardImpl streams(device_.type());
  const c10::Stream stream = streams.getStreamFromGlobalPool(device_);
  guard.reset_stream(stream);
  queued_->block(stream);
}

}  // namespace mm
