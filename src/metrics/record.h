// What one optimizer step, one evaluation and one sample have to say. Plain values: no tensor reaches this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mm {

/// Tokens that each expert of each layer got, summed over all micro-batches of one optimizer step, padding excluded.
/// A token counts once for each of its top-k experts.
struct ExpertLoad {
  int64_t layers = 0;           ///< MoE layers; 0 for a dense model
  int64_t experts = 0;          ///< routed experts per layer
  std::vector<int64_t> tokens;  ///< [layers * experts], row-major
  int64_t first_layer = 0;      ///< the number of row 0 in the model, whose first layers may be dense

  bool empty() const { return layers == 0; }
  int64_t at(int64_t row, int64_t expert) const { return tokens[static_cast<size_t>(row * experts + expert)]; }
};

/// What a router has to say of one optimizer step besides the load, a number for each MoE layer, of which the load
/// names the first. Empty for a dense model.
struct RouterNumbers {
  std::vector<double> token_entropy;  ///< mean over the tokens of the entropy of their router probabilities, in nats
  std::vector<double> logit_size;     ///< mean over tokens and experts of |logit|
  std::vector<double> bias;           ///< [layers * experts] behind the step's update; empty without a router bias
};

/// Where a step that was not finite went wrong first.
struct NonFinite {
  int64_t layer = 0;              ///< in the model, from 0
  std::string part;               ///< whose output it was: `attention`, `router`, `expert`, `feed-forward`
  std::optional<int64_t> expert;  ///< which one
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
  int64_t tokens = 0;            ///< trained tokens (targets) of this step
  int64_t tokens_total = 0;      ///< since the start of the run
  double loss = 0;               ///< language-model cross entropy alone
  double aux_loss = 0;           ///< scaled load-balancing loss, summed over layers
  double aux_loss_unscaled = 0;  ///< the same before its coefficient, mean over layers; 0 without one
  double aux_loss_floor = 0;     ///< what aux_loss is when every load is even
  double z_loss = 0;             ///< scaled router z-loss, summed over layers
  double grad_norm = 0;          ///< before clipping
  double learning_rate = 0;
  double loss_scale = 1;     ///< fp16 only
  bool skipped = false;      ///< not finite, or a spike (`spikes`): nothing was changed
  double seconds = 0;        ///< wall time of this step
  double data_seconds = 0;   ///< of these, in which none of its text was ready
  double mfu = 0;            ///< model FLOP/s over the GEMM rate measured at the start of the run, 0 when unknown
  int64_t memory_bytes = 0;  ///< held as the step ended: of the device's allocator, on a CPU of the process; 0 unknown
  ExpertLoad load;
  RouterNumbers router;
  std::optional<NonFinite> non_finite;       ///< of a skipped step, where the forward pass shows it
  std::string verdict;                       ///< of the alarms that stand, in few words: `ok`; empty for a dense model
  std::vector<std::string> standing;         ///< these, worst first: `layer 3 expert 2 dead`; not in metrics.jsonl
  int64_t dropped_tokens = 0;                ///< of `load`, over all layers: those beyond the capacity of their expert
  std::vector<MicroStepRecord> micro_steps;  ///< of a replay: those of this step, behind the last step those then lost
  int64_t micro_batches = 0;                 ///< of a replay: how many of `micro_steps` the step accumulated
};

/// What costs more than a step may: measured every `metrics.router_every` steps, behind the update, on the same few
/// sequences of the training data every time. Vectors have a number for each MoE layer where nothing else is said.
struct RouterRecord {
  int64_t step = 0;
  int64_t tokens = 0;                          ///< of those sequences
  int64_t layers = 0, experts = 0;             ///< MoE layers, routed experts
  int64_t first_layer = 0;                     ///< the number of the first of these layers in the model
  std::vector<double> gate_gradient_lm;        ///< L2 norm of the gate's gradient from the language-model loss alone
  std::vector<double> gate_gradient_aux;       ///< and from the auxiliary losses, scaled as they are trained with
  std::vector<double> gate_gradient_relative;  ///< root mean square of the first over that of all parameters' gradient
  std::vector<double> churn;           ///< share of (token, slot) pairs whose expert is new; empty at the first measure
  std::vector<double> expert_cosine;   ///< mean over pairs of experts of the cosine between their weights
  std::vector<double> closest_cosine;  ///< the highest of them
  std::vector<int64_t> closest_experts;  ///< [layers * 2]: the two that it is of
  std::vector<double> output_rms;        ///< [layers * experts]: root mean square of what each gives; 0 without a token
  std::vector<double> update_ratio;      ///< [layers * experts]: L2 norm of the step's update of each over its weights'
};

/// Something that happened to the routers.
struct EventRecord {
  int64_t step = 0;
  std::string type;   ///< `alarm` when one is raised; `event` otherwise
  std::string name;   ///< of the alarm (`dead`) or of what was done (`revival`)
  std::string state;  ///< `raised`, `cleared` or `done`
  int64_t layer = 0;  ///< in the model, from 0; below 0: none
  std::optional<int64_t> expert = {};
  double value = 0;                     ///< that was judged
  double threshold = 0;                 ///< that it was judged by
  std::string text;                     ///< the sentence
  std::string cause = {}, remedy = {};  ///< of a raised alarm
  bool of_time = false;                 ///< about how long things take, which is no part of what the run computed
};

struct EvaluationRecord {
  int64_t step = 0;
  int64_t tokens = 0;
  double loss = 0;  ///< nats per token
  double perplexity = 0;
  double bits_per_byte = 0;  ///< independent of the vocabulary
  bool best = false;         ///< lowest loss of the run so far
  double seconds = 0;
  double average_loss = 0;  ///< nats per token, of the average of the weights; 0: there is none
};

/// Where one token went: of each MoE layer the experts that worked on it, that of the largest weight first.
struct TokenRoute {
  int64_t experts_per_layer = 0;  ///< routed ones, of which it went to `slots`
  int64_t slots = 0;
  std::vector<int32_t> experts = {};  ///< [layers * slots]
  std::vector<float> weights = {};    ///< [layers * slots]: of their outputs
  int64_t first_layer = 0;            ///< the number of the first of these layers in the model

  int64_t layers() const { return slots == 0 ? 0 : static_cast<int64_t>(experts.size()) / slots; }
  int64_t last_layer() const { return first_layer + layers() - 1; }
  /// By the layer's number in the model; -1 where it is dense or not known.
  int64_t main_expert(int64_t layer) const {
    const int64_t row = layer - first_layer;
    return row >= 0 && row < layers() ? experts[static_cast<size_t>(row * slots)] : -1;
  }
};

/// Who does what by now, on the text that an evaluation read: which experts the tokens of a domain go to, and which
/// tokens an expert is typical of. A window counts for the domain that it begins in.
struct DomainsRecord {
  int64_t step = 0;
  std::vector<std::string> domains;
  std::vector<double> losses;                     ///< nats per token of each; not finite where it has no token
  std::vector<int64_t> tokens;                    ///< targets of each
  int64_t layers = 0, experts = 0;                ///< MoE layers, routed experts; 0 for a dense model
  int64_t first_layer = 0;                        ///< the number of the first of these layers in the model
  std::vector<int64_t> expert_tokens;             ///< [layers * domains * experts]: (token, expert) pairs
  std::vector<std::vector<std::string>> typical;  ///< [layers * experts]: the most typical tokens (domain_statistics.h)
};

/// A piece of text, and where the token went that completes it.
struct RoutedPiece {
  std::string text;
  TokenRoute route;
};

struct SampleRecord {
  int64_t step = 0;
  std::string prompt;
  std::string text;                      ///< the continuation, without the prompt
  std::vector<RoutedPiece> pieces = {};  ///< of both; empty for a dense model
};

/// A checkpoint, told of when it is written.
struct SaveRecord {
  int64_t step = 0;            ///< by now
  int64_t saved_step = 0;      ///< that the checkpoint is of
  double blocked_seconds = 0;  ///< the training waited for that long
  double seconds = 0;          ///< that writing took
};

/// Where records go. Sinks are called in the order of the run and, but for sync(), never from two threads.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void write(const StepRecord& record) = 0;
  virtual void write(const EvaluationRecord& record) = 0;
  virtual void write(const SampleRecord& record) = 0;
  virtual void write_router(const RouterRecord&) {}
  virtual void write_domains(const DomainsRecord&) {}
  virtual void write_save(const SaveRecord&) {}
  /// Of one moment; not empty.
  virtual void write_events(std::span<const EventRecord>) {}
  /// Whether a run without this sink would lack a part: if not, a write that fails costs the sink and not the run.
  virtual bool is_part_of_the_run() const { return false; }
  /// The run goes on behind `step`, before which it had been already: records of later steps go.
  virtual void rewind(int64_t /*step*/) {}
  /// What was written survives a power cut from here on. Called while another thread may be writing.
  virtual void sync() {}
};

}  // namespace mm
