#include "train/run_metrics.h"

#include <algorithm>

#include "core/error.h"
#include "core/terminal/log.h"
#include "model/moe/balance/balance.h"
#include "model/parameters/count.h"

namespace mm {

RunMetrics::RunMetrics(const RunConfig& config, const DeviceSetup& setup,
                       std::vector<std::unique_ptr<MetricSink>>& sinks)
    : config_(config),
      setup_(setup),
      sinks_(sinks),
      flops_per_token_(flops_per_token(config.model, config.data.sequence_length)),
      gemm_rate_(setup.gemm_rate) {
  for (const auto& sink : sinks_) {
    if (sink->is_part_of_the_run()) lasting_sinks_.push_back(sink.get());
  }
}

StepRecord RunMetrics::read(const StepResult& result) const {
  StepRecord record;
  result.read_into(record);
  record.memory_bytes = memory_in_use(setup_.device);
  const MoeConfig& moe = config_.model.moe;
  if (config_.model.is_moe() && moe.router_aux_loss_coef > 0) {
    const auto layers = static_cast<double>(config_.model.moe_layers());
    record.aux_loss_floor = balance_loss_floor(moe) * layers;
    record.aux_loss_unscaled = record.aux_loss / moe.router_aux_loss_coef / layers;
  }
  return record;
}

void RunMetrics::add_time(StepRecord& record, const StepResult& result, double seconds) {
  record.seconds = seconds;
  if (gemm_rate_ == 0) return;
  const double flops_per_second = flops_per_token_ * static_cast<double>(result.positions) / seconds;
  // Faster than a matrix product: the rate was measured while the device was busy with something else.
  if (flops_per_second > gemm_rate_) {
    gemm_rate_ = std::max(gemm_rate_, measure_gemm_rate(setup_.device, setup_.compute_type));
    // It has just shown that it can do that much.
    gemm_rate_ = std::max(gemm_rate_, flops_per_second);
  }
  record.mfu = flops_per_second / gemm_rate_;
}

template <class Tell>
void RunMetrics::for_each_sink(const Tell& tell) {
  std::erase_if(sinks_, [&](const std::unique_ptr<MetricSink>& sink) {
    try {
      tell(*sink);
      return false;
    } catch (const Error& error) {
      if (sink->is_part_of_the_run() || error.code() != ExitCode::kStorage) throw;
      log_warning(std::string(error.what()) + "\nthe run goes on without this file");
      return true;
    }
  });
}

void RunMetrics::write(const StepRecord& record) {
  for_each_sink([&](MetricSink& sink) { sink.write(record); });
}

void RunMetrics::write(const EvaluationRecord& record) {
  for_each_sink([&](MetricSink& sink) { sink.write(record); });
}

void RunMetrics::write(const SampleRecord& record) {
  for_each_sink([&](MetricSink& sink) { sink.write(record); });
}

void RunMetrics::write(const RouterRecord& record) {
  for_each_sink([&](MetricSink& sink) { sink.write_router(record); });
}

void RunMetrics::write(const DomainsRecord& record) {
  for_each_sink([&](MetricSink& sink) { sink.write_domains(record); });
}

void RunMetrics::write(const std::vector<EventRecord>& events) {
  if (events.empty()) return;
  for_each_sink([&](MetricSink& sink) { sink.write_events(events); });
}

void RunMetrics::write(const SaveRecord& record) {
  for_each_sink([&](MetricSink& sink) { sink.write_save(record); });
}

void RunMetrics::rewind(int64_t step) {
  for_each_sink([&](MetricSink& sink) { sink.rewind(step); });
}

void RunMetrics::sync() const {
  for (MetricSink* sink : lasting_sinks_) sink->sync();
}

}  // namespace mm
