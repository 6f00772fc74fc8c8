// Four runs of MiniMind's own trainers, replayed micro-step by micro-step, in fp32 on the CPU: rows, learning rates,
// losses, gradient norms, final weights; and two of its training states, continued.
// The tolerances are those of the curves: another order of summation moves losses of the dense models by up to 3e-7; in
// a mixture one token of the 512 may meet a routing tie and go another way, which moves single micro-steps.
#include <gtest/gtest.h>

#include <ATen/ops/norm.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/windows/padded_dataset.h"
#include "data/windows/targets.h"
#include "interchange/tensors/key_names.h"
#include "interchange/weights.h"
#include "metrics/micro_step_sink.h"
#include "tests/support/sha256.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/data/data_files.h"
#include "train/replay/replay_steps.h"
#include "train/trainer.h"

namespace mm {
namespace {

using nlohmann::json;

constexpr double kLearningRateTolerance = 1e-12;
constexpr double kDenseLossTolerance = 1e-5;
constexpr double kMoeLossTolerance = 2e-4, kMoeMedianLossTolerance = 1e-5;
constexpr double kGradientNormTolerance = 1e-4;
constexpr double kFinalNormTolerance = 1e-5;

std::string golden(const std::string& name) {
  return MM_GOLDEN_DATA "/" + name;
}

json read_json(const std::string& path) {
  return json::parse(std::ifstream(path));
}

std::vector<json> read_lines(const std::string& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

double relative_error(double got, double want) {
  return got == want ? 0 : std::abs(got - want) / std::abs(want);
}

/// The golden config in our names.
std::vector<std::string> model_settings(const json& config) {
  std::vector<std::string> settings;
  for (const auto& [key, value] : config.items()) {
    if (key == "rope_layout") {
      settings.push_back("model.rope_layout=" + std::string(value == "half" ? "half_split" : "interleaved"));
    } else if (key == "aux_kind") {
      settings.push_back("model.aux_loss=" + std::string(value == "per_sequence" ? "sequence" : "token_sum"));
    } else if (key == "aux_coefficient") {
      settings.push_back("model.router_aux_loss_coef=" + value.dump());
    } else if (key != "aux_in_loss") {
      settings.push_back("model." + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
  if (config.value("num_experts_per_tok", 0) == 1) settings.push_back("model.norm_top1_prob=true");
  return settings;
}

RunConfig config_of(const json& curve, const std::string& trainer, const std::string& folder) {
  const json& python = curve.at("trainer");
  std::vector<std::string> settings = {"run.device=cpu",
                                       "run.threads=1",
                                       "data.train=" + golden(curve.at("data").at("file")),
                                       "data.cache=" + folder,
                                       "data.sequence_length=" + python.at("max_seq_len").dump(),
                                       "train.micro_batch=" + python.at("batch_size").dump(),
                                       "train.accumulation=" + python.at("accumulation_steps").dump(),
                                       "optim.learning_rate=" + python.at("learning_rate").dump(),
                                       "optim.max_grad_norm=" + python.at("grad_clip").dump(),
                                       "optim.beta2=0.999",
                                       "optim.weight_decay=0.01",
                                       "optim.decay=all",
                                       "evaluation.every=0",
                                       "checkpoint.every=0",
                                       "compat.trainer=" + trainer,
                                       "compat.epochs=" + python.at("epochs").dump()};
  const std::vector<std::string> model = model_settings(curve.at("config"));
  settings.insert(settings.end(), model.begin(), model.end());
  std::vector<std::string> notes;
  return load_run_config("", settings, notes);
}

/// `want`: the L2 norm of every parameter, under the names of its generation.
void expect_norms(const TrainState& state, const json& want) {
  const auto named = state.parameters.named(state.parameters.master());
  EXPECT_EQ(named.size(), want.size());
  for (const auto& [key, value] : want.items()) {
    const std::string name = huggingface_name(key);
    const auto found = std::find_if(named.begin(), named.end(), [&](const auto& entry) { return entry.first == name; });
    ASSERT_NE(found, named.end()) << key;
    const double norm = found->second.to(at::kDouble).norm().item<double>();
    EXPECT_LT(relative_error(norm, value.at("l2")), kFinalNormTolerance) << key;
  }
}

/// Runs the replay in `folder`.
ExitCode train(const RunConfig& config, const std::string& folder, TrainState& state, Replay& replay) {
  const DeviceSetup setup = set_up_device(config.run, config.train.precision);
  // For samples and validation, of which there are none.
  const ByteTokenizer tokenizer;
  CheckpointStore store(folder + "/checkpoints", 1);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<MicroStepSink>(folder, 0));
  ReplaySteps steps(replay, state.loader, state.model);
  return Trainer({config, setup, tokenizer, /*validation=*/nullptr, steps, store, sinks}, state).run();
}

/// A run of Python, and ours over it.
class ReplayedCurve {
 public:
  ReplayedCurve(const std::string& name, const std::string& trainer)
      : curve_(read_json(golden("curves/" + name + ".json"))),
        want_(read_lines(golden("curves/" + name + ".jsonl"))),
        want_rows_(read_lines(golden("curves/" + name + "_rows.jsonl"))),
        config_(config_of(curve_, trainer, folder_.path())),
        setup_(set_up_device(config_.run, config_.train.precision)),
        tokenizer_(load_tokenizer(golden(curve_.at("data").at("tokenizer").get<std::string>() + "/tokenizer.json"))),
        data_(config_.data.train.at(0).path, config_.data.cache, *tokenizer_, config_.data.sequence_length,
              replay_rules(trainer).rows),
        state_(config_, setup_, whole_text(data_)),
        replay_(config_, data_.windows()) {
    const Weights weights = open_weights(golden("curves/" + name + "_init.pth"), nullptr, "init.from");
    copy_weights(weights, config_.model, state_.parameters);
  }

  void expect_the_same_rows() const {
    const int64_t length = config_.data.sequence_length;
    ASSERT_EQ(data_.windows(), static_cast<int64_t>(want_rows_.size()));
    std::vector<int64_t> ids(static_cast<size_t>(length)), tokens(ids), targets(ids);
    for (const json& want : want_rows_) {
      const auto row = want.at("row").get<int64_t>();
      data_.read_row(row, ids.data());
      EXPECT_EQ(std::ssize(ids) - std::count(ids.begin(), ids.end(), 0), want.at("real_tokens")) << "row " << row;
      EXPECT_EQ(data_.fill(row, tokens.data(), targets.data()), want.at("targets")) << "row " << row;
      const std::vector<int32_t> narrow(ids.begin(), ids.end());
      EXPECT_EQ(sha256_hex(std::as_bytes(std::span(narrow))), want.at("ids_sha256").get<std::string>())
          << "row " << row;
    }
  }

  void expect_the_same_plan() const {
    EXPECT_EQ(replay_.plan().updates(), curve_.at("updates"));
    EXPECT_EQ(replay_.plan().micro_batches_per_epoch(), curve_.at("trainer").at("iters_per_epoch"));
    EXPECT_EQ(std::ssize(replay_.plan().lost()), curve_.at("leftover_micro_batches_lost"));
  }

  void run() { EXPECT_EQ(train(config_, folder_.path(), state_, replay_), ExitCode::kFinished); }

  void expect_the_same_micro_steps() const {
    const std::vector<json> got = read_lines(folder_ / "micro_steps.jsonl");
    ASSERT_EQ(got.size(), want_.size());
    std::vector<double> loss_errors;
    for (size_t i = 0; i < want_.size(); ++i) {
      SCOPED_TRACE("micro-step " + std::to_string(i + 1));
      for (const char* key : {"micro_step", "epoch", "step", "rows"}) EXPECT_EQ(got[i].at(key), want_[i].at(key));
      EXPECT_LT(error(got[i], want_[i], "lr"), kLearningRateTolerance);
      for (const char* key : {"loss", "ce", "aux"}) {
        EXPECT_LT(error(got[i], want_[i], key), config_.model.is_moe() ? kMoeLossTolerance : kDenseLossTolerance);
        loss_errors.push_back(error(got[i], want_[i], key));
      }
      expect_the_same_update(got[i].at("update"), want_[i].at("update"));
    }
    std::nth_element(loss_errors.begin(), loss_errors.begin() + std::ssize(loss_errors) / 2, loss_errors.end());
    EXPECT_LT(loss_errors[loss_errors.size() / 2], kMoeMedianLossTolerance);
  }

  void expect_the_same_weights() const { expect_norms(state_, curve_.at("final").at("parameters")); }

 private:
  static double error(const json& got, const json& want, const char* key) {
    return relative_error(got.at(key).get<double>(), want.at(key).get<double>());
  }

  static void expect_the_same_update(const json& got, const json& want) {
    ASSERT_EQ(got.is_null(), want.is_null());
    if (want.is_null()) return;
    EXPECT_EQ(got.at("number"), want.at("number"));
    EXPECT_EQ(got.at("micro_batches"), want.at("micro_batches"));
    EXPECT_LT(error(got, want, "lr"), kLearningRateTolerance);
    EXPECT_LT(error(got, want, "grad_norm"), kGradientNormTolerance);
  }

  TempFolder folder_;
  json curve_;
  std::vector<json> want_, want_rows_;
  RunConfig config_;
  DeviceSetup setup_;
  std::unique_ptr<Tokenizer> tokenizer_;
  PaddedDataset data_;
  TrainState state_;
  Replay replay_;
};

void expect_to_follow(const std::string& name, const std::string& trainer) {
  ReplayedCurve curve(name, trainer);
  curve.expect_the_same_rows();
  curve.expect_the_same_plan();
  curve.run();
  curve.expect_the_same_micro_steps();
  curve.expect_the_same_weights();
}

TEST(Replay, FollowsMiniMind2Dense) {
  expect_to_follow("g2_dense", "g2");
}

TEST(Replay, FollowsTheMixtureOfWinter2026) {
  expect_to_follow("g3c_moe", "g3c");
}

TEST(Replay, FollowsMiniMind3Dense) {
  expect_to_follow("g4b_dense", "g4");
}

TEST(Replay, FollowsMiniMind3Mixture) {
  expect_to_follow("g4b_moe", "g4");
}

/// Ready rows of ids, padded with 0.
class FixedRows : public WindowSource {
 public:
  FixedRows(int64_t rows, int64_t row_length, bool feed_last_column)
      : rows_(static_cast<size_t>(rows)), length_(feed_last_column ? row_length : row_length - 1) {}

  void set(int64_t row, std::vector<int64_t> ids) { rows_.at(static_cast<size_t>(row)) = std::move(ids); }

  int64_t windows() const override { return std::ssize(rows_); }
  int64_t sequence_length() const override { return length_; }
  int64_t documents() const override { return windows(); }
  int64_t tokens() const override { return windows() * length_; }
  uint64_t fingerprint() const override { return 0; }
  int64_t fill(int64_t row, int64_t* tokens, int64_t* targets) const override {
    const std::vector<int64_t>& ids = rows_.at(static_cast<size_t>(row));
    std::copy(ids.begin(), ids.begin() + length_, tokens);
    std::fill(targets, targets + length_, kIgnoredTarget);
    std::replace_copy(ids.begin() + 1, ids.end(), targets, int64_t{0}, kIgnoredTarget);
    return std::count_if(targets, targets + length_, [](int64_t target) { return target != kIgnoredTarget; });
  }

 private:
  std::vector<std::vector<int64_t>> rows_;
  int64_t length_;
};

/// The six micro-steps that Python did from a `_resume.pth`, done by us from that file.
void expect_to_continue(const std::string& name, const std::string& trainer) {
  const TempFolder folder;
  const json resume = read_json(golden("numbers/" + name + ".json"));
  const std::vector<json> want = resume.at("resumed").at("micro_steps");
  const json& python = resume.at("trainer");
  const auto batch_size = std::ssize(want[0].at("ids")), row_length = std::ssize(want[0].at("ids")[0]);

  json curve = {{"config", resume.at("config")}, {"trainer", python}, {"data", {{"file", "none.jsonl"}}}};
  curve["trainer"]["max_seq_len"] = row_length;
  curve["trainer"]["batch_size"] = batch_size;
  RunConfig config = config_of(curve, trainer, folder.path());
  config.init.optimizer = true;
  config.train.stop_after = 3;
  config.metrics.router_every = 0;  // of the data there are only the rows that Python trained on
  const DeviceSetup setup = set_up_device(config.run, config.train.precision);
  FixedRows data(python.at("iters_per_epoch").get<int64_t>() * batch_size, row_length,
                 replay_rules(trainer).rows.feed_last_column);
  TrainState state(config, setup, whole_text(data));
  state.start_from(open_weights(golden(resume.at("file")), nullptr, "init.from"), config);

  Replay replay(config, data.windows(), *state.replay_start);
  for (size_t i = 0; i < want.size(); ++i) {
    const std::vector<int64_t> rows = replay.rows_of(replay.plan().of_update(static_cast<int64_t>(i / 2))[i % 2]);
    for (size_t row = 0; row < rows.size(); ++row) data.set(rows[row], want[i].at("ids")[row]);
  }
  EXPECT_EQ(train(config, folder.path(), state, replay), ExitCode::kStopped);

  const std::vector<json> got = read_lines(folder / "micro_steps.jsonl");
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    SCOPED_TRACE(name + ", step " + want[i].at("step").dump());
    EXPECT_EQ(got[i].at("step"), want[i].at("step"));
    EXPECT_LT(relative_error(got[i].at("lr"), want[i].at("lr")), kLearningRateTolerance);
    EXPECT_LT(relative_error(got[i].at("loss"), want[i].at("loss")), kDenseLossTolerance);
    EXPECT_LT(relative_error(got[i].at("ce"), want[i].at("cross_entropy")), kDenseLossTolerance);
    EXPECT_LT(relative_error(got[i].at("aux"), want[i].at("aux")), kDenseLossTolerance);
    ASSERT_EQ(!got[i].at("update").is_null(), want[i].at("update"));
    if (!want[i].at("update")) continue;
    EXPECT_LT(relative_error(got[i].at("update").at("grad_norm"), want[i].at("grad_norm")), kGradientNormTolerance);
  }
  expect_norms(state, resume.at("resumed").at("parameters_after"));
}

TEST(Replay, ContinuesATrainingStateOfMiniMind3) {
  expect_to_continue("g4b_dense_resume", "g4");
}

TEST(Replay, ContinuesATrainingStateOfAutumn2025) {
  expect_to_continue("g3b_moe_resume", "g3b");
}

}  // namespace
}  // namespace mm
