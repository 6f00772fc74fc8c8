// One run as one value: every section of the config file, resolved and checked together. No torch.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint_config.h"
#include "core/config/config.h"
#include "data/data_config.h"
#include "interchange/file_model.h"
#include "metrics/alarms/alarm_config.h"
#include "metrics/metrics_config.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "recipe/compat_config.h"
#include "recipe/revival_config.h"
#include "recipe/spike_config.h"
#include "recipe/train_config.h"
#include "tokenizer/tokenizer_config.h"

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
  AlarmConfig alarms;
  RevivalConfig revival;
  SpikeConfig spikes;
  CheckpointConfig checkpoint;
  InitConfig init;
  CompatConfig compat;

  /// `output/<run.name>`
  std::string folder() const { return "output/" + run.name; }
  int64_t sequences_per_step() const { return train.micro_batch * train.accumulation; }
  int64_t tokens_per_step() const { return sequences_per_step() * data.sequence_length; }

  void visit(Fields& fields);
};

/// Reads, resolves and checks a config: all problems of it in one Error(kConfig).
///   notes    gets what is worth a warning
///   base     what the model section leaves out
///   weights  the file that the run starts from, null for none: Error(kCheckpoint) tells where config and file
///            contradict each other
RunConfig load_run_config(const std::string& path, const std::vector<std::string>& overrides,
                          std::vector<std::string>& notes, const ModelConfig& base = {},
                          const FileModel* weights = nullptr);

/// The name of a run that names none: that of its config file.
std::string default_run_name(const std::string& config_path);

/// The resolved config as JSON, every key.
std::string run_config_text(RunConfig config);

}  // namespace mm
