// The names, ranges and help of the `alarms` section.
#include "metrics/alarms/alarm_config.h"

#include "core/config/fields.h"

namespace mm {

void AlarmConfig::visit(Fields& fields) {
  fields("patience", patience, "a load must be bad for so many steps in a row to raise an alarm, and good to clear it",
         {.min = 1, .max = 1e6, .unit = "steps"});
  fields("dying_share", load.dying_share, "an expert with less than this part of a fair share of the tokens is dying",
         {.min = 0, .max = 1});
  fields("over_subscribed_share", load.over_subscribed_share,
         "an expert with more than so many fair shares is over-subscribed (not judged with two experts)",
         {.min = 1, .max = 1e6});
  fields("least_tokens", load.least_tokens,
         "a layer is judged by a step that sent it at least so many (token, expert) pairs per expert",
         {.min = 1, .max = 1e9});
  fields("collapse_experts", collapse_experts,
         "a layer has collapsed when exp(entropy of the load) is below this times num_experts_per_tok",
         {.min = 1, .max = 100});
  fields(
      "aux_floor", aux_floor,
      "the balancing loss is below its floor when it is less than this part of what an even load gives; 0: not judged",
      {.min = 0, .max = 1});
  fields("gate_gradient", gate_gradient,
         "the language-model loss does not reach a gate whose gradient, root mean square over its weights, is below "
         "this part of that of all parameters",
         {.min = 0, .max = 1});
  fields("gate_patience", gate_patience, "so many measures in a row (metrics.router_every)",
         {.min = 1, .max = 1e6, .unit = "measures"});
  fields("copies_cosine", copies_cosine, "two experts whose weights have a higher cosine are copies of each other",
         {.min = 0, .max = 1});
  fields("copies_patience", copies_patience, "so many measures in a row: after upcycling all experts begin as copies",
         {.min = 1, .max = 1e6, .unit = "measures"});
  fields("loss_spike", loss_spike,
         "a training loss that is so many standard deviations above its mean, two steps in a row, is a spike",
         {.min = 1, .max = 1e6});
  fields("loss_patience", loss_patience,
         "a loss that stays at what guessing costs, ln(vocab_size), for so many steps in a row is stuck",
         {.min = 1, .max = 1e9, .unit = "steps"});
  fields("loss_gap", loss_gap,
         "a validation loss that rises and is so far above the training loss, at two evaluations in a row, is overfit",
         {.min = 0, .max = 1e6, .unit = "nats"});
  fields("slow_data_share", slow_data_share,
         "the data is too slow when a step waits for its text for more than this part of its time; 1: not judged",
         {.min = 0, .max = 1});
}

}  // namespace mm
