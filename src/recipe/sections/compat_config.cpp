// Keys of the section `compat`, and its demands on the others.
#include "recipe/sections/compat_config.h"

#include "core/config/fields.h"
#include "core/text.h"
#include "recipe/sections/replay_rules.h"

namespace mm {
namespace {

/// What MiniMind's scripts never vary.
void note_other_optimizer(const CompatConfig& compat, const OptimConfig& optim, std::vector<std::string>& notes) {
  const auto compare = [&](const char* key, double got, double wanted) {
    if (got == wanted) return;
    notes.push_back(format("optim.%s is %g, MiniMind's %s trainer has %g", key, got, compat.trainer.c_str(), wanted));
  };
  const double weight_decay = replay_rules(compat.trainer).weight_decay;
  if (optim.type != "adamw") {
    notes.push_back("optim.type is " + optim.type + ", MiniMind's " + compat.trainer + " trainer has adamw");
  }
  compare("beta1", optim.beta1, 0.9);
  compare("beta2", optim.beta2, 0.999);
  compare("eps", optim.eps, 1e-8);
  compare("weight_decay", optim.weight_decay, weight_decay);
  compare("max_grad_norm", optim.max_grad_norm, 1.0);
  if (optim.decay != "all" && weight_decay > 0) {
    notes.push_back("optim.decay is " + optim.decay + ", MiniMind's " + compat.trainer + " trainer has all");
  }
}

}  // namespace

void CompatConfig::visit(Fields& fields) {
  std::vector<std::string_view> choices = {"none"};
  for (const std::string_view name : replay_names()) choices.push_back(name);
  fields("trainer", trainer,
         "replay the pretraining script of this MiniMind generation, micro-step by micro-step: its padded rows, their "
         "order, learning rates and accumulation. data.train is one file, data.sequence_length its max_seq_len, "
         "train.micro_batch its batch_size; train.steps and schedule are not used",
         {.choices = choices});
  fields("epochs", epochs, "passes over the data in such a replay; train.epochs says the same",
         {.min = 1, .max = 1e6, .unit = "epochs"});
}

void resolve_compat(const CompatConfig& compat, const OptimConfig& optim, DataConfig& data, const std::string& where,
                    Problems& problems, std::vector<std::string>& notes) {
  if (!compat.enabled()) return;
  data.validation_fraction = 0;
  if (data.train.size() != 1) {
    problems.add(where + ":data.train", std::to_string(data.train.size()) + " files", "one file",
                 "compat.trainer replays a script that reads one");
  }
  if (data.sequence_length < 3) {
    problems.add(where + ":data.sequence_length", std::to_string(data.sequence_length), "at least 3",
                 "a row holds BOS, text and EOS");
  }
  if (data.packing != "stream") {
    problems.add(where + ":data.packing", data.packing + " in a replay", "stream",
                 "compat.trainer replays the rows of its trainer, which are padded");
  }
  note_other_optimizer(compat, optim, notes);
}

}  // namespace mm
