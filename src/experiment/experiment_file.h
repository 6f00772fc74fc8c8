// What an experiment compares, as its file says it: a base config, variants of it, seeds and the budget that all of
// them get. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

/// One setting of a config: `optim.learning_rate` and its value in JSON.
struct KeyValue {
  std::string key;
  std::string json;
};

struct Variant {
  std::string name;  ///< a folder name
  std::vector<KeyValue> settings;
};

/// What is held equal.
struct Budget {
  enum class Kind { kTokens, kFlops, kSeconds };
  Kind kind = Kind::kTokens;
  double amount = 0;  ///< of each run
};

/// For messages: "983,040 tokens", "1.20 TFLOP", "10:00".
std::string describe(const Budget& budget);

struct ExperimentFile {
  std::string path;
  std::string name;  ///< that of the file: its runs are output/<name>/<variant>/seed_<n>
  std::string about;
  std::string base;                ///< path of a config
  std::vector<KeyValue> settings;  ///< of all variants, over the base config
  std::vector<int64_t> seeds;
  Budget budget;
  std::vector<Variant> variants;  ///< with sweeps spread out
  std::string compare_to;         ///< the variant that the others are compared with

  std::string folder() const { return "output/" + name; }
};

/// Reads `configs/experiments/<name>.json`:
///   {"about": "...", "base": "configs/moe_192.json", "settings": {"evaluation.every": 120}, "seeds": [1, 2, 3],
///    "budget": {"tokens": 983040}, "compare_to": "dense",
///    "variants": {"dense": {"model.model_type": "dense"}, "muon": {"optim.type": "muon", "optim.learning_rate": [1e-3,
///    2e-3]}}}
/// A setting is a dotted key, or an object for a section, as in a config. A list for a key of one value is a sweep: a
/// variant for each value, named after it (`muon_learning_rate_0.001`); several lists give every combination. For a key
/// whose value is a list (data.train), a list of lists is one. `compare_to` is the first variant where nothing is said.
///   name  of the experiment; empty: that of the file
/// Throws Error(kConfig) with all problems of the file. What settings mean is checked where the runs are made.
ExperimentFile read_experiment(const std::string& path, const std::string& name = "");

}  // namespace mm
