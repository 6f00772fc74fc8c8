// One run as one value: every section of the config file, resolved and checked together. No torch.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "checkpoint/store/checkpoint_config.h"
#include "core/config/config.h"
#include "data/data_config.h"
#include "distributed/distributed_config.h"
#include "interchange/config/foreign_config.h"
#include "interchange/file_model.h"
#include "metrics/alarms/alarm_config.h"
#include "metrics/metrics_config.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "recipe/sections/average_config.h"
#include "recipe/sections/compat_config.h"
#include "recipe/sections/revival_config.h"
#include "recipe/sections/spike_config.h"
#include "recipe/sections/train_config.h"
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
  AverageConfig average;
  CheckpointConfig checkpoint;
  DistributedConfig distributed;
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
///   base     the model of the weights that the run starts or started from, which is what the model section leaves out;
///            null for a run from scratch
///   weights  the file that the run starts from, null for none: Error(kCheckpoint) tells where config and file
///            contradict each other
RunConfig load_run_config(const std::string& path, const std::vector<std::string>& overrides,
                          std::vector<std::string>& notes, const ModelConfig* base = nullptr,
                          const FileModel* weights = nullptr);

/// A config as it is read, without any check between settings.
struct ReadConfig {
  RunConfig config;
  std::set<std::string> said;  ///< the keys that somebody gave a value, dotted
};

///   tensors  whether the run starts from weights
ReadConfig read_run_config(const std::string& path, const std::vector<std::string>& overrides, const ModelConfig& base,
                           TensorsTell tensors, Problems& problems, std::vector<std::string>& notes);

/// A resolved config as run_config_text() wrote it. Throws Error(kConfig).
///   where  for messages
RunConfig run_config_of_text(const std::string& text, const std::string& where);

/// For `--describe`: every setting, and what other programs call it.
std::string describe_run_config();

/// The name of a run that names none: that of its config file.
std::string default_run_name(const std::string& config_path);

/// The resolved config as JSON, every key; of train.steps, train.epochs and train.tokens the one that was said.
std::string run_config_text(RunConfig config);

}  // namespace mm
