// What the files of a run tell of it, in a size that does not grow with the run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metrics/domains/domain_report.h"
#include "metrics/record.h"
#include "view/history/alarm_history.h"
#include "view/history/load_history.h"
#include "view/history/log_history.h"
#include "view/series.h"

namespace mm {

/// How much is kept of one run.
struct HistoryLimits {
  int64_t buckets = 500;        ///< of each curve
  int64_t load_cells = 240000;  ///< of the heat maps
  size_t text_bytes = 100000;   ///< of all samples, and of the config
  size_t domain_items = 2400;   ///< names, cells and tokens of domains.json
};

/// Something that happened at a step, in words.
struct HistoryEvent {
  int64_t step = 0;
  std::string text;
};

struct RunHistory {
  RunHistory(std::string run_folder, const HistoryLimits& limits);

  /// A number of config.json, `alarms.patience`; `otherwise` where it has none there.
  double setting(const std::string& key, double otherwise) const;

  /// `step.grad_norm`: of one of these curves, the type and the key of its numbers in metrics.jsonl or timing.jsonl.
  /// Empty where they stand in no file as they are drawn.
  std::string field_of_curve(const Series& curve) const;

  /// Keeps some of all that are added, evenly over the run and the last of them.
  void add_domains(DomainsRecord record);

  std::string folder;
  LogHistory log;
  std::string config;                           ///< config.json as it stands there
  std::map<std::string, std::string> settings;  ///< its values as JSON, by name: `optim.learning_rate`

  std::map<std::string, std::string> data;  ///< the values of data.json, by name: `read.documents`

  Series loss, aux_loss, z_loss, grad_norm, learning_rate, validation;
  Series tokens_per_second, mfu, memory_gib;
  Series dropped;                            ///< share of the pairs, where there is a capacity
  Series tokens_at, seconds_at;              ///< since the start of the run, behind each step
  Series token_entropy, churn;               ///< mean over layers
  Series gate_gradient, gate_gradient_most;  ///< relative, from the language-model loss: the least layer, the most
  LoadHistory load;
  AlarmHistory alarms;  ///< records of type `alarm`, and those that end one

  int64_t steps = 0;  ///< the last one
  int64_t tokens = 0;
  std::string verdict;  ///< on the routers, of the last step: what the terminal said of it
  int64_t skipped_steps = 0;
  int64_t missing_steps = 0, repeated_steps = 0;  ///< without a record, and with more than one
  double aux_loss_floor = 0;                      ///< 0: unknown
  double seconds = 0;                             ///< of all steps
  std::optional<EvaluationRecord> best;
  std::vector<SampleRecord> samples;
  std::vector<HistoryEvent> events;  ///< records of type `event`, the first 500
  int64_t more_events = 0;           ///< beyond them
  int64_t unreadable_lines = 0;      ///< a torn last one is not counted

  std::vector<DomainsRecord> domains_over_time;  ///< of one shape, at most 24

  std::optional<DomainReport> domains;  ///< domains.json; layers beyond the limit have their numbers alone
  std::string domains_problem;          ///< why it is not there although the file is
};

/// Reads metrics.jsonl, timing.jsonl, config.json, data.json, train.log and domains.json of `folder`; what is missing
/// there is missing in the result, and lines that are no record are counted and left out. The run may be writing them.
/// Throws Error(kData) when there is no such folder, or a file of it cannot be read.
RunHistory read_run_history(const std::string& folder, const HistoryLimits& limits = {});

/// Adds the curves of `other` to those of `run`, so that their means are means over both, and their bands hold both.
/// Everything else stays that of `run`.
void join_curves(RunHistory& run, const RunHistory& other);

}  // namespace mm
