// One token at a time from the whole context: no cache of keys and values, so the cost grows with the length.
#include "eval/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <iterator>

#include "core/random.h"
#include "core/stop_signal.h"

namespace mm {
namespace {

/// Draws from the smallest set of likeliest tokens whose probabilities reach `top_p`.
int64_t draw(const at::Tensor& logits_v, const GenerationOptions& options, RandomStream& random) {
  if (options.temperature == 0) return logits_v.argmax().item<int64_t>();
  const at::Tensor probabilities_v = (logits_v.to(at::kDouble) / options.temperature).softmax(-1);
  const auto [sorted_v, ids_v] = probabilities_v.sort(/*stable=*/true, -1, /*descending=*/true);
  const double* sorted = sorted_v.const_data_ptr<double>();

  int64_t kept = 0;
  double mass = 0;
  while (kept < sorted_v.size(0) && mass < options.top_p) mass += sorted[kept++];
  double point = random.uniform() * mass;
  int64_t chosen = 0;
  while (chosen + 1 < kept && point >= sorted[chosen]) point -= sorted[chosen++];
  return ids_v.const_data_ptr<int64_t>()[chosen];
}

}  // namespace

std::vector<int32_t> generate_tokens(CausalLm& model, const std::vector<int32_t>& prompt, int32_t eos_id,
                                     int64_t vocab_size, const GenerationOptions& options) {
  const at::NoGradGuard no_grad;
  RandomStream random(options.seed, "generate");
  std::vector<int32_t> tokens = prompt;
  while (static_cast<int64_t>(tokens.size() - prompt.size()) < options.max_new_tokens) {
    leave_if_stopping();
    const auto context = std::min(static_cast<int64_t>(tokens.size()), options.context);
    const at::ArrayRef<int32_t> last(tokens.data() + tokens.size() - context, static_cast<size_t>(context));
    const at::Tensor context_t = at::tensor(last, at::kLong);
    const HiddenStates states = model.forward(context_t.unsqueeze(0).to(model.device()), /*training=*/false);
    const at::Tensor logits_v = model.logits(states.hidden_nd.narrow(0, context - 1, 1))[0].to(at::kCPU, at::kFloat);
    const auto next = static_cast<int32_t>(draw(logits_v.narrow(0, 0, vocab_size), options, random));
    if (next == eos_id) break;
    tokens.push_back(next);
  }
  return {tokens.begin() + std::ssize(prompt), tokens.end()};
}

std::string generate(CausalLm& model, const Tokenizer& tokenizer, const std::string& prompt,
                     const GenerationOptions& options) {
  std::vector<int32_t> tokens = {tokenizer.bos_id()};
  const std::vector<int32_t> prompt_tokens = tokenizer.encode(prompt);
  tokens.insert(tokens.end(), prompt_tokens.begin(), prompt_tokens.end());
  return tokenizer.decode(generate_tokens(model, tokens, tokenizer.eos_id(), tokenizer.vocab_size(), options));
}

}  // namespace mm
