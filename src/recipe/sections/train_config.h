// The config sections that belong to the training loop. No torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

class Fields;

/// Whether it is `auto`, `cpu`, `cuda` or `cuda:N` with N below 1,000.
bool is_device_name(std::string_view name);

struct RunSection {
  std::string name;  ///< folder below output/; empty: the config file's name
  std::string device = "auto";
  int64_t threads = 0;
  int64_t seed = 42;
  bool deterministic = true;
  std::string expert_products = "auto";
  int64_t hang_seconds = 1800;  ///< that may pass without a micro-batch, a token, a write; 0: any number

  void visit(Fields& fields);
};

struct TrainConfig {
  std::optional<int64_t> steps;  ///< known in a resolved config, but for a length in epochs that no text was opened for
  std::optional<double> epochs;
  std::optional<int64_t> tokens;
  int64_t micro_batch = 8;
  int64_t accumulation = 1;
  bool shrink_micro_batch = false;
  std::string precision = "auto";
  bool cuda_graph = false;
  int64_t stop_after = 0;

  void visit(Fields& fields);
};

/// The same batch in smaller parts: divides micro_batch by its smallest factor and multiplies accumulation by it.
/// False, with nothing changed, when a micro-batch is one sequence.
bool split_micro_batch(TrainConfig& train);

struct EvaluationConfig {
  int64_t every = 200;
  int64_t tokens = 65536;

  void visit(Fields& fields);
};

struct SampleConfig {
  int64_t every = 0;
  std::vector<std::string> prompts;
  int64_t max_new_tokens = 64;
  double temperature = 0.8;
  double top_p = 0.95;

  void visit(Fields& fields);
};

struct InitConfig {
  std::string from;
  std::string generation = "auto";
  bool optimizer = false;

  void visit(Fields& fields);
};

}  // namespace mm
