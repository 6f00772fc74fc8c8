// One run as one value: every section of the config file, resolved and checked together. No torch.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint_config.h"
#include "core/config.h"
#include "data/data_config.h"
#include "metrics/metrics_config.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "tokenizer/tokenizer_config.h"
#include "train/train_config.h"

namespace mm {

struct RunConfig {
  RunSection run;
  DataConfig data;
  TokenizerConfig tokenizer;
  ModelConfig model;
  TrainConfig train;
  OptimConfig optim;
  ScheduleConfig schedule;
  EvaluationConfig evaluation;
  SampleConfig sample;
  MetricsConfig metrics;
  CheckpointConfig checkpoint;
  InitConfig init;

  /// `output/<run.name>`
  std::string folder() const { return "output/" + run.name; }
  int64_t sequences_per_step() const { return train.micro_batch * train.accumulation; }
  int64_t tokens_per_step() const { return sequences_per_step() * data.sequence_length; }

  void visit(Fields& fields);
};

/// Reads, resolves and checks a config: all problems of it in one Error(kConfig).
///   notes  gets what is worth a warning
RunConfig load_run_config(const std::string& path, const std::vector<std::string>& overrides,
                          std::vector<std::string>& notes);

/// The resolved config as JSON, every key.
std::string run_config_text(RunConfig config);

}  // namespace mm
