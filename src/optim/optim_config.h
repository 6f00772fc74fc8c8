// The config sections `optim` and `schedule`. No torch.
#pragma once

#include <cstdint>
#include <string>

namespace mm {

class Fields;

struct OptimConfig {
  std::string type = "adamw";
  double learning_rate = 5e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.1;
  std::string decay = "matrices";
  double max_grad_norm = 1.0;
  double momentum = 0.95;
  std::string orthogonalize = "parts";

  void visit(Fields& fields);
};

struct ScheduleConfig {
  std::string type = "cosine";
  int64_t warmup_steps = 0;
  double min_ratio = 0.1;
  double decay_fraction = 0.2;

  void visit(Fields& fields);
};

}  // namespace mm
