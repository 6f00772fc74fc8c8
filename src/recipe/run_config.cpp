// The sections of a config in the order they are written, and the checks that need more than one of them.
#include "recipe/run_config.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/json/json_text.h"
#include "core/text.h"
#include "recipe/foreign_words.h"
#include "recipe/run_length.h"
#include "recipe/without_effect.h"

namespace mm {
namespace {

void check_name(const RunConfig& config, const std::string& where, Problems& problems) {
  constexpr size_t kLongest = 200;  // a file name may have 255 bytes, and files beside it are named after it
  const std::string& name = config.run.name;
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-' || c == '/';
  };
  const std::string parts = "/" + name;
  const bool good_parts = !name.ends_with('/') && parts.find("//") == std::string::npos &&
                          parts.find("/.") == std::string::npos && parts.find("/-") == std::string::npos;
  if (name.size() > kLongest) {
    problems.add(where + ":run.name", with_commas(static_cast<int64_t>(name.size())) + " characters",
                 "at most " + std::to_string(kLongest), "it names a folder below output/");
  } else if (name.empty() || !good_parts || !std::all_of(name.begin(), name.end(), allowed)) {
    problems.add(where + ":run.name", show_text(name), "letters, digits, '_', '-' and '.', or several such with '/'",
                 "it names a folder below output/");
  }
}

void check_device(const RunConfig& config, const std::string& where, Problems& problems) {
  if (!is_device_name(config.run.device)) {
    problems.add(where + ":run.device", show_text(config.run.device), "auto, cpu, cuda or cuda:N");
  }
}

void check_vocabulary(RunConfig& config, const std::string& where, Problems& problems) {
  std::optional<int64_t>& vocab_size = config.tokenizer.vocab_size;
  if (!vocab_size && config.tokenizer.train) vocab_size = config.model.vocab_size;
  if (vocab_size && *vocab_size > config.model.vocab_size) {
    problems.add(where + ":tokenizer.vocab_size", std::to_string(*vocab_size),
                 "at most model.vocab_size " + std::to_string(config.model.vocab_size),
                 "every token needs a row of the embedding");
  }
}

void check_coverage(const RunConfig& config, const std::string& where, Problems& problems) {
  const TokenizerConfig& tokenizer = config.tokenizer;
  if (!tokenizer.path.ends_with(".json") || tokenizer.character_coverage == TokenizerConfig().character_coverage)
    return;
  problems.add(where + ":tokenizer.character_coverage", format("%g", tokenizer.character_coverage),
               "nothing with a tokenizer.json", "byte-level BPE spells every character; the setting is for a .model");
}

void check_pth(const RunConfig& config, const std::string& where, Problems& problems) {
  const std::string& choice = config.checkpoint.pth;
  if (choice == "auto" || choice == "off") return;
  const std::string reason = misfit(find_generation(choice, where), config.model);
  if (!reason.empty()) {
    problems.add(where + ":checkpoint.pth", choice + ", which cannot hold this model: " + reason,
                 "a generation that can", "auto finds one, off writes none");
  }
}

void check_revival(const RunConfig& config, const std::string& where, Problems& problems) {
  if (config.revival.method == "bias" && config.model.is_moe() && config.model.moe.balance != "bias") {
    problems.add(where + ":revival.method", "bias with model.balance " + config.model.moe.balance, "model.balance bias",
                 "only that keeps a bias that is raised; gate and reseed need none");
  }
}

void check_spikes(const RunConfig& config, const std::string& where, Problems& problems) {
  if (config.compat.enabled() && config.spikes.policy != "none") {
    problems.add(where + ":spikes.policy", config.spikes.policy + " in a replay", "none",
                 "MiniMind's trainers take every step");
  }
}

void check_average(const RunConfig& config, const std::string& where, Problems& problems) {
  if (!config.average.enabled()) return;
  const std::string got = format("%g", config.average.decay);
  if (config.compat.enabled()) {
    problems.add(where + ":average.decay", got + " in a replay", "0", "MiniMind's trainers average nothing");
  }
  if (config.distributed.expert_parallel > 1) {
    problems.add(where + ":average.decay",
                 format("%s with distributed.expert_parallel %lld", got.c_str(),
                        static_cast<long long>(config.distributed.expert_parallel)),
                 "0", "no process has all weights; with distributed.expert_parallel 1 every one has them");
  }
}

void check_optimizer_state(const RunConfig& config, const std::string& where, Problems& problems) {
  if (!config.init.optimizer || config.optim.type == "adamw") return;
  problems.add(where + ":init.optimizer", "true with optim.type " + config.optim.type, "optim.type adamw",
               "a _resume.pth holds AdamW's moments; without them weights are taken alone");
}

/// MiniMind-3's router as shipped: worth a word wherever it is used.
void note_dead_router(const RunConfig& config, std::vector<std::string>& notes) {
  const MoeConfig& moe = config.model.moe;
  if (config.model.is_moe() && moe.num_experts_per_tok == 1 && moe.num_experts > 1 && moe.norm_topk_prob &&
      moe.norm_top1_prob) {
    notes.push_back(
        "model.norm_top1_prob: every routing weight is exactly 1, so the router learns nothing from the language-model "
        "loss (as MiniMind-3 was shipped; set it to false to train the router)");
  }
}

/// A replay repeats the trainer alone; which forward pass its generation had is for the model section to say.
void note_other_top1(const RunConfig& config, std::vector<std::string>& notes) {
  const std::string& trainer = config.compat.trainer;
  const MoeConfig& moe = config.model.moe;
  const bool differs = (trainer == "g4" && keeps_raw_top1(config.model)) ||
                       (trainer == "g4c" && moe.num_experts_per_tok == 1 && moe.normalises_weights());
  if (!config.model.is_moe() || !differs) return;
  notes.push_back("model.norm_top1_prob is " + std::string(moe.norm_top1_prob ? "true" : "false") + ", MiniMind's " +
                  trainer + " model has " + (trainer == "g4" ? "true" : "false"));
}

/// What the sources say; a file that says everything is a config that a run resolved, and tells of nobody's wishes.
void add_said(const std::vector<ConfigSource>& sources, const VisitFields& visit, std::set<std::string>& said) {
  RunConfig defaults;
  const size_t all = diff_config("{}", run_config_text(defaults)).size();
  for (const ConfigSource& source : sources) {
    const std::vector<std::string> keys = said_keys(source, visit);
    constexpr size_t kNewerSettings = 20;  // that a config of an older program does not have
    if (source.is_override || keys.size() + kNewerSettings < all) said.insert(keys.begin(), keys.end());
  }
}

/// Those of the model section.
std::vector<std::string> model_settings(std::vector<std::string> overrides) {
  std::erase_if(overrides, [](const std::string& setting) { return !setting.starts_with("model."); });
  return overrides;
}

/// The model that a config file alone, without the command line, makes of the weights.
ModelConfig model_of_config(const std::string& path, const FileModel& weights) {
  Problems problems;
  std::vector<std::string> ignored_notes;
  RunConfig config = read_run_config(path, {}, weights.model, TensorsTell::kYes, problems, ignored_notes).config;
  complete_from_file(weights, config.model);
  resolve_model(config.model, path, problems);
  return config.model;
}

}  // namespace

void RunConfig::visit(Fields& fields) {
  fields.section("run", run, "the run and where it happens");
  fields.section("data", data, "text to train and validate on");
  fields.section("tokenizer", tokenizer, "text to tokens");
  fields.section("model", model, "the transformer, in the words of Hugging Face's and MiniMind's config.json");
  fields.section("train", train, "how much, in which portions");
  fields.section("optim", optim, "from gradients to new weights");
  fields.section("schedule", schedule, "the learning rate over the steps");
  fields.section("evaluation", evaluation, "validation loss while training");
  fields.section("sample", sample, "text samples while training");
  fields.section("metrics", metrics, "what is shown");
  fields.section("alarms", alarms, "when a router, an expert or the loss is worth a warning");
  fields.section("revival", revival, "what is done for experts without tokens");
  fields.section("spikes", spikes, "what is done about a step far outside those before it");
  fields.section("average", average, "an average of the weights over the last part of the run");
  fields.section("checkpoint", checkpoint, "what is kept");
  fields.section("distributed", distributed, "several processes that train one run");
  fields.section("init", init, "first weights");
  fields.section("compat", compat, "replaying MiniMind's own trainer");
}

std::string default_run_name(const std::string& config_path) {
  return config_path.empty() ? "run" : std::filesystem::path(config_path).stem().string();
}

ReadConfig read_run_config(const std::string& path, const std::vector<std::string>& overrides, const ModelConfig& base,
                           TensorsTell tensors, Problems& problems, std::vector<std::string>& notes) {
  ReadConfig read;
  read.config.model = base;
  const VisitFields visit = [&](Fields& fields) { read.config.visit(fields); };
  read_config(path, overrides, visit, problems, [&](std::vector<ConfigSource>& sources) {
    const std::vector<ConfigSource> implied = put_in_our_terms(sources, tensors, problems, notes);
    put_words_in_our_terms(sources, setting_names(visit), problems);
    choose_length(sources, problems);
    add_said(sources, visit, read.said);
    sources.insert(sources.begin(), implied.begin(), implied.end());
  });
  return read;
}

RunConfig run_config_of_text(const std::string& text, const std::string& where) {
  RunConfig config;
  Problems problems;
  read_config_text(
      text, where, [&](Fields& fields) { config.visit(fields); }, problems);
  problems.throw_if_any();
  return config;
}

std::string describe_run_config() {
  RunConfig defaults;
  return describe_config([&](Fields& fields) { defaults.visit(fields); }) + "\n" + describe_foreign_words();
}

RunConfig load_run_config(const std::string& path, const std::vector<std::string>& overrides,
                          std::vector<std::string>& notes, const ModelConfig* base, const FileModel* weights) {
  Problems problems;
  const TensorsTell tensors = base != nullptr ? TensorsTell::kYes : TensorsTell::kNo;
  ReadConfig read = read_run_config(path, overrides, base != nullptr ? *base : ModelConfig(), tensors, problems, notes);
  RunConfig& config = read.config;
  const std::string where = path.empty() ? "--set" : path;
  if (config.run.name.empty()) config.run.name = default_run_name(path);
  if (weights != nullptr) complete_from_file(*weights, config.model);
  resolve_model(config.model, where, problems);
  check_name(config, where, problems);
  check_device(config, where, problems);
  check_vocabulary(config, where, problems);
  check_coverage(config, where, problems);
  check_pth(config, where, problems);
  check_revival(config, where, problems);
  check_spikes(config, where, problems);
  check_average(config, where, problems);
  check_optimizer_state(config, where, problems);
  resolve_length(config, where, problems);
  resolve_compat(config.compat, config.optim, config.data, where, problems, notes);
  for (std::string& line : without_effect(config, read.said)) notes.push_back(std::move(line));
  if (std::string line = explain_long_warmup(config); !line.empty()) notes.push_back(std::move(line));
  note_other_top1(config, notes);
  note_dead_router(config, notes);
  problems.throw_if_any();
  if (weights != nullptr) {
    const std::string line = top1_assumption(*weights, config.model, overrides, "init.generation");
    if (!line.empty()) notes.push_back(line);
  }
  if (weights != nullptr) {
    check_against_file(*weights, path, model_of_config(path, *weights), model_settings(overrides), config.model);
  }
  return config;
}

std::string run_config_text(RunConfig config) {
  if (config.train.epochs || config.train.tokens) config.train.steps.reset();
  return write_config([&](Fields& fields) { config.visit(fields); });
}

}  // namespace mm
