// What a collapsed router costs on real text, and what revival gives back: `revival_bench [steps [seed...]]` in the
// folder of the repository, with the corpus of the quickstart. For each seed a small mixture of experts is trained for
// a quarter of its steps; then the router biases of both layers send every token to two of eight experts, and the run
// goes on without revival and with it, as it does without the fall. Prints the loss of the last 20 steps of each.
#include <ATen/core/grad_mode.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/text.h"
#include "data/datasets.h"
#include "data/open_tokenizer.h"
#include "engine/device/device.h"
#include "model/parameters/init.h"
#include "train/trainer.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLastSteps = 20;

/// Keeps what is asked of a run afterwards.
struct Summary : MetricSink {
  std::vector<double> losses;
  int64_t revivals = 0;

  void write(const StepRecord& record) override { losses.push_back(record.loss); }
  void write(const EvaluationRecord& /*record*/) override {}
  void write(const SampleRecord& /*record*/) override {}
  void write_events(std::span<const EventRecord> events) override {
    revivals += std::count_if(events.begin(), events.end(), [](const auto& event) { return event.name == "revival"; });
  }
  double last_loss() const {
    const size_t count = std::min(kLastSteps, losses.size());
    return std::accumulate(losses.end() - static_cast<std::ptrdiff_t>(count), losses.end(), 0.0) /
           static_cast<double>(count);
  }
};

/// The first documents of three domains, some 240 kB: few enough to be seen often, so that the experts matter.
void write_texts(const fs::path& path) {
  std::ofstream out(path);
  const std::map<std::string, int> documents = {{"literature_zh", 40}, {"bible_en", 12}, {"python", 12}};
  for (const auto& [domain, count] : documents) {
    std::ifstream in("data/corpus/" + domain + ".jsonl");
    std::string line;
    for (int i = 0; i < count && std::getline(in, line); ++i) out << line << '\n';
  }
}

RunConfig run_config(const fs::path& folder, int64_t steps, int64_t seed, const std::string& method) {
  std::vector<std::string> notes;
  RunConfig config = load_run_config("configs/moe_192.json",
                                     {"run.seed=" + std::to_string(seed),
                                      "train.steps=" + std::to_string(steps),
                                      "train.micro_batch=32",
                                      "data.sequence_length=64",
                                      "data.validation_fraction=0",
                                      "model.hidden_size=64",
                                      "model.num_hidden_layers=2",
                                      "model.num_attention_heads=4",
                                      "model.num_key_value_heads=2",
                                      "model.n_shared_experts=0",
                                      "model.moe_intermediate_size=32",
                                      "model.balance=bias",
                                      "model.router_aux_loss_coef=0",
                                      "model.router_z_loss_coef=0",
                                      "optim.learning_rate=0.005",
                                      "schedule.min_ratio=0.02",
                                      "evaluation.every=0",
                                      "sample.every=0",
                                      "checkpoint.every=0",
                                      "metrics.router_every=0",
                                      "alarms.patience=10",
                                      "revival.method=" + method,
                                      "revival.boost=2"},
                                     notes);
  config.data.train = {{(folder / "text.jsonl").string(), ""}};
  return config;
}

/// The bias of two experts outweighs every score, so that all tokens go to them. The gates stay as they are: one of
/// huge weights would also spoil the rest of the model, by what it sends back, and no revival mends that.
void collapse(TrainState& state) {
  const at::NoGradGuard no_gradients;
  state.parameters.router_state().bias_le.slice(1, 3, 5).add_(2);
}

struct Outcome {
  double loss = 0;
  int64_t revivals = 0;
};

Outcome train(const fs::path& folder, int64_t steps, int64_t seed, const std::string& method, bool falls) {
  RunConfig config = run_config(folder, steps, seed, method);
  const DeviceSetup setup = set_up_device(config);
  const auto tokenizer = open_tokenizer(config.tokenizer, config.data, config.model.vocab_size);
  const Datasets data = open_datasets(config.data, *tokenizer);
  TrainState state(config, setup, whole_text(*data.train));
  initialize(state.parameters, config.model, static_cast<uint64_t>(seed));
  const fs::path checkpoints = folder / "checkpoints";
  fs::remove_all(checkpoints);
  CheckpointStore store(checkpoints.string(), 1);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<Summary>());
  const auto& summary = static_cast<const Summary&>(*sinks.front());

  ScheduledSteps source(config, state.loader);
  Trainer trainer({config, setup, *tokenizer, data.validation.get(), source, store, sinks}, state);
  config.train.stop_after = steps / 4;
  trainer.run();
  if (falls) collapse(state);
  config.train.stop_after = 0;
  trainer.run();
  return {summary.last_loss(), summary.revivals};
}

void run(const std::vector<std::string>& arguments) {
  const int64_t steps = arguments.empty() ? 800 : std::stoll(arguments.front());
  std::vector<int64_t> seeds;
  for (size_t i = 1; i < arguments.size(); ++i) seeds.push_back(std::stoll(arguments[i]));
  if (seeds.empty()) seeds = {1};

  std::string pattern = (fs::temp_directory_path() / "revival_bench.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for temporary files");
  const fs::path folder = pattern;
  write_texts(folder / "text.jsonl");
  std::printf("loss of the last %zu of %lld steps; behind the fall at step %lld: less the first column (revivals)\n",
              kLastSteps, static_cast<long long>(steps), static_cast<long long>(steps / 4));
  std::printf("%4s %14s %18s %18s\n", "seed", "never fallen", "no revival", "bias");
  for (const int64_t seed : seeds) {
    const double well = train(folder, steps, seed, "none", /*falls=*/false).loss;
    std::printf("%4lld %14.4f", static_cast<long long>(seed), well);
    for (const char* method : {"none", "bias"}) {
      const Outcome outcome = train(folder, steps, seed, method, /*falls=*/true);
      std::printf(" %+13.4f (%2lld)", outcome.loss - well, static_cast<long long>(outcome.revivals));
      std::fflush(stdout);
    }
    std::printf("\n");
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace mm

int main(int argc, char** argv) {
  try {
    mm::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
