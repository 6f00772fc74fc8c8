// The names, ranges and help of the `spikes` section.
#include "recipe/sections/spike_config.h"

#include "core/config/fields.h"

namespace mm {

void SpikeConfig::visit(Fields& fields) {
  fields("policy", policy,
         "for a step far outside those before it: skip leaves out an update with such a gradient; roll_back does so, "
         "and behind such a loss goes back to an older checkpoint and passes over the text since; stop ends the run "
         "with exit code 5; none trains on",
         {.choices = {"none", "skip", "roll_back", "stop"}});
  fields("deviations", deviations, "how far outside: in robust standard deviations of the steps before",
         {.min = 2, .max = 1000});
  fields("window", window, "how many steps before it are looked at; half of them are needed",
         {.min = 8, .max = 100000, .unit = "steps"});
  fields("divergence", divergence, "a validation loss so far above the lowest is treated as such a loss; 0: never",
         {.min = 0, .unit = "nats"});
  fields("back", back, "roll_back: to a checkpoint at least so old", {.min = 1, .max = 1e9, .unit = "steps"});
  fields("rate_factor", rate_factor, "roll_back: what the learning rate is multiplied by each time",
         {.min = 0.01, .max = 1});
  fields("budget", budget, "how often in a run; then it ends with exit code 5", {.min = 1, .max = 1e6});
}

}  // namespace mm
