// The names, ranges and help of the `revival` section.
#include "recipe/sections/revival_config.h"

#include "core/config/fields.h"

namespace mm {

void RevivalConfig::visit(Fields& fields) {
  fields("method", method,
         "for an expert that is dead, or starves in a collapsed layer: bias raises its router bias (wants "
         "model.balance \"bias\"), gate gives it the busiest expert's gate row with noise, reseed its gate row and "
         "weights, none leaves it",
         {.choices = {"none", "bias", "gate", "reseed"}});
  fields("boost", boost, "what bias adds to the router bias, in units of the scores", {.min = 0, .max = 100});
  fields("noise", noise, "what gate and reseed add: normal, relative to the root mean square of what is copied",
         {.min = 0, .max = 10});
  fields("cooldown", cooldown, "steps until an expert that is still dead is revived again",
         {.min = 1, .max = 1e9, .unit = "steps"});
}

}  // namespace mm
