#include "eval/sample.h"

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/random.h"
#include "core/terminal/log.h"
#include "eval/generation/generate.h"

namespace mm {

std::vector<SampleRecord> draw_samples(CausalLm& model, const Tokenizer& tokenizer, const RunConfig& config) {
  const SampleConfig& sample = config.sample;
  const std::vector<std::string> prompts = sample.prompts.empty() ? std::vector<std::string>{""} : sample.prompts;
  Decoder decoder(model, config.data.sequence_length);
  decoder.keep_routes();
  std::vector<SampleRecord> records;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const GenerationOptions options{.max_new_tokens = sample.max_new_tokens,
                                    .sampling = {.temperature = sample.temperature, .top_p = sample.top_p},
                                    .seed = derive_seed(static_cast<uint64_t>(config.run.seed), "sample", i)};
    const std::vector<int32_t> prompt = prompt_tokens(tokenizer, prompts[i]);
    try {
      Continuation continuation = continue_text(decoder, tokenizer, prompt, options);
      records.push_back({.prompt = prompts[i], .text = continuation.text, .pieces = std::move(continuation.pieces)});
    } catch (const Error& error) {
      // What is wrong with the model is the trainer's to judge.
      if (error.code() != ExitCode::kDiverged) throw;
      log_warning("no sample for prompt " + show_text(prompts[i]) + ": " + error.what());
    }
  }
  return records;
}

}  // namespace mm
