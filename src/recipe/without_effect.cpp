// The table: which keys wait for which other setting. Whoever switches something off (`sample.every=0`) knows.
#include "recipe/without_effect.h"

#include "core/text.h"
#include "recipe/capture.h"
#include "recipe/run_config.h"

namespace mm {
namespace {

bool holds_nothing_out(const RunConfig& config) {
  return config.data.validation.empty() && (config.data.validation_fraction == 0 || config.compat.enabled());
}

struct IdleSettings {
  std::vector<std::string> keys;  ///< one that ends with a dot is a section
  bool (*idle)(const RunConfig& config);
  const char* reason;
};

std::vector<std::string> moe_keys() {
  MoeConfig moe;
  std::vector<std::string> keys;
  for (const std::string& name : setting_names([&](Fields& fields) { moe.visit(fields); }))
    keys.push_back("model." + name);
  return keys;
}

const std::vector<IdleSettings>& table() {
  static const std::vector<IdleSettings> rows = {
      {{"run.deterministic"},
       [](const RunConfig& c) { return c.run.device == "cpu"; },
       "run.device is cpu, which gives the same bytes every time"},
      {{"train.cuda_graph", "run.expert_products"},
       [](const RunConfig& c) { return c.run.device == "cpu"; },
       "run.device is cpu"},
      {{"train.steps"}, [](const RunConfig& c) { return c.compat.enabled(); }, "a replay is compat.epochs long"},
      {{"schedule."},
       [](const RunConfig& c) { return c.compat.enabled(); },
       "a replay has the learning rates of its trainer"},
      {{"data.validation_fraction"},
       [](const RunConfig& c) { return c.compat.enabled(); },
       "a replay trains on all of the data"},
      {{"data.validation_fraction"},
       [](const RunConfig& c) { return !c.compat.enabled() && !c.data.validation.empty(); },
       "data.validation names what is validated on"},
      {{"data.shuffle_megabytes"},
       [](const RunConfig& c) { return c.compat.enabled(); },
       "a replay shuffles all rows together, as its trainer does"},
      {{"data.shuffle_megabytes"},
       [](const RunConfig& c) {
         return !c.compat.enabled() && c.data.shuffle_megabytes > 0 && !c.data.shuffles_in_groups();
       },
       "data.duplicates is drop, data.hold_out_by position, or there are data.weights: all of the text is read first "
       "and shuffled together"},
      {{"data.weights"},
       [](const RunConfig& c) { return c.compat.enabled(); },
       "a replay trains on all rows, as its trainer does"},
      {{"data.special_tokens"},
       [](const RunConfig& c) { return c.compat.enabled(); },
       "a replay reads control tokens in a text as its trainer does: as those tokens"},
      {{"data.special_tokens"},
       [](const RunConfig& c) { return !c.compat.enabled() && c.tokenizer.path.ends_with(".model"); },
       "to a sentencepiece model the names of control tokens always are text"},
      {{"schedule.min_ratio"},
       [](const RunConfig& c) { return !c.compat.enabled() && c.schedule.type == "constant"; },
       "schedule.type is constant"},
      {{"schedule.decay_fraction"},
       [](const RunConfig& c) { return !c.compat.enabled() && c.schedule.type != "wsd"; },
       "schedule.type is not wsd"},
      {{"optim.momentum", "optim.orthogonalize"},
       [](const RunConfig& c) { return c.optim.type == "adamw"; },
       "optim.type is adamw"},
      {{"optim.decay"}, [](const RunConfig& c) { return c.optim.weight_decay == 0; }, "optim.weight_decay is 0"},
      {{"evaluation.every", "evaluation.tokens"},
       [](const RunConfig& c) { return holds_nothing_out(c) && c.evaluation.every > 0; },
       "nothing is held out to validate on (data.validation, data.validation_fraction)"},
      {{"tokenizer.vocab_size", "tokenizer.training_megabytes", "tokenizer.character_coverage"},
       [](const RunConfig& c) { return !c.tokenizer.train; },
       "tokenizer.train is false"},
      {{"init.generation", "init.optimizer"},
       [](const RunConfig& c) { return c.init.from.empty(); },
       "there is no init.from"},
      {{"model.initializer_range"},
       [](const RunConfig& c) { return c.model.initialization == "uniform"; },
       "model.initialization is uniform"},
      {{"model.rope_scaling.factor", "model.rope_scaling.original_max_position_embeddings",
        "model.rope_scaling.beta_fast", "model.rope_scaling.beta_slow", "model.rope_scaling.attention_factor"},
       [](const RunConfig& c) { return !c.model.rope_scaling.is_yarn(); },
       "model.rope_scaling.rope_type is default"},
      {moe_keys(), [](const RunConfig& c) { return !c.model.is_moe(); }, "model.model_type is dense"},
      {{"metrics.experts_every", "metrics.router_every", "revival.", "run.expert_products"},
       [](const RunConfig& c) { return !c.model.is_moe(); },
       "model.model_type is dense"},
      {{"model.router_aux_loss_coef"},
       [](const RunConfig& c) { return c.model.is_moe() && c.model.moe.aux_loss == "none"; },
       "model.aux_loss is none"},
      {{"model.router_bias_update_rate"},
       [](const RunConfig& c) { return c.model.is_moe() && c.model.moe.balance != "bias"; },
       "model.balance is not bias"},
      {{"model.router_bias_smoothing"},
       [](const RunConfig& c) { return c.model.is_moe() && c.model.moe.balance != "quantile"; },
       "model.balance is not quantile"},
      {{"revival.boost", "revival.noise", "revival.cooldown"},
       [](const RunConfig& c) { return c.model.is_moe() && c.revival.method == "none"; },
       "revival.method is none"},
      {{"train.shrink_micro_batch"},
       [](const RunConfig& c) { return c.compat.enabled(); },
       "compat.trainer knows its place in the text from train.micro_batch"},
      {{"spikes.deviations", "spikes.window", "spikes.divergence", "spikes.back", "spikes.rate_factor",
        "spikes.budget"},
       [](const RunConfig& c) { return c.spikes.policy == "none"; },
       "spikes.policy is none"},
      {{"spikes.back", "spikes.rate_factor"},
       [](const RunConfig& c) { return c.spikes.policy == "skip" || c.spikes.policy == "stop"; },
       "spikes.policy is not roll_back"},
      {{"average.from"}, [](const RunConfig& c) { return !c.average.enabled(); }, "average.decay is 0"},
  };
  return rows;
}

bool names(const std::string& key, const std::string& said) {
  return key.ends_with('.') ? said.starts_with(key) : said == key;
}

}  // namespace

std::vector<std::string> without_effect(const RunConfig& config, const std::set<std::string>& said) {
  std::vector<std::string> lines;
  for (const IdleSettings& row : table()) {
    if (!row.idle(config)) continue;
    std::vector<std::string> idle;
    for (const std::string& key : said) {
      for (const std::string& each : row.keys) {
        if (names(each, key)) idle.push_back(key);
      }
    }
    if (!idle.empty()) lines.push_back(join(idle, ", ") + ": no effect: " + row.reason);
  }
  const char* obstacle = capture_obstacle(config);
  if (config.train.cuda_graph && obstacle != nullptr) {
    lines.push_back(std::string("train.cuda_graph: no effect: ") + obstacle);
  }
  return lines;
}

}  // namespace mm
