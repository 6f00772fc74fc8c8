// First what is missing, then what can be told without it.
#include "run/trial/check.h"

#include <algorithm>

#include "core/process/machine.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "data/text/files/text_paths.h"
#include "data/text/text_file.h"
#include "engine/device/device.h"
#include "ops/cpu/caching_allocator.h"
#include "recipe/forecast.h"
#include "recipe/ranks_forecast.h"
#include "run/opening/opening.h"
#include "run/ranks.h"
#include "run/trial/step_cost.h"

namespace mm {
namespace {

/// Sequences of the training text, from the tokens of parts of each file.
int64_t estimate_sequences(const RunConfig& config, const Tokenizer& tokenizer) {
  constexpr size_t kPartBytes = 64 << 10, kParts = 8;
  double tokens = 0, rows = 0;
  for (const LabelledPath& each : text_files(config.data.train)) {
    Reading reading = config.data.reading();
    reading.tokenizer = &tokenizer;
    const TextFile file(each.path, reading);
    const std::vector<size_t> ends = file.cut(kPartBytes);
    double sampled_tokens = 0, sampled_rows = 0, sampled_bytes = 0;
    const size_t stride = std::max<size_t>(1, ends.size() / kParts);
    for (size_t part = 0; part < ends.size(); part += stride) {
      const size_t begin = part == 0 ? 0 : ends[part - 1];
      const TextCounts counts = file.visit(begin, ends[part], [&](std::string_view text) {
        const size_t tokens_of_text =
            file.token_bytes() > 0 ? text.size() / file.token_bytes() : tokenizer.encode(text).size();
        sampled_tokens += static_cast<double>(tokens_of_text) + 2;  // BOS and EOS
      });
      sampled_rows += static_cast<double>(counts.documents + counts.empty_texts);
      sampled_bytes += static_cast<double>(ends[part] - begin);
    }
    const double whole = static_cast<double>(file.bytes().size()) / std::max(sampled_bytes, 1.0);
    tokens += sampled_tokens * whole;
    rows += sampled_rows * whole;
  }
  if (config.compat.enabled() || config.data.packing == "padded") return static_cast<int64_t>(rows);
  const double kept = config.data.validation.empty() ? 1 - config.data.validation_fraction : 1;
  return static_cast<int64_t>(tokens * kept / static_cast<double>(config.data.sequence_length));
}

/// Whether the run is forecast to fit into what there is; unknown is taken for yes.
bool fits(const RunConfig& config, const DeviceSetup& setup) {
  const std::optional<double> available = setup.device.is_cpu() ? available_memory() : std::nullopt;
  return !available || forecast_memory(config, setup.compute_type != at::kFloat).total() <= *available;
}

}  // namespace

void check_run(const RunConfig& config, const std::optional<Weights>& weights, int64_t ranks) {
  require_shareable(config, ranks);
  std::vector<Error> missing = missing_inputs(config, weights.has_value());
  const auto attempt = [&](auto call) {
    try {
      call();
    } catch (const Error& error) {
      missing.push_back(error);
    }
  };
  const bool has_text =
      std::none_of(missing.begin(), missing.end(), [](const Error& error) { return error.code() == ExitCode::kData; });
  const bool knows_model = std::none_of(missing.begin(), missing.end(),
                                        [](const Error& error) { return error.code() == ExitCode::kCheckpoint; });
  if (weights) log_info("weights     " + weights->file.path + " (" + weights->description + ")");
  RunFacts facts;
  if (has_text && is_file(config.tokenizer.path)) {
    attempt([&] { facts.sequences = estimate_sequences(config, *load_tokenizer(config.tokenizer.path)); });
  }
  if (knows_model) {
    attempt([&] {
      constexpr size_t kAll = 4096;  // what is small here is a block of the cache in a run, whose batch is larger
      cpu::use_caching_allocator(kAll);
      const DeviceSetup setup = set_up_device(config);
      facts.device = setup.description;
      if (!fits(config, setup)) return;
      const StepCost cost = measure_step(config, setup);
      facts.memory = cost.memory;
      if (const auto steps = forecast_steps(config, facts.sequences)) facts.seconds = run_seconds(config, cost, *steps);
    });
    log_info(forecast(config, facts));
    if (ranks > 1) log_info(forecast_ranks(config, ranks));
  }
  throw_missing(missing);
}

}  // namespace mm
