// AdamW's state by number becomes moments by name.
#include "interchange/training_state.h"

#include <cmath>

#include "core/error.h"
#include "interchange/tensors/key_names.h"

namespace mm {
namespace {

/// AdamW's step: a 0-d fp32 tensor, or a plain number in files of old versions of torch.
int64_t updates_of(const PthFile& file, const PickleValue& step) {
  const double updates = step.is(PickleKind::kTensor) ? file.tensor(step).item<double>() : step.number();
  if (updates >= 0 && updates == std::floor(updates) && updates < 1e12) return static_cast<int64_t>(updates);
  throw Error(ExitCode::kCheckpoint, got_want(step.where(), std::to_string(updates), "a count of updates"));
}

int64_t count_of(const PickleValue& value) {
  if (value.integer() >= 0) return value.integer();
  throw Error(ExitCode::kCheckpoint, got_want(value.where(), std::to_string(value.integer()), "0 or more"));
}

}  // namespace

TrainingState read_training_state(const PthFile& file, const Generation& generation, const ModelConfig& model) {
  const PickleValue root = file.root();
  TrainingState training;
  training.epoch = count_of(root.at("epoch"));
  training.step = count_of(root.at("step"));

  const PickleValue states = root.at("optimizer").at("state");
  const std::vector<std::string> names = state_dict_order(generation, model);
  // Before the first update AdamW has no state at all.
  if (states.size() == 0) return training;
  for (size_t i = 0; i < names.size(); ++i) {
    const PickleValue state = states.at(static_cast<int64_t>(i));
    training.first_moments.emplace_back(names[i], file.tensor(state.at("exp_avg")));
    training.second_moments.emplace_back(names[i], file.tensor(state.at("exp_avg_sq")));
    training.updates = std::max(training.updates, updates_of(file, state.at("step")));
  }
  if (states.size() != names.size()) {
    throw Error(ExitCode::kCheckpoint, got_want(states.where(), std::to_string(states.size()) + " parameters",
                                                std::to_string(names.size()) + ", as the model has"));
  }
  return training;
}

}  // namespace mm
