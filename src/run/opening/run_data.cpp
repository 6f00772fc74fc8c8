// Opens what the config asks for.
#include "run/opening/run_data.h"

#include "data/windows/padded_dataset.h"
#include "recipe/sections/replay_rules.h"

namespace mm {

TrainingData open_run_data(const RunConfig& config, const Tokenizer& tokenizer) {
  if (!config.compat.enabled()) {
    return open_training_data(config.data, tokenizer, static_cast<int>(config.run.threads));
  }
  const auto rows =
      std::make_shared<PaddedDataset>(config.data.train.at(0).path, config.data.cache, tokenizer,
                                      config.data.sequence_length, replay_rules(config.compat.trainer).rows);
  return {.train = std::make_shared<WholeText>(rows, rows->contents()),
          .validation = open_validation(config.data, tokenizer, static_cast<int>(config.run.threads))};
}

}  // namespace mm
