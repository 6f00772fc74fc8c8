// Counts what the forward pass keeps, tensor by tensor, in the order in which it is made.
#include "recipe/forecast.h"

#include <algorithm>
#include <cmath>

#include "core/process/machine.h"
#include "core/rough_text.h"
#include "core/text.h"
#include "interchange/export/exports.h"
#include "model/parameters/count.h"
#include "model/parameters/parameter_layout.h"
#include "optim/optimizer_table.h"
#include "recipe/run_length.h"

namespace mm {

MemoryForecast forecast_memory(const RunConfig& config, bool sixteen_bit) {
  const ModelConfig& model = config.model;
  const double compute = sixteen_bit ? 2 : 4;  // bytes of a value in the compute type
  const double parameters = static_cast<double>(count_parameters(model).total);
  const double d = static_cast<double>(model.hidden_size), w = static_cast<double>(model.attention_width());
  const double kv = static_cast<double>(model.key_value_width()), width = static_cast<double>(model.expert_width());

  // Bytes per token and layer: two residual sums in fp32, two norms, joined projections, heads, attention output.
  const double attention = 2 * 4 * d + compute * (2 * d + 2 * (w + 2 * kv) + 2 * w);
  const auto dense = compute * 3 * static_cast<double>(*model.intermediate_size);
  double routed = 0;
  if (model.is_moe()) {
    const double slots = static_cast<double>(model.moe.num_experts_per_tok);
    const double shared_width =
        static_cast<double>(model.moe.n_shared_experts * *model.moe.shared_expert_intermediate_size);
    // Dispatched rows, gate and up, their product, expert output; the combined output; router logits and scores.
    routed = compute * (slots * (2 * d + 3 * width) + d + 3 * shared_width) +
             16.0 * static_cast<double>(model.moe.num_experts);
  }
  const auto layers = static_cast<double>(model.num_hidden_layers),
             moe_layers = static_cast<double>(model.moe_layers());
  // Logits and their gradient, the last norm, the embedding.
  const double ends = compute * (2 * static_cast<double>(model.vocab_size) + d) + 2 * 4 * d;
  const double tokens = static_cast<double>(config.train.micro_batch * config.data.sequence_length);
  const auto state = static_cast<double>(optimizer_cost(config.optim, parameter_layout(model)).state_bytes);
  const double average = config.average.enabled() ? 4 * parameters : 0;
  return {parameters * (8 + (sixteen_bit ? 2 : 0)) + state + average,
          config.checkpoint.background ? 4 * parameters + state + average : 0,
          tokens * (layers * attention + (layers - moe_layers) * dense + moe_layers * routed + ends)};
}

namespace {

/// In a list, behind the gradients.
const char* with_average(const RunConfig& config) {
  return config.average.enabled() ? ", their average" : "";
}

/// The largest part of the micro-batch that divides it and is forecast to fit; 0: none does.
int64_t fitting_micro_batch(const RunConfig& config, const MemoryForecast& memory, std::optional<double> available) {
  const int64_t whole = config.train.micro_batch;
  for (int64_t parts = 2; parts <= whole; ++parts) {
    if (whole % parts != 0) continue;
    const double bytes = memory.total() - memory.activations * (1 - 1 / static_cast<double>(parts));
    if (!available || bytes <= *available) return whole / parts;
  }
  return 0;
}

/// A line when a CPU run needs more than there is; nothing is known of a GPU here.
std::string memory_warning(const RunConfig& config, double bytes) {
  const std::optional<double> free = config.run.device == "cpu" ? available_memory() : std::nullopt;
  if (!free || bytes <= *free) return "";
  return format(
      "            this process may use %s: lower train.micro_batch and raise train.accumulation, or set "
      "checkpoint.background to false\n",
      short_bytes(*free).c_str());
}

}  // namespace

std::string explain_memory(const RunConfig& config, bool sixteen_bit, std::optional<double> available) {
  const MemoryForecast memory = forecast_memory(config, sixteen_bit);
  std::string text = format("%s for weights, gradients%s and moments, %s for activations of train.micro_batch %lld",
                            short_bytes(memory.weights).c_str(), with_average(config),
                            short_bytes(memory.activations).c_str(), static_cast<long long>(config.train.micro_batch));
  if (memory.copy > 0) text += format(", %s for checkpoint.background", short_bytes(memory.copy).c_str());
  const int64_t smaller = fitting_micro_batch(config, memory, available);
  if (smaller == 0) return text + "; no micro-batch fits: the model is too large for this memory";
  const int64_t parts = config.train.micro_batch / smaller;
  return text + format("; the same batch in smaller parts: train.micro_batch=%lld train.accumulation=%lld",
                       static_cast<long long>(smaller), static_cast<long long>(config.train.accumulation * parts));
}

std::optional<int64_t> forecast_steps(const RunConfig& config, const std::optional<int64_t>& sequences) {
  const bool replay = config.compat.enabled();
  if (config.train.steps && !replay) return config.train.steps;
  if (!sequences) return std::nullopt;
  RunConfig copy = config;
  if (replay) copy.train.epochs = static_cast<double>(config.compat.epochs);
  resolve_epochs(copy, *sequences, 0, 0);
  return copy.train.steps;
}

namespace {

std::string compute_lines(const RunConfig& config, std::optional<int64_t> steps) {
  const double flops = flops_per_token(config.model, config.data.sequence_length);
  const double step_flops = flops * static_cast<double>(config.tokens_per_step());
  std::string text = format("compute     %s per trained token, %s per step", short_count(flops, "FLOP").c_str(),
                            short_count(step_flops, "FLOP").c_str());
  if (steps) text += format(", %s in all", short_count(step_flops * static_cast<double>(*steps), "FLOP").c_str());
  text += "\n";
  const OptimizerCost optimizer = optimizer_cost(config.optim, parameter_layout(config.model));
  if (optimizer.flops == 0) return text;
  return text + format("optimizer   %s: %s per step besides, %.1f%% of the model's\n", config.optim.type.c_str(),
                       short_count(optimizer.flops, "FLOP").c_str(), 100 * optimizer.flops / step_flops);
}

std::string token_lines(const RunConfig& config, const RunFacts& facts, std::optional<int64_t> steps) {
  const int64_t per_step = config.tokens_per_step();
  std::string text =
      format("tokens      %s per step (%lld x %lld x %lld)", with_commas(per_step).c_str(),
             static_cast<long long>(config.train.micro_batch), static_cast<long long>(config.train.accumulation),
             static_cast<long long>(config.data.sequence_length));
  if (config.compat.enabled()) text += ", padding included";
  if (!steps) return text + "; how many steps that are, the length of the text decides\n";
  const int64_t tokens = per_step * *steps;
  const bool exact = config.train.steps && !config.compat.enabled();
  text += format(", %s%s in %s steps", exact ? "" : "about ", with_commas(tokens).c_str(), with_commas(*steps).c_str());
  if (facts.sequences) {
    const double epochs = static_cast<double>(*steps * config.sequences_per_step()) /
                          static_cast<double>(std::max<int64_t>(*facts.sequences, 1));
    text += format(", about %.2f epochs", epochs);
  }
  const ParameterCount count = count_parameters(config.model);
  text += format("\n            %.3g per parameter", static_cast<double>(tokens) / static_cast<double>(count.total));
  if (config.model.is_moe()) {
    text += format(", %.3g per active one", static_cast<double>(tokens) / static_cast<double>(count.active));
  }
  return text + "; compute is spent best at about 20 (Hoffmann et al. 2022)\n";
}

/// An expert learns from its share of the batch alone.
std::string expert_lines(const RunConfig& config) {
  constexpr double kEnough = 4096;
  if (!config.model.is_moe()) return "";
  const MoeConfig& moe = config.model.moe;
  const double share = static_cast<double>(moe.num_experts_per_tok) / static_cast<double>(moe.num_experts);
  const double tokens = static_cast<double>(config.tokens_per_step()) * share;
  std::string text = format("experts     about %s tokens for each of %lld in a step",
                            with_commas(static_cast<int64_t>(tokens)).c_str(), static_cast<long long>(moe.num_experts));
  if (tokens >= kEnough) return text + "\n";
  const auto larger = static_cast<int64_t>(std::ceil(kEnough / tokens));
  return text + format(
                    ", which is little: what it learns and what is told of its load are noisy\n"
                    "            train.accumulation=%lld gives %s; with so much larger a step, try "
                    "optim.learning_rate=%.2g (its square root)\n",
                    static_cast<long long>(config.train.accumulation * larger),
                    with_commas(static_cast<int64_t>(tokens * static_cast<double>(larger))).c_str(),
                    config.optim.learning_rate * std::sqrt(static_cast<double>(larger)));
}

std::string memory_lines(const RunConfig& config, const RunFacts& facts) {
  const bool sixteen_bit = config.train.precision == "bf16" || config.train.precision == "fp16";
  const MemoryForecast memory = facts.memory ? *facts.memory : forecast_memory(config, sixteen_bit);
  std::string text =
      format("memory      about %s: %s weights, gradients%s and moments, %s activations of one micro-batch",
             short_bytes(memory.total()).c_str(), short_bytes(memory.weights).c_str(), with_average(config),
             short_bytes(memory.activations).c_str());
  if (!facts.memory) text += format(" (%s)", sixteen_bit ? "16 bit" : "fp32; less in 16 bit");
  if (memory.copy > 0) text += format(", %s copy to save from", short_bytes(memory.copy).c_str());
  if (memory.program > 0) text += format(", %s program and libraries", short_bytes(memory.program).c_str());
  return text + "\n" + memory_warning(config, memory.total());
}

std::string disk_line(const RunConfig& config) {
  const auto weights = static_cast<double>(count_parameters(config.model).total);
  const auto state = static_cast<double>(optimizer_cost(config.optim, parameter_layout(config.model)).state_bytes);
  const double bytes = (config.average.enabled() ? 8 : 4) * weights + state;
  return format("disk        %s per checkpoint, at most %lld kept: %s", short_bytes(bytes).c_str(),
                static_cast<long long>(config.checkpoint.keep + 1),
                short_bytes(bytes * static_cast<double>(config.checkpoint.keep + 1)).c_str());
}

}  // namespace

std::string forecast(const RunConfig& config, const RunFacts& facts) {
  const ParameterCount count = count_parameters(config.model);
  const std::optional<int64_t> steps = forecast_steps(config, facts.sequences);
  std::string text = format("run         %s\n", config.folder().c_str());
  text += format("parameters  %s total, %s active per token\n", with_commas(count.total).c_str(),
                 with_commas(count.active).c_str());
  text += "exports     " + describe_exports(config.model) + "\n";
  text += compute_lines(config, steps) + token_lines(config, facts, steps) + expert_lines(config);
  text += memory_lines(config, facts);
  if (facts.seconds) {
    text += "time        about " + rough_time(*facts.seconds) + " on this device (" + facts.device + ")\n";
  }
  return text + disk_line(config);
}

}  // namespace mm
