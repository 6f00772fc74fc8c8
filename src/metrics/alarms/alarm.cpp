// One table of names and words; the sentences with their numbers.
#include "metrics/alarms/alarm.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace mm {
namespace {

struct AlarmWords {
  AlarmKind kind;
  std::string_view name;
  std::string_view in_short;
  std::string_view cause;
  std::string_view remedy;
};

constexpr std::string_view kMoreBalance =
    "raise model.router_aux_loss_coef, or set model.balance to \"bias\"; where it is, raise "
    "model.router_bias_update_rate tenfold";

constexpr std::array kWords = {
    AlarmWords{
        AlarmKind::kNonFinite, "non_finite", "not finite",
        "weights that are not finite (a damaged checkpoint, a learning rate far too high), or a value beyond the "
        "range of fp16",
        "nothing was changed by the step, and pretrain --replay-step looks at it closely: resume from an older "
        "checkpoint, lower optim.learning_rate, or train in bf16"},
    AlarmWords{AlarmKind::kNoLmGradient, "no_lm_gradient", "no LM gradient into the gate",
               "the weights of the chosen experts do not depend on the router: a top-1 weight divided by itself is "
               "always 1 (model.norm_top1_prob, MiniMind-3), or experts are chosen in turn (force_uniform_routing)",
               "set model.norm_top1_prob to false, or model.num_experts_per_tok to 2 or more"},
    AlarmWords{AlarmKind::kBelowFloor, "below_floor", "balancing loss below its floor",
               "experts are chosen that the router gives next to no probability, so that something else decides (a "
               "large router bias), or its probabilities do not add up to 1",
               "lower model.router_bias_update_rate, or set model.scoring_func to \"softmax\""},
    AlarmWords{AlarmKind::kCollapse, "collapse", "collapsed",
               "the balancing is weaker than the advantage of the experts that were chosen first",
               "set model.balance to \"bias\" (where it is, raise model.router_bias_update_rate tenfold), raise "
               "model.router_aux_loss_coef, or set revival.method"},
    AlarmWords{AlarmKind::kBiasFrozen, "bias_frozen", "bias frozen",
               "the router bias does not move although the load is uneven: model.router_bias_update_rate is 0 or far "
               "below the scores' own size",
               "set model.router_bias_update_rate to 0.001, or model.balance to \"quantile\""},
    AlarmWords{AlarmKind::kDead, "dead", "dead",
               "its gate row scores below the others for every token, so nothing trains it",
               "set revival.method, or model.balance to \"bias\""},
    AlarmWords{AlarmKind::kDying, "dying", "dying", "the router prefers experts that learned earlier", kMoreBalance},
    AlarmWords{AlarmKind::kOverSubscribed, "over_subscribed", "over-subscribed",
               "the balancing is weaker than the advantage of this expert, or much of the text is of one kind",
               kMoreBalance},
    AlarmWords{AlarmKind::kCopies, "copies", "copies of each other",
               "the experts began as copies (upcycling) and get the same tokens with the same weights",
               "upcycle with noise (convert --upcycle ... noise), or set revival.method to \"reseed\" with more noise"},
    AlarmWords{AlarmKind::kLossExplosion, "loss_explosion", "loss exploded",
               "the model has diverged: the learning rate is too high for it, or gradients are not clipped",
               "stop, lower optim.learning_rate or raise schedule.warmup_steps, remove the checkpoints since then, and "
               "resume"},
    AlarmWords{AlarmKind::kLossSpike, "loss_spike", "loss spiked",
               "text of another kind or quality, or an update that went too far",
               "it often passes; if it does not, resume from a checkpoint before it with a lower optim.learning_rate "
               "or optim.max_grad_norm"},
    AlarmWords{AlarmKind::kLossWorse, "loss_worse", "loss worse than at the start",
               "what the first weights knew is being lost: the learning rate is too high for them, or the tokenizer is "
               "not theirs",
               "start again with a lower optim.learning_rate and a longer schedule.warmup_steps, and check "
               "tokenizer.path"},
    AlarmWords{AlarmKind::kLossStuck, "loss_stuck", "loss stuck at guessing",
               "nothing is learned: a learning rate near 0 or far too high, or text that is noise to this tokenizer",
               "check optim.learning_rate and schedule.warmup_steps, and look at the text with tokenizer.path in mind"},
    AlarmWords{AlarmKind::kLossGap, "loss_gap", "loss overfit",
               "the model learns its training text by heart: too many epochs, or too little text for its size",
               "stop at the best checkpoint (checkpoints/best), train on more text, or raise model.dropout"},
    AlarmWords{AlarmKind::kSlowData, "slow_data", "data too slow",
               "the text is tokenized while it is trained on, or its tokens lie on a slow disk or a network",
               "wait until it is tokenized, which is once for all runs; keep the tokens on a local disk (data.cache)"},
};

const AlarmWords& words(AlarmKind kind) {
  return *std::find_if(kWords.begin(), kWords.end(), [&](const AlarmWords& each) { return each.kind == kind; });
}

std::string share_of_tokens(double share) {
  return share == 0 ? "no token" : format("%.3g%% of the tokens", 100 * share);
}

}  // namespace

std::string_view alarm_name(AlarmKind kind) {
  return words(kind).name;
}

std::optional<AlarmKind> alarm_kind(std::string_view name) {
  for (const AlarmWords& each : kWords) {
    if (each.name == name) return each.kind;
  }
  return {};
}

bool is_of_routing(AlarmKind kind) {
  return kind < AlarmKind::kLossExplosion;
}

bool is_of_time(AlarmKind kind) {
  return kind == AlarmKind::kSlowData;
}

std::string alarm_sentence(const AlarmSubject& subject, double value, double threshold, int64_t patience,
                           int64_t experts) {
  const auto layer = static_cast<long long>(subject.layer), steps = static_cast<long long>(patience);
  const auto expert = static_cast<long long>(subject.expert.value_or(0));
  const double fair_percent = 100.0 / static_cast<double>(experts);
  const std::string prefix = format("layer %lld: ", layer);
  switch (subject.kind) {
    case AlarmKind::kNonFinite:
      return prefix + (subject.expert ? format("the output of expert %lld is not finite", expert)
                                      : "values that are not finite, first here");
    case AlarmKind::kNoLmGradient:
      return prefix +
             format("no LM gradient into the gate: %.2g of the model's, per weight, for %lld measures", value, steps);
    case AlarmKind::kBelowFloor:
      return format("the balancing loss is %.3g of its value at even load for %lld steps: below its floor", value,
                    steps);
    case AlarmKind::kCollapse:
      return prefix + format("%.3g of %lld experts do all the work for %lld steps: collapse", value,
                             static_cast<long long>(experts), steps);
    case AlarmKind::kBiasFrozen:
      return prefix + format(
                          "the router bias did not move for %lld steps while the busiest expert had %.3g fair "
                          "shares: frozen",
                          steps, value);
    case AlarmKind::kDead:
    case AlarmKind::kDying:
    case AlarmKind::kOverSubscribed:
      return prefix + format("expert %lld got %s, a fair share is %.3g%%, for %lld steps: %s", expert,
                             share_of_tokens(value).c_str(), fair_percent, steps,
                             std::string(words(subject.kind).in_short).c_str());
    case AlarmKind::kCopies:
      return prefix + format("experts %lld and %lld stay copies of each other: cosine %.4f for %lld measures", expert,
                             static_cast<long long>(subject.other.value_or(0)), value, steps);
    case AlarmKind::kLossExplosion:
      return format("the loss is %.4g, more than guessing would cost: above %.4g it is an explosion", value, threshold);
    case AlarmKind::kLossSpike:
      return format("the loss is %.4g, far from its trend for %lld steps: above %.4g it is a spike", value, steps,
                    threshold);
    case AlarmKind::kLossWorse:
      return format("the loss is %.4g in the mean, worse than at the start for %lld steps: the limit is %.4g", value,
                    steps, threshold);
    case AlarmKind::kLossStuck:
      return format("the loss is %.4g in the mean, no better than guessing for %lld steps: the limit is %.4g", value,
                    steps, threshold);
    case AlarmKind::kLossGap:
      return format(
          "the validation loss rises and is %.3g nats above the training loss for %lld evaluations, the "
          "limit is %.3g: overfit",
          value, steps, threshold);
    case AlarmKind::kSlowData:
      return format(
          "%.0f%% of a step is waiting for its text for %lld steps, the limit is %.0f%%: the data is too slow",
          100 * value, steps, 100 * threshold);
  }
  return prefix;
}

std::string alarm_in_short(const AlarmSubject& subject) {
  if (subject.layer == kWholeModel) return std::string(words(subject.kind).in_short);
  std::string text = format("layer %lld ", static_cast<long long>(subject.layer));
  if (subject.expert) text += format("expert %lld ", static_cast<long long>(*subject.expert));
  return text.append(words(subject.kind).in_short);
}

std::string_view alarm_cause(AlarmKind kind) {
  return words(kind).cause;
}

std::string_view alarm_remedy(AlarmKind kind) {
  return words(kind).remedy;
}

}  // namespace mm
