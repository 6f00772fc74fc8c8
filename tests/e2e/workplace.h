// A folder with a text, configs of tiny models, and the programs to run there.
#pragma once

#include <string>
#include <vector>

#include "program.h"
#include "tests/unit/core/temp_folder.h"

using Words = std::vector<std::string>;

/// The programs run in `folder()`, which holds text.jsonl, dense.json and moe.json. With them a run takes 20 steps of
/// 256 tokens, trains its tokenizer of 320 tokens, and validates, samples and saves every 5 steps.
class Workplace {
 public:
  Workplace();

  std::string folder() const { return temporary_ / "here"; }
  std::string operator/(const std::string& name) const { return folder() + "/" + name; }

  Finished pretrain(const Words& arguments) const;
  Finished generate(const Words& arguments) const;
  Finished evaluate(const Words& arguments) const;
  Finished convert(const Words& arguments) const;
  Finished experiment(const Words& arguments) const;
  /// `pretrain` and `experiment` without waiting for their end.
  Program start(const Words& arguments) const;
  Program start_experiment(const Words& arguments) const;

  std::string read(const std::string& name) const;
  void write(const std::string& name, const std::string& text) const;
  bool exists(const std::string& name) const;

 private:
  TempFolder temporary_;
};

/// `pretrain --config <name>.json --set run.name=<run>` and more settings.
Words train(const std::string& config, const std::string& run, const Words& settings = {});

/// Names what differs between the ends of two runs below output/: weights, moments and state of the last checkpoint
/// and all metrics. Empty when they are the same, byte for byte.
Words differences(const Workplace& workplace, const std::string& run, const std::string& other, int last_step);

/// Trains a run to its end: 20 steps, with a validation and a checkpoint at every fifth one.
void finish(const Workplace& workplace, const std::string& run, const Words& settings = {});

void expect_contains(const std::string& text, const std::string& part);
