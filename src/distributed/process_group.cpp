#include "distributed/process_group.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/error.h"
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace mm {
namespace {

/// RankWatch decides who is late: it knows who works and who waits.
constexpr std::chrono::hours kNoLimit{24};

/// The address by which this machine reaches the meeting point, which others reach it by; empty: not known.
std::string own_address(const Placement& place) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(place.address.c_str(), std::to_string(place.port).c_str(), &hints, &found) != 0) return "";
  std::string address;
  if (const int socket = ::socket(found->ai_family, SOCK_DGRAM, 0); socket >= 0) {
    sockaddr_storage own = {};
    socklen_t length = sizeof(own);
    std::array<char, NI_MAXHOST> text = {};
    auto* name = reinterpret_cast<sockaddr*>(&own);
    if (::connect(socket, found->ai_addr, found->ai_addrlen) == 0 && ::getsockname(socket, name, &length) == 0 &&
        ::getnameinfo(name, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text.data();
    }
    ::close(socket);
  }
  ::freeaddrinfo(found);
  return address;
}

c10::intrusive_ptr<c10d::Backend> make_gloo(const Placement& place, const Membership& member,
                                            const c10::intrusive_ptr<c10d::Store>& store) {
  using Gloo = c10d::ProcessGroupGloo;
  auto options = Gloo::Options::create(kNoLimit);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  const std::string address = own_address(place);
  options->devices.push_back(interface != nullptr ? Gloo::createDeviceForInterface(interface)
                             : address.empty()    ? Gloo::createDefaultDevice()
                                                  : Gloo::createDeviceForHostname(address));
  return c10::make_intrusive<Gloo>(store, static_cast<int>(member.index), static_cast<int>(member.count),
                                   std::move(options));
}

#ifdef USE_C10D_NCCL
c10::intrusive_ptr<c10d::Backend> make_nccl(const Membership& member, const c10::intrusive_ptr<c10d::Store>& store) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = kNoLimit;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, static_cast<int>(member.index),
                                                     static_cast<int>(member.count), std::move(options));
}
#endif

}  // namespace

struct ProcessGroup::Backends {
  c10::intrusive_ptr<c10d::Backend> cpu, gpu;

  c10d::Backend& of(const at::Tensor& tensor) const {
    const auto& backend = tensor.is_cpu() ? cpu : gpu;
    require(backend.defined(), "a process group for tensors of this device");
    return *backend;
  }
};

ProcessGroup::ProcessGroup(const Placement& place, const Membership& member, const MeetingPoint& meeting,
                           at::Device device)
    : backends_(std::make_unique<Backends>()) {
  const auto store = c10::make_intrusive<c10d::PrefixStore>(member.name, meeting.store());
  backends_->cpu = make_gloo(place, member, store);
#ifdef USE_C10D_NCCL
  if (device.is_cuda()) backends_->gpu = make_nccl(member, store);
#else
  require(device.is_cpu(), "GPUs are of the CUDA build");
#endif
}

ProcessGroup::~ProcessGroup() = default;

void ProcessGroup::all_to_all(at::Tensor out, at::Tensor in) {
  all_to_all(out, in, {}, {});
}

void ProcessGroup::all_to_all(at::Tensor out, at::Tensor in, std::vector<int64_t> receives,
                              std::vector<int64_t> sends) {
  backends_->of(in).alltoall_base(out, in, receives, sends)->wait();
}

void ProcessGroup::all_gather(at::Tensor out, at::Tensor in) {
  at::Tensor flat = out.flatten();
  backends_->of(in)._allgather_base(flat, in)->wait();
}

void ProcessGroup::broadcast(at::Tensor tensor) {
  std::vector<at::Tensor> tensors = {tensor};
  backends_->of(tensor).broadcast(tensors)->wait();
}

void ProcessGroup::send(at::Tensor tensor, int64_t to) {
  std::vector<at::Tensor> tensors = {tensor};
  backends_->of(tensor).send(tensors, static_cast<int>(to), 0)->wait();
}

void ProcessGroup::receive(at::Tensor tensor, int64_t from) {
  std::vector<at::Tensor> tensors = {tensor};
  backends_->of(tensor).recv(tensors, static_cast<int>(from), 0)->wait();
}

}  // namespace mm
