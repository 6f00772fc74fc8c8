// The names, ranges and help of the `checkpoint` section.
#include "checkpoint/store/checkpoint_config.h"

#include "core/config/fields.h"

namespace mm {

void CheckpointConfig::visit(Fields& fields) {
  fields("every", every, "a checkpoint every so many steps; 0: only at the end and when stopped",
         {.min = 0, .unit = "steps"});
  fields("every_minutes", every_minutes,
         "with checkpoint.every, a checkpoint when the last one is that old, too; 0: steps alone decide",
         {.min = 0, .unit = "minutes"});
  fields("best", best, "with checkpoint.every, a checkpoint behind every evaluation with the lowest loss so far, too");
  fields("background", background,
         "copy the state (12 bytes for each parameter) and train on while the copy is written; off: stand still");
  fields("keep", keep, "newest checkpoints to keep; the one with the lowest validation loss is kept besides",
         {.min = 1});
  fields(
      "pth", pth,
      "with every checkpoint, pretrain_<hidden_size>[_moe].pth in the run folder, for MiniMind's own programs: in the "
      "layout of that generation; auto: the newest that can hold the model",
      {.choices = {"auto", "off", "g1", "g2", "g3", "g4", "g4c"}});
}

}  // namespace mm
