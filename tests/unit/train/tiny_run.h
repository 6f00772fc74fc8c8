// A model, a text and a run that are small enough for a test, put together as train_run() does it.
#pragma once

#include <ATen/ops/zeros.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/store/checkpoint_store.h"
#include "core/text.h"
#include "data/datasets.h"
#include "model/parameters/init.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/data/data_files.h"
#include "train/trainer.h"

namespace mm {

/// Sentences that differ from each other and repeat words: something to learn.
inline std::vector<std::string> sentences(int count) {
  const std::vector<std::string> words = {"river", "stone", "amber", "cloud", "seven", "light", "under", "song"};
  std::vector<std::string> texts;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    std::vector<std::string> sentence;
    for (size_t j = 0; j < 4 + i % 3; ++j) sentence.push_back(words[(i * 5 + j * j + 3 * j) % words.size()]);
    texts.push_back(join(sentence, " "));
  }
  return texts;
}

/// The settings of a dense model of some 30,000 parameters, with a token for each byte; `changes` come last.
inline RunConfig tiny_config(const std::vector<std::string>& changes = {}) {
  std::vector<std::string> settings = {"run.device=cpu",
                                       "run.threads=1",
                                       "data.sequence_length=32",
                                       "data.validation_fraction=0.2",
                                       "model.vocab_size=259",
                                       "model.hidden_size=32",
                                       "model.num_hidden_layers=2",
                                       "model.num_attention_heads=4",
                                       "model.num_key_value_heads=2",
                                       "model.intermediate_size=64",
                                       "train.steps=6",
                                       "train.micro_batch=4",
                                       "optim.learning_rate=0.01",
                                       "evaluation.every=0",
                                       "checkpoint.every=0"};
  settings.insert(settings.end(), changes.begin(), changes.end());
  std::vector<std::string> notes;
  return load_run_config("", settings, notes);
}

/// What makes it a mixture of experts.
inline std::vector<std::string> moe_settings(std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"model.model_type=moe", "model.num_experts=4", "model.num_experts_per_tok=2",
                             "model.n_shared_experts=1", "model.moe_intermediate_size=32"});
  return more;
}

/// Keeps every record.
struct RecordingSink : MetricSink {
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;
  std::vector<SampleRecord> samples;
  std::vector<RouterRecord> routers;
  std::vector<EventRecord> events;
  std::vector<SaveRecord> saves;

  void write(const StepRecord& record) override { steps.push_back(record); }
  void write(const EvaluationRecord& record) override { evaluations.push_back(record); }
  void write(const SampleRecord& record) override { samples.push_back(record); }
  void write_router(const RouterRecord& record) override { routers.push_back(record); }
  void write_save(const SaveRecord& record) override { saves.push_back(record); }
  void write_events(std::span<const EventRecord> some) override {
    events.insert(events.end(), some.begin(), some.end());
  }

  /// The names of the alarms that were raised, each once.
  std::set<std::string> alarms() const {
    std::set<std::string> names;
    for (const EventRecord& event : events) {
      if (event.type == "alarm") names.insert(event.name);
    }
    return names;
  }
};

inline Datasets open_texts(DataConfig config, const std::string& folder, const std::vector<std::string>& texts) {
  config.train = {{write_texts(folder, "text.jsonl", texts), ""}};
  return open_datasets(config, ByteTokenizer());
}

/// A run in `folder`: fresh weights, or those of its newest checkpoint.
class TinyRun {
 public:
  TinyRun(const std::string& folder, const RunConfig& run_config, const std::vector<std::string>& texts = sentences(60))
      : config(run_config),
        setup(set_up_device(config.run, config.train.precision)),
        data(open_texts(config.data, folder, texts)),
        store(folder + "/checkpoints", config.checkpoint.keep),
        state(config, setup, whole_text(*data.train)) {
    if (const auto loaded = store.load_newest()) {
      state.restore(*loaded);
    } else {
      initialize(state.parameters, config.model, static_cast<uint64_t>(config.run.seed));
    }
    auto sink = std::make_unique<RecordingSink>();
    records = sink.get();
    sinks_.push_back(std::move(sink));
  }

  ExitCode train() {
    ScheduledSteps steps(config, state.loader);
    return Trainer({config, setup, tokenizer, data.validation.get(), steps, store, sinks_}, state).run();
  }

  RunConfig config;
  DeviceSetup setup;
  ByteTokenizer tokenizer;
  Datasets data;
  CheckpointStore store;
  TrainState state;
  RecordingSink* records = nullptr;

 private:
  std::vector<std::unique_ptr<MetricSink>> sinks_;
};

/// The bytes of a tensor, so that a NaN equals itself.
inline std::string bytes_of(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.detach().contiguous();
  return {static_cast<const char*>(whole.const_data_ptr()), whole.nbytes()};
}

/// A part of an optimizer's state that is there once: a moment of AdamW's, its count of updates.
inline at::Tensor state_of(const TrainState& state, const std::string& name) {
  for (const OptimizerState& part : state.optimizer->state()) {
    if (part.name == name) return part.values;
  }
  return {};
}

/// Everything that a step may change, as bytes: first what a step that is not finite leaves as it is, then
/// kCountedAnyway more.
inline std::vector<std::string> bytes_of(const TrainState& state) {
  const RouterState& router = state.parameters.router_state();
  std::vector<std::string> bytes = {bytes_of(router.bias_le.defined() ? router.bias_le : at::zeros({0})),
                                    bytes_of(router.load_le.defined() ? router.load_le : at::zeros({0})),
                                    bytes_of(state.parameters.master())};
  for (const OptimizerState& part : state.optimizer->state()) bytes.push_back(bytes_of(part.values));
  bytes.insert(bytes.end(), {bytes_of(state.scaler.scale()), bytes_of(state.scaler.finite_steps()),
                             bytes_of(state.probe_experts_lns.defined() ? state.probe_experts_lns : at::zeros({0})),
                             state.alarms.state(), std::to_string(state.step), std::to_string(state.tokens_total),
                             std::to_string(state.loader.position()), format("%a", state.best_loss),
                             format("%a", state.best_saved_loss)});
  return bytes;
}
constexpr int64_t kCountedAnyway = 7;

}  // namespace mm
