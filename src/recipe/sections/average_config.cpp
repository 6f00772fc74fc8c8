// The names, ranges and help of the `average` section.
#include "recipe/sections/average_config.h"

#include "core/config/fields.h"

namespace mm {

void AverageConfig::visit(Fields& fields) {
  fields("decay", decay,
         "an exponential average of the weights: after each step, so much of the average before it and the rest of the "
         "new weights, in fp32. It is validated beside the weights, lies in checkpoints as average.safetensors and "
         "changes nothing of the training; 0: none",
         {.min = 0, .max = 0.999999});
  fields("from", from, "where in the run it begins, with the weights of that step",
         {.min = 0, .max = 0.99, .unit = "of the steps"});
}

}  // namespace mm
