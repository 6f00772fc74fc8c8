// What one optimizer step, one evaluation and one sample have to say. Plain values: no tensor reaches this folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

/// Tokens that each expert of each layer got, summed over all micro-batches of one optimizer step, padding excluded.
/// A token counts once for each of its top-k experts.
struct ExpertLoad {
  int64_t layers = 0;           ///< MoE layers; 0 for a dense model
  int64_t experts = 0;          ///< routed experts per layer
  std::vector<int64_t> tokens;  ///< [layers * experts], row-major

  bool empty() const { return layers == 0; }
  int64_t at(int64_t layer, int64_t expert) const { return tokens[static_cast<size_t>(layer * experts + expert)]; }
};

/// One micro-batch of a replayed run, as MiniMind's trainer logs it. Losses are in nats, before any division.
struct MicroStepRecord {
  int64_t number = 0;        ///< 1-based, from the start of the first epoch
  int64_t epoch = 0;         ///< 0-based
  int64_t step = 0;          ///< in the epoch, as the trainer counts
  double cross_entropy = 0;  ///< mean over the targets of the micro-batch
  double aux_loss = 0;       ///< scaled load-balancing loss, summed over layers
  double learning_rate = 0;
  std::vector<int64_t> rows;  ///< of the data
};

/// One optimizer step. Losses are in nats, means over the tokens of the step.
struct StepRecord {
  int64_t step = 0;  ///< 1-based: the number of the update this record is of
  int64_t total_steps = 0;
  int64_t tokens = 0;        ///< trained tokens (targets) of this step
  int64_t tokens_total = 0;  ///< since the start of the run
  double loss = 0;           ///< language-model cross entropy alone
  double aux_loss = 0;       ///< scaled load-balancing loss, summed over layers
  double z_loss = 0;         ///< scaled router z-loss, summed over layers
  double grad_norm = 0;      ///< before clipping
  double learning_rate = 0;
  double loss_scale = 1;  ///< fp16 only
  bool skipped = false;   ///< not finite: nothing was changed
  double seconds = 0;     ///< wall time of this step
  double mfu = 0;         ///< model FLOP/s over the GEMM rate measured at the start of the run, 0 when unknown
  ExpertLoad load;
  int64_t dropped_tokens = 0;  ///< of `load`, over all layers: those beyond the capacity of their expert
  std::vector<MicroStepRecord> micro_steps;  ///< of a replay: those of this step, behind the last step those then lost
  int64_t micro_batches = 0;                 ///< of a replay: how many of `micro_steps` the step accumulated
};

struct EvaluationRecord {
  int64_t step = 0;
  int64_t tokens = 0;
  double loss = 0;  ///< nats per token
  double perplexity = 0;
  double bits_per_byte = 0;  ///< independent of the vocabulary
  bool best = false;         ///< lowest loss of the run so far
  double seconds = 0;
};

struct SampleRecord {
  int64_t step = 0;
  std::string prompt;
  std::string text;  ///< the continuation, without the prompt
};

/// Where records go. Sinks are called in the order of the run and never from two threads.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void write(const StepRecord& record) = 0;
  virtual void write(const EvaluationRecord& record) = 0;
  virtual void write(const SampleRecord& record) = 0;
};

}  // namespace mm
