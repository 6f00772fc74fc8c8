// Every key of the sections `optim` and `schedule`.
#include "optim/optim_config.h"

#include "core/config/fields.h"
#include "optim/optimizer_table.h"

namespace mm {

void OptimConfig::visit(Fields& fields) {
  fields("type", type,
         "adamw; muon: orthogonalised momentum for every matrix between hidden states and each expert, AdamW for "
         "embedding, head, routers and norms, with AdamW's learning rate and decay; normuon: that with a second moment "
         "for each row",
         {.choices = optimizer_names()});
  fields("learning_rate", learning_rate, "peak learning rate", {.min = 0, .max = 10});
  fields("beta1", beta1, "decay of AdamW's first moment", {.min = 0, .max = 0.99999});
  fields("beta2", beta2, "decay of AdamW's second moment", {.min = 0, .max = 0.9999999});
  fields("eps", eps, "added to the root of AdamW's second moment", {.min = 1e-16, .max = 1});
  fields("weight_decay", weight_decay, "decoupled weight decay, per unit of learning rate", {.min = 0, .max = 10});
  fields("decay", decay, "what is decayed: matrices alone, or norm weights as well (MiniMind)",
         {.choices = {"matrices", "all"}});
  fields("max_grad_norm", max_grad_norm, "gradients are scaled down to this L2 norm; 0: never", {.min = 0, .max = 1e6});
  fields("momentum", momentum, "decay of muon's and normuon's momentum", {.min = 0, .max = 0.99999});
  fields("orthogonalize", orthogonalize,
         "what muon and normuon take for one matrix: parts (queries, keys, values, gate, up) or joined, as they are "
         "multiplied",
         {.choices = {"parts", "joined"}});
}

void ScheduleConfig::visit(Fields& fields) {
  fields(
      "type", type,
      "after the warm-up: half a cosine down to min_ratio; warm-up-stable-decay (wsd): constant, then linear down over "
      "the last decay_fraction of the steps; constant",
      {.choices = {"cosine", "wsd", "constant"}});
  fields("warmup_steps", warmup_steps, "linear warm-up from 0", {.min = 0, .max = 1e9, .unit = "steps"});
  fields("min_ratio", min_ratio, "last learning rate as a share of the peak", {.min = 0, .max = 1});
  fields("decay_fraction", decay_fraction, "share of all steps in which wsd decays", {.min = 0, .max = 1});
}

}  // namespace mm
