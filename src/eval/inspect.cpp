// One pass without dropout and rounding for losses and logits, and one in training mode for the balancing loss.
#include "eval/inspect.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/windows/targets.h"
#include "eval/generation/generate.h"
#include "ops/cross_entropy.h"

namespace mm {
namespace {

using nlohmann::json;

struct Question {
  at::Tensor tokens_bt;            // [rows, columns] int64
  std::vector<int64_t> positions;  // row * columns + column
  int64_t pad_token_id = -1;
  int64_t greedy_tokens = 0;
};

[[noreturn]] void refuse(const std::string& where, const std::string& got, const std::string& want) {
  throw Error(ExitCode::kData, got_want(where, got, want));
}

int64_t whole_number(const json& value, const std::string& where, int64_t end) {
  if (value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() < end) return value.get<int64_t>();
  refuse(where, value.dump(), "a whole number from 0 to " + std::to_string(end - 1));
}

at::Tensor read_tokens(const json& rows, const std::string& where, int64_t vocab_size) {
  if (!rows.is_array() || rows.empty() || !rows[0].is_array() || rows[0].size() < 2) {
    refuse(where, rows.dump().substr(0, 40), "a list of rows of at least 2 token ids");
  }
  std::vector<int64_t> ids;
  for (size_t r = 0; r < rows.size(); ++r) {
    const std::string row = where + "[" + std::to_string(r) + "]";
    if (!rows[r].is_array() || rows[r].size() != rows[0].size()) {
      refuse(row, "a row of another length", std::to_string(rows[0].size()) + " ids, as the first has");
    }
    for (const json& id : rows[r]) ids.push_back(whole_number(id, row, vocab_size));
  }
  return at::tensor(ids, at::kLong).view({static_cast<int64_t>(rows.size()), -1});
}

Question read_question(const std::string& text, const std::string& where, int64_t vocab_size) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("tokens")) refuse(where, "no \"tokens\"", "{\"tokens\": [[ids], ...]}");
  Question question;
  question.tokens_bt = read_tokens(root["tokens"], where + ":tokens", vocab_size);
  for (const json& position : root.value("positions", json::array())) {
    const std::string at = where + ":positions[" + std::to_string(question.positions.size()) + "]";
    if (!position.is_array() || position.size() != 2) refuse(at, position.dump(), "[row, column]");
    const int64_t row = whole_number(position[0], at, question.tokens_bt.size(0));
    question.positions.push_back(row * question.tokens_bt.size(1) +
                                 whole_number(position[1], at, question.tokens_bt.size(1)));
  }
  if (root.contains("pad_token_id")) {
    question.pad_token_id = whole_number(root["pad_token_id"], where + ":pad_token_id", vocab_size);
  }
  if (root.contains("greedy_tokens")) {
    question.greedy_tokens = whole_number(root["greedy_tokens"], where + ":greedy_tokens", 1 << 16);
  }
  return question;
}

double cross_entropy_of(const CausalLm& model, const at::Tensor& hidden_nd, const Question& question) {
  at::Tensor targets_bt = question.tokens_bt.roll(-1, 1);
  targets_bt.select(1, -1).fill_(kIgnoredTarget);
  if (question.pad_token_id >= 0) targets_bt.masked_fill_(targets_bt == question.pad_token_id, kIgnoredTarget);
  const double count = (targets_bt >= 0).sum().item<double>();
  const at::Tensor losses_n = cross_entropy(model.logits(hidden_nd), targets_bt.flatten().to(model.device()));
  return losses_n.sum(at::kDouble).item<double>() / count;
}

json aux_of(const ModelConfig& config, const Parameters& parameters, const at::Tensor& tokens_bt,
            bool shift_inside_model) {
  if (!config.is_moe()) return 0.0;
  if (config.moe.aux_loss == "none") return nullptr;
  ModelConfig exact = config;
  exact.dropout = 0;
  exact.moe.fp16_expert_output = false;
  exact.moe.router_jitter = 0;
  exact.moe.capacity_factor = 0;
  at::Tensor counted_bt = at::ones(tokens_bt.sizes(), at::TensorOptions(at::kBool).device(tokens_bt.device()));
  if (!shift_inside_model) counted_bt.select(1, -1).fill_(false);
  CausalLm model(exact, parameters);
  const at::Tensor aux = model.forward(tokens_bt, /*training=*/true, {.counted_bt = counted_bt}).reports.balance_loss;
  return aux.defined() ? json(aux.item<double>()) : json(nullptr);
}

json logits_of(const CausalLm& model, const at::Tensor& hidden_nd, const std::vector<int64_t>& positions) {
  json rows = json::array();
  for (const int64_t position : positions) {
    const at::Tensor row = model.logits(hidden_nd.narrow(0, position, 1))[0].to(at::kCPU, at::kFloat).contiguous();
    rows.push_back(std::vector<float>(row.const_data_ptr<float>(), row.const_data_ptr<float>() + row.numel()));
  }
  return rows;
}

json greedy_of(CausalLm& model, const Question& question) {
  const int64_t columns = question.tokens_bt.size(1);
  const GenerationOptions options{.max_new_tokens = question.greedy_tokens, .sampling = {.temperature = 0}};
  Decoder decoder(model, columns + question.greedy_tokens);
  json rows = json::array();
  for (int64_t row = 0; row < question.tokens_bt.size(0); ++row) {
    const int64_t* ids = question.tokens_bt.const_data_ptr<int64_t>() + row * columns;
    rows.push_back(generate_tokens(decoder, {ids, ids + columns}, /*eos_id=*/-1, model.config().vocab_size, options));
  }
  return rows;
}

}  // namespace

std::string answer_tokens(const ModelConfig& config, const Parameters& parameters, const std::string& question_text,
                          const std::string& where, bool shift_inside_model) {
  const at::NoGradGuard no_grad;
  const Question question = read_question(question_text, where, config.vocab_size);
  CausalLm model(config, parameters);
  const at::Tensor tokens_bt = question.tokens_bt.to(model.device());
  const HiddenStates states = model.forward(tokens_bt, /*training=*/false);
  json answer;
  answer["cross_entropy"] = cross_entropy_of(model, states.hidden_nd, question);
  answer["aux"] = aux_of(config, parameters, tokens_bt, shift_inside_model);
  answer["logits"] = logits_of(model, states.hidden_nd, question.positions);
  if (question.greedy_tokens > 0) answer["greedy"] = greedy_of(model, question);
  return answer.dump() + "\n";
}

}  // namespace mm
