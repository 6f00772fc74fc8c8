#include "distributed/meeting_point.h"

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "core/error.h"
#include "core/text.h"
#include "distributed/failure.h"

namespace mm {
MeetingPoint::MeetingPoint(const Placement& place, bool opens, std::chrono::seconds limit) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = opens;
  options.waitWorkers = false;
  options.timeout = limit;
  options.useLibUV = false;                  // not every build of LibTorch has it
  FLAGS_caffe2_log_level = c10::GLOG_ERROR;  // what breaks is told here, and not with a backtrace for each connection
  try {
    store_ = c10::make_intrusive<c10d::PrefixStore>("minimind/" + place.attempt,
                                                    c10::make_intrusive<c10d::TCPStore>(place.address, options));
  } catch (const std::exception& problem) {
    const std::string where =
        format("MASTER_ADDR:MASTER_PORT %s:%lld", place.address.c_str(), static_cast<long long>(place.port));
    throw Error(ExitCode::kConfig,
                got_want(where, what_happened(problem), opens ? "a free port of this machine" : "rank 0, waiting there",
                         opens ? "set MASTER_PORT to another one for all ranks"
                               : "look whether rank 0 runs, and whether this machine reaches it"));
  }
}

MeetingPoint::~MeetingPoint() = default;

void MeetingPoint::set(const std::string& key, const std::string& value) {
  store_->set(key, value);
}

std::string MeetingPoint::set_first(const std::string& key, const std::string& value) {
  return store_->compareSet(key, std::string(), value);
}

int64_t MeetingPoint::add(const std::string& key, int64_t value) {
  return store_->add(key, value);
}

bool MeetingPoint::has(const std::vector<std::string>& keys) {
  return store_->check(keys);
}

std::optional<std::string> MeetingPoint::get(const std::string& key) {
  if (!store_->check({key})) return {};
  return store_->get_to_str(key);
}

}  // namespace mm
