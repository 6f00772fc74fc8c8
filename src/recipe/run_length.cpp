// Steps are what everything counts in; the other two are turned into them as soon as that is possible.
#include "recipe/run_length.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/text.h"
#include "recipe/run_config.h"

namespace mm {
namespace {

constexpr std::array kLengths = {"steps", "epochs", "tokens"};
constexpr int64_t kDefaultSteps = 1000;

/// The lengths that a source gives.
std::vector<std::string> lengths_in(const ConfigSource& source) {
  std::vector<std::string> lengths;
  const JsonTree* train = find_member(source.tree, "train");
  for (const char* key : kLengths) {
    const JsonTree* value = train == nullptr ? nullptr : find_member(*train, key);
    if (value != nullptr && !value->is(JsonTree::Kind::kNull)) lengths.emplace_back(key);
  }
  return lengths;
}

void check_single(const std::string& where, const std::vector<std::string>& lengths, Problems& problems) {
  for (const std::string& other : lengths) {
    if (other == lengths.front()) continue;
    problems.add(where + ":train." + other, "it beside train." + lengths.front(), "one of them",
                 "each is the length of the whole run");
    return;
  }
}

/// Whole steps from a number that divisions have left off by a rounding.
int64_t rounded_up(double steps) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(steps - 1e-6)));
}

/// Sequences of the whole run.
double sequences_of(const RunConfig& config, int64_t step, int64_t position) {
  return static_cast<double>(position + (*config.train.steps - step) * config.sequences_per_step());
}

}  // namespace

void choose_length(std::vector<ConfigSource>& sources, Problems& problems) {
  std::vector<std::string> said;
  for (const ConfigSource& source : sources) {
    const std::vector<std::string> lengths = lengths_in(source);
    if (!source.is_override) check_single(source.name, lengths, problems);
    if (source.is_override) said.insert(said.end(), lengths.begin(), lengths.end());
  }
  check_single("--set", said, problems);
  if (said.empty()) return;
  for (ConfigSource& source : sources) {
    JsonTree* train = find_member(source.tree, "train");
    if (source.is_override || train == nullptr) continue;
    std::erase_if(train->members, [](const JsonTree::Member& member) {
      return std::find(kLengths.begin(), kLengths.end(), member.key) != kLengths.end();
    });
  }
}

void resolve_length(RunConfig& config, const std::string& where, Problems& problems) {
  TrainConfig& train = config.train;
  if (config.compat.enabled()) {
    if (train.tokens) {
      problems.add(where + ":train.tokens", with_commas(*train.tokens) + " in a replay", "train.epochs",
                   "MiniMind's trainers pass over all of the data, again and again");
    }
    if (train.epochs && *train.epochs != std::floor(*train.epochs)) {
      problems.add(where + ":train.epochs", format("%g in a replay", *train.epochs), "whole epochs",
                   "MiniMind's trainers pass over all of the data, again and again");
    } else if (train.epochs) {
      config.compat.epochs = std::max<int64_t>(1, static_cast<int64_t>(*train.epochs));
    }
    train.epochs.reset();
    train.tokens.reset();
  } else if (config.compat.epochs != CompatConfig().epochs) {
    problems.add(where + ":compat.epochs", with_commas(config.compat.epochs) + " without compat.trainer",
                 "train.epochs", "compat is for repeating MiniMind's own trainer");
  }
  if (train.tokens) {
    train.steps = rounded_up(static_cast<double>(*train.tokens) / static_cast<double>(config.tokens_per_step()));
  } else if (!train.epochs && !train.steps) {
    train.steps = kDefaultSteps;
  }
}

void resolve_epochs(RunConfig& config, int64_t windows, int64_t step, int64_t position) {
  if (!config.train.epochs) return;
  const double left = *config.train.epochs * static_cast<double>(windows) - static_cast<double>(position);
  const double steps = left / static_cast<double>(config.sequences_per_step());
  config.train.steps = step + (left <= 0 && step > 0 ? 0 : rounded_up(steps));
}

std::string explain_long_warmup(const RunConfig& config) {
  const int64_t warmup = config.schedule.warmup_steps;
  if (config.compat.enabled() || !config.train.steps || warmup <= *config.train.steps) return "";
  return format("schedule.warmup_steps is %s and the run has %s steps: its learning rate rises all the way",
                with_commas(warmup).c_str(), with_commas(*config.train.steps).c_str());
}

std::string describe_length(const RunConfig& config, int64_t windows, int64_t step, int64_t position) {
  const double sequences = sequences_of(config, step, position);
  return format("%s steps are %.2f epochs, %s tokens", with_commas(*config.train.steps).c_str(),
                sequences / static_cast<double>(windows),
                with_commas(static_cast<int64_t>(sequences) * config.data.sequence_length).c_str());
}

}  // namespace mm
