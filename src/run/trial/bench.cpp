// Whole steps, each between two measures of the rate that it is compared with.
#include "run/trial/bench.h"

#include <algorithm>
#include <vector>

#include "core/terminal/log.h"
#include "core/text.h"
#include "engine/device/device.h"
#include "model/parameters/count.h"
#include "ops/cpu/caching_allocator.h"
#include "run/ranks.h"
#include "run/trial/timed_model.h"

namespace mm {
namespace {

struct Phases {
  double forward = 0, backward = 0, sums = 0, update = 0;
  double total() const { return forward + backward + sums + update; }
};

std::string bench(World& world, const RunConfig& config, int64_t steps) {
  require_shareable(config, world.size());
  cpu::use_caching_allocator();
  const DeviceSetup setup = set_up_device(config, world.place());
  world.connect(setup.device, config.distributed.expert_parallel);
  TimedModel model(config, setup, world);
  model.take_batch_of(config.train.micro_batch);
  const auto step = [&] {
    Phases phases;
    model.begin(config.train.accumulation);
    for (int64_t micro_batch = world.rank(); micro_batch < config.train.accumulation; micro_batch += world.size()) {
      const TimedModel::Passes passes = model.train_micro_batch();
      phases.forward += passes.forward_seconds;
      phases.backward += passes.backward_seconds;
    }
    phases.sums = model.combine();
    phases.update = model.update();
    return phases;
  };

  step();
  // The first micro-batches are computed before one is captured.
  for (int i = 0; i < 2 && captures(config, setup) && !model.is_captured(); ++i) step();
  const double tokens = static_cast<double>(config.tokens_per_step());
  const double flops = flops_per_token(config.model, config.data.sequence_length) * tokens;
  std::vector<double> seconds, rates, shares, forward, backward, sums, update;
  // That of all ranks together.
  const auto gemm_rate = [&] {
    return static_cast<double>(world.size()) * measure_gemm_rate(setup.device, setup.compute_type);
  };
  for (int64_t i = 0; i < steps; ++i) {
    const double before = gemm_rate();
    world.barrier();
    const Phases phases = step();
    const double rate = std::max(before, gemm_rate());
    seconds.push_back(phases.total());
    rates.push_back(rate);
    shares.push_back(flops / phases.total() / rate);
    forward.push_back(phases.forward / phases.total());
    backward.push_back(phases.backward / phases.total());
    sums.push_back(phases.sums / phases.total());
    update.push_back(phases.update / phases.total());
  }
  const double promised = static_cast<double>(world.size()) * setup.data_sheet_rate;
  const ParameterCount count = count_parameters(config.model);
  return format("%s: %s parameters, %s active; %s; batch %lld x %lld x %lld, median of %lld steps\n",
                config.run.name.c_str(), with_commas(count.total).c_str(), with_commas(count.active).c_str(),
                setup.description.c_str(), static_cast<long long>(config.train.micro_batch),
                static_cast<long long>(config.train.accumulation), static_cast<long long>(config.data.sequence_length),
                static_cast<long long>(steps)) +
         format("  step %s, %s, model %s, GEMM of this device %s, share of it %.3f (%.3f..%.3f)\n",
                short_seconds(median(seconds)).c_str(), short_count(tokens / median(seconds), "tok/s").c_str(),
                short_count(flops / median(seconds), "FLOP/s").c_str(), short_count(median(rates), "FLOP/s").c_str(),
                median(shares), *std::min_element(shares.begin(), shares.end()),
                *std::max_element(shares.begin(), shares.end())) +
         (setup.data_sheet_rate > 0 ? format("  of the data sheet's %s: the step %.3f, the GEMM %.3f\n",
                                             short_count(promised, "FLOP/s").c_str(),
                                             flops / median(seconds) / promised, median(rates) / promised)
                                    : "") +
         (model.is_captured()
              ? format("  forward and backward in one launch %.1f%%, ", 100 * median(backward))
              : format("  forward %.1f%%, backward %.1f%%, ", 100 * median(forward), 100 * median(backward))) +
         (world.is_alone()
              ? ""
              : format("sums over %lld ranks %.1f%%, ", static_cast<long long>(world.size()), 100 * median(sums))) +
         format("norm and optimizer %.1f%%", 100 * median(update));
}

}  // namespace

ExitCode bench_run(const RunConfig& config, int64_t steps) {
  return in_world(config.distributed, [&](World& world) {
    log_info(bench(world, config, steps));
    return ExitCode::kFinished;
  });
}

}  // namespace mm
