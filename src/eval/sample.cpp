#include "eval/sample.h"

#include "core/random.h"
#include "eval/generate.h"

namespace mm {

std::vector<SampleRecord> draw_samples(CausalLm& model, const Tokenizer& tokenizer, const RunConfig& config) {
  const SampleConfig& sample = config.sample;
  const std::vector<std::string> prompts = sample.prompts.empty() ? std::vector<std::string>{""} : sample.prompts;
  std::vector<SampleRecord> records;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const uint64_t seed = derive_seed(static_cast<uint64_t>(config.run.seed), "sample", i);
    const std::string text = generate(model, tokenizer, prompts[i],
                                      {.max_new_tokens = sample.max_new_tokens,
                                       .temperature = sample.temperature,
                                       .top_p = sample.top_p,
                                       .context = config.data.sequence_length,
                                       .seed = seed});
    records.push_back({.prompt = prompts[i], .text = text});
  }
  return records;
}

}  // namespace mm
