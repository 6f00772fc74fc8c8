// One table says which keys may change under a run; the longest matching prefix counts.
#include "recipe/resume/resume_policy.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/config/config.h"
#include "core/error.h"
#include "core/text.h"

namespace mm {
namespace {

enum class Change {
  kApplies,   ///< used from the next step on
  kNoEffect,  ///< decided when the run began
  kPlace,     ///< where and how the run computes: other rounding at most
  kSilent,    ///< says nothing about the run
  kContent,   ///< what counts is what the files hold, which is compared when they are opened
  kRefused,   ///< would be another run
};

struct Rule {
  std::string_view prefix;
  Change change;
};

constexpr std::array kRules = {
    Rule{"run.name", Change::kSilent},
    Rule{"run.device", Change::kPlace},
    Rule{"run.threads", Change::kPlace},
    Rule{"run.seed", Change::kRefused},
    Rule{"run.deterministic", Change::kPlace},
    Rule{"run.expert_products", Change::kPlace},
    Rule{"run.hang_seconds", Change::kSilent},
    Rule{"data.", Change::kRefused},
    Rule{"data.cache", Change::kSilent},
    Rule{"data.bad_lines", Change::kContent},
    Rule{"data.train", Change::kContent},
    Rule{"data.validation: ", Change::kContent},
    Rule{"data.validation_packing", Change::kApplies},
    Rule{"tokenizer.", Change::kNoEffect},
    Rule{"tokenizer.path", Change::kContent},
    Rule{"model.", Change::kRefused},
    Rule{"model.dropout", Change::kApplies},
    Rule{"model.ffn_dropout", Change::kApplies},
    Rule{"model.aux_loss", Change::kApplies},
    Rule{"model.router_aux_loss_coef", Change::kApplies},
    Rule{"model.router_z_loss_coef", Change::kApplies},
    Rule{"model.fp16_expert_output", Change::kApplies},
    Rule{"model.router_jitter", Change::kApplies},
    Rule{"model.capacity_factor", Change::kApplies},
    Rule{"model.router_bias_update_rate", Change::kApplies},
    Rule{"model.router_bias_smoothing", Change::kApplies},
    Rule{"model.initialization", Change::kNoEffect},
    Rule{"model.initializer_range", Change::kNoEffect},
    Rule{"model.intermediate_rule", Change::kNoEffect},
    Rule{"train.", Change::kApplies},
    Rule{"train.precision", Change::kPlace},
    Rule{"train.stop_after", Change::kSilent},
    Rule{"optim.", Change::kApplies},
    Rule{"optim.type", Change::kRefused},
    Rule{"schedule.", Change::kApplies},
    Rule{"evaluation.", Change::kApplies},
    Rule{"sample.", Change::kApplies},
    Rule{"metrics.", Change::kApplies},
    Rule{"alarms.", Change::kApplies},
    Rule{"revival.", Change::kApplies},
    Rule{"spikes.", Change::kApplies},
    Rule{"average.", Change::kApplies},
    Rule{"checkpoint.", Change::kApplies},
    Rule{"distributed.", Change::kSilent},
    Rule{"init.", Change::kNoEffect},
    Rule{"compat.trainer", Change::kRefused},
    Rule{"compat.epochs", Change::kApplies},
    // Runs that began before there were such settings.
    Rule{"data.packing: none -> \"stream\"", Change::kSilent},
    Rule{"data.hold_out_by: none -> \"position\"", Change::kSilent},
    Rule{"data.bin_tokens: none -> \"none\"", Change::kSilent},
    Rule{"data.weights: none -> []", Change::kSilent},
    Rule{"data.duplicates: none -> \"keep\"", Change::kSilent},
    Rule{"data.shuffle_megabytes: none -> 0", Change::kSilent},
    Rule{"data.special_tokens: none -> \"parse\"", Change::kSilent},
    Rule{"data.text_key: none -> \"text\"", Change::kSilent},
    Rule{"data.bad_lines: none -> \"stop\"", Change::kSilent},
    Rule{"data.validation_packing: none -> \"auto\"", Change::kSilent},
    Rule{"model.shared_expert_intermediate_size: none -> ", Change::kSilent},
    Rule{"model.shared_expert_gate: none -> false", Change::kSilent},
    Rule{"model.router_hidden_size: none -> 0", Change::kSilent},
    Rule{"model.router_jitter: none -> 0.0", Change::kSilent},
    Rule{"model.first_k_dense_replace: none -> 0", Change::kSilent},
    Rule{"model.n_group: none -> 1", Change::kSilent},
    Rule{"model.topk_group: none -> 1", Change::kSilent},
    Rule{"model.capacity_factor: none -> 0.0", Change::kSilent},
    Rule{"model.force_uniform_routing: none -> false", Change::kSilent},
    Rule{"model.balance: none -> \"none\"", Change::kSilent},
    Rule{"model.router_bias_update_rate: none -> 0.001", Change::kSilent},
    Rule{"model.router_bias_smoothing: none -> 0.5", Change::kSilent},
    Rule{"optim.type: none -> \"adamw\"", Change::kSilent},
    Rule{"optim.momentum: none -> ", Change::kSilent},
    Rule{"optim.orthogonalize: none -> ", Change::kSilent},
    Rule{"metrics.router_every: none -> 50", Change::kSilent},
    Rule{"alarms.patience: none -> ", Change::kSilent},
    Rule{"alarms.dying_share: none -> ", Change::kSilent},
    Rule{"alarms.over_subscribed_share: none -> ", Change::kSilent},
    Rule{"alarms.least_tokens: none -> ", Change::kSilent},
    Rule{"alarms.collapse_experts: none -> ", Change::kSilent},
    Rule{"alarms.gate_gradient: none -> ", Change::kSilent},
    Rule{"alarms.gate_patience: none -> ", Change::kSilent},
    Rule{"alarms.copies_cosine: none -> ", Change::kSilent},
    Rule{"alarms.copies_patience: none -> ", Change::kSilent},
    Rule{"alarms.aux_floor: none -> ", Change::kSilent},
    Rule{"alarms.loss_spike: none -> ", Change::kSilent},
    Rule{"alarms.loss_patience: none -> ", Change::kSilent},
    Rule{"alarms.loss_gap: none -> ", Change::kSilent},
    Rule{"alarms.slow_data_share: none -> ", Change::kSilent},
    Rule{"revival.method: none -> \"none\"", Change::kSilent},
    Rule{"revival.boost: none -> ", Change::kSilent},
    Rule{"revival.noise: none -> ", Change::kSilent},
    Rule{"revival.cooldown: none -> ", Change::kSilent},
    Rule{"spikes.policy: none -> \"none\"", Change::kSilent},
    Rule{"spikes.deviations: none -> ", Change::kSilent},
    Rule{"spikes.window: none -> ", Change::kSilent},
    Rule{"spikes.divergence: none -> ", Change::kSilent},
    Rule{"spikes.back: none -> ", Change::kSilent},
    Rule{"spikes.rate_factor: none -> ", Change::kSilent},
    Rule{"spikes.budget: none -> ", Change::kSilent},
    Rule{"average.decay: none -> 0.0", Change::kSilent},
    Rule{"average.from: none -> ", Change::kSilent},
    Rule{"checkpoint.every_minutes: none -> ", Change::kSilent},
    Rule{"checkpoint.best: none -> ", Change::kSilent},
    Rule{"checkpoint.background: none -> ", Change::kSilent},
    Rule{"model.rope_scaling.rope_type: none -> \"default\"", Change::kSilent},
    Rule{"model.rope_scaling.factor: none -> ", Change::kSilent},
    Rule{"model.rope_scaling.original_max_position_embeddings: none -> ", Change::kSilent},
    Rule{"model.rope_scaling.beta_fast: none -> ", Change::kSilent},
    Rule{"model.rope_scaling.beta_slow: none -> ", Change::kSilent},
    Rule{"model.rope_scaling.attention_factor: none -> ", Change::kSilent},
    Rule{"train.epochs: none -> null", Change::kSilent},
    Rule{"train.tokens: none -> null", Change::kSilent},
    Rule{"train.shrink_micro_batch: ", Change::kSilent},
    Rule{"compat.trainer: none -> \"none\"", Change::kSilent},
    Rule{"compat.epochs: none -> ", Change::kSilent},
};

/// A replay knows its place in the data from these.
constexpr std::array kRefusedInReplay = {std::string_view("train.micro_batch: "),
                                         std::string_view("train.accumulation: ")};

/// `difference` is `key: old -> new`.
Change change_of(std::string_view difference, bool replay) {
  const auto names = [&](std::string_view key) { return difference.starts_with(key); };
  if (replay && std::any_of(kRefusedInReplay.begin(), kRefusedInReplay.end(), names)) return Change::kRefused;
  const Rule* best = nullptr;
  for (const Rule& rule : kRules) {
    if (difference.starts_with(rule.prefix) && (best == nullptr || rule.prefix.size() > best->prefix.size()))
      best = &rule;
  }
  return best == nullptr ? Change::kRefused : best->change;
}

}  // namespace

std::vector<std::string> explain_changes(const std::string& folder, const std::string& before, const std::string& after,
                                         int64_t step, bool replay) {
  std::vector<std::string> lines;
  Problems problems;
  const std::string from = format("used from step %lld on", static_cast<long long>(step + 1));
  for (const std::string& difference : diff_config(before, after)) {
    switch (change_of(difference, replay)) {
      case Change::kApplies:
        lines.push_back(difference + " (" + from + ")");
        break;
      case Change::kPlace:
        lines.push_back(difference + " (" + from + "; results may differ in rounding)");
        break;
      case Change::kNoEffect:
        lines.push_back(difference + " (no effect: the run has begun)");
        break;
      case Change::kContent:
        lines.push_back(difference + " (its content is compared with what the run was trained on)");
        break;
      case Change::kSilent:
        break;
      case Change::kRefused: {
        const size_t colon = difference.find(": ");
        problems.add(folder + "/config.json:" + difference.substr(0, colon), "a change " + difference.substr(colon + 2),
                     "the value that the run began with", "undo it, or start another run with --set run.name=<name>");
        break;
      }
    }
  }
  problems.throw_if_any();
  return lines;
}

void keep_older_ways(const std::string& before, DataConfig& data) {
  const auto json = nlohmann::json::parse(before, nullptr, /*allow_exceptions=*/false);
  const auto has = [&](const char* key) { return json.contains(nlohmann::json::json_pointer(key)); };
  if (!has("/data/hold_out_by")) data.hold_out_by = "position";
  if (!has("/data/shuffle_megabytes")) data.shuffle_megabytes = 0;
  if (!has("/data/special_tokens")) data.special_tokens = "parse";
}

std::string tokenizer_path_in(const std::string& config) {
  const auto json = nlohmann::json::parse(config, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer path("/tokenizer/path");
  const bool named = json.contains(path) && json.at(path).is_string();
  return named ? json.at(path).get<std::string>() : "";
}

}  // namespace mm
