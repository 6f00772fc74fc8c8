#include "app/gpu_probe/host_waits.h"

#include <c10/cuda/CUDAFunctions.h>
#include <c10/util/Backtrace.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/terminal/log.h"
#include "core/text.h"

namespace mm {
namespace {

using c10::cuda::SyncDebugMode;

/// Counts LibTorch's warnings of a wait by the calls that led there.
class WaitCounter final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    constexpr size_t kFrames = 40;
    if (warning.msg().find("synchroniz") == std::string::npos) return c10::WarningHandler::process(warning);
    ++times_[c10::get_backtrace(0, kFrames)];
  }

  void print() const {
    std::vector<std::pair<int64_t, std::string>> places;
    int64_t total = 0;
    for (const auto& [place, times] : times_) {
      places.emplace_back(times, place);
      total += times;
    }
    std::sort(places.rbegin(), places.rend());
    log_info(format("%lld waits for the device, from %zu places", static_cast<long long>(total), places.size()));
    for (const auto& [times, place] : places)
      log_info(format("--- %lld times\n", static_cast<long long>(times)) + place);
  }

 private:
  std::map<std::string, int64_t> times_;
};

}  // namespace

ExitCode report_host_waits(const std::function<ExitCode()>& body) {
  WaitCounter counter;
  const c10::WarningUtils::WarningHandlerGuard guard(&counter);
  c10::WarningUtils::set_warnAlways(true);
  c10::cuda::warning_state().set_sync_debug_mode(SyncDebugMode::L_WARN);
  const ExitCode code = body();
  c10::cuda::warning_state().set_sync_debug_mode(SyncDebugMode::L_DISABLED);
  counter.print();
  return code;
}

}  // namespace mm
