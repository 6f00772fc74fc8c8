// Checkpoint files of every MiniMind generation, made by its own Python classes: opened as users have them, and giving
// the numbers that those classes gave: logits, losses, gradient norms and expert loads, in fp32 on the CPU.
// tests/golden/numbers holds the numbers; tolerances leave a factor of five to ten over another order of summation.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"
#include "eval/generation/generate.h"
#include "interchange/export/export.h"
#include "interchange/tensors/key_names.h"
#include "interchange/weights.h"
#include "model/causal_lm.h"
#include "ops/cross_entropy.h"
#include "ops/update/flat_norm.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr double kLogitTolerance = 2e-5;
constexpr double kLossTolerance = 1e-5;           // relative
constexpr double kParameterNormTolerance = 1e-4;  // relative, plus 1e-6 of the whole norm

json numbers_of(const std::string& name) {
  return json::parse(std::ifstream(std::string(MM_GOLDEN_DATA "/numbers/") + name + ".json"));
}

/// "G4b" and "g1 (2024-09-21, mask buffer persisted)" as the table names them.
std::string generation_of(const json& numbers) {
  std::string name = numbers["generation"].get<std::string>().substr(0, 3);
  std::transform(name.begin(), name.end(), name.begin(), ::tolower);
  return name.starts_with("g3") ? name : name.substr(0, 2);
}

Weights golden_weights(const json& numbers) {
  return open_weights(MM_GOLDEN_DATA "/" + numbers["file"].get<std::string>(),
                      &find_generation(generation_of(numbers), "test"), "--init");
}

/// What no file says: these models have four heads.
ModelConfig golden_model(const Weights& weights) {
  ModelConfig model = model_with_flags(weights.file, {"model.num_attention_heads=4"});
  // The numbers are of the class with its fp16 buffer replaced by an fp32 one.
  model.moe.fp16_expert_output = false;
  return model;
}

at::Tensor token_rows(const json& rows) {
  std::vector<int64_t> ids;
  for (const json& row : rows) {
    for (const json& id : row) ids.push_back(id.get<int64_t>());
  }
  return at::tensor(ids, at::kLong).view({static_cast<int64_t>(rows.size()), -1});
}

/// Targets of `tokens_bt` by the generation's rule: the next token, no loss on padding.
at::Tensor next_tokens(const at::Tensor& tokens_bt) {
  at::Tensor targets_bt = tokens_bt.roll(-1, 1);
  targets_bt.select(1, -1).fill_(-100);
  return targets_bt.masked_fill(targets_bt == 0, -100);
}

void expect_near_relative(double got, double want, double tolerance, const std::string& what) {
  EXPECT_NEAR(got, want, tolerance * std::abs(want)) << what;
}

void expect_gradient_norms(const Parameters& parameters, const json& want) {
  const double total = want["grad_norm_total"];
  expect_near_relative(flat_norm(parameters.gradient()).item<double>(), total, kLossTolerance, "norm");
  std::map<std::string, at::Tensor> gradients;
  for (auto& [name, tensor] : parameters.named(parameters.gradient())) gradients[name] = tensor;
  for (const auto& [key, norm] : want["grad_norms"].items()) {
    const std::string name = huggingface_name(without_prefixes(key));
    ASSERT_TRUE(gradients.contains(name)) << key;
    EXPECT_NEAR(gradients[name].norm().item<double>(), norm.get<double>(),
                kParameterNormTolerance * norm.get<double>() + 1e-6 * total)
        << name;
  }
  EXPECT_EQ(gradients.size(), want["grad_norms"].size());
}

void expect_training_numbers(const ModelConfig& config, Parameters& parameters, const at::Tensor& tokens_bt,
                             const Generation& generation, const json& want) {
  const int64_t columns = tokens_bt.size(1) - (generation.shift_inside_model ? 0 : 1);
  const at::Tensor fed_bt = tokens_bt.slice(1, 0, columns).contiguous();
  const at::Tensor targets_bt = next_tokens(tokens_bt).slice(1, 0, columns);
  CausalLm model(config, parameters);
  parameters.gradient().zero_();
  const HiddenStates states = model.forward(fed_bt, /*training=*/true);
  const at::Tensor losses_n = cross_entropy(model.logits(states.hidden_nd), targets_bt.flatten());
  const at::Tensor mean = losses_n.sum() / (targets_bt >= 0).sum();
  const at::Tensor& aux = states.reports.balance_loss;
  (aux.defined() ? mean + aux : mean).backward();

  expect_near_relative(mean.item<double>(), want["cross_entropy"], kLossTolerance, "cross entropy");
  if (aux.defined()) {
    expect_near_relative(aux.item<double>(), want["aux_sum_over_layers"], kLossTolerance, "aux");
  } else {
    EXPECT_TRUE(want["aux_sum_over_layers"].is_null() || want["aux_sum_over_layers"] == 0.0);
  }
  expect_gradient_norms(parameters, want);
  if (!config.is_moe()) return;
  for (size_t layer = 0; layer < want["expert_tokens"].size(); ++layer) {
    for (size_t expert = 0; expert < want["expert_tokens"][layer].size(); ++expert) {
      EXPECT_EQ(states.reports.expert_tokens_le[layer][expert].item<int64_t>(), want["expert_tokens"][layer][expert]);
    }
  }
}

void expect_logits(const ModelConfig& config, const Parameters& parameters, const at::Tensor& tokens_bt,
                   const json& want) {
  const at::NoGradGuard no_grad;
  CausalLm model(config, parameters);
  const at::Tensor logits_nv = model.logits(model.forward(tokens_bt, /*training=*/false).hidden_nd);
  for (size_t i = 0; i < want["positions"].size(); ++i) {
    const int64_t row = want["positions"][i][0], column = want["positions"][i][1];
    const at::Tensor got_v = logits_nv[row * tokens_bt.size(1) + column];
    const at::Tensor want_v = at::tensor(want["logits"][i].get<std::vector<float>>());
    EXPECT_LE((got_v - want_v).abs().max().item<double>(), kLogitTolerance) << row << ", " << column;
  }
}

/// Token by token, with the keys and values of those before.
void expect_logits_of_a_decoder(const ModelConfig& config, const Parameters& parameters, const at::Tensor& tokens_bt) {
  const at::NoGradGuard no_grad;
  CausalLm model(config, parameters);
  const at::Tensor row_t = tokens_bt[0].to(at::kInt).contiguous();
  const std::span<const int32_t> row(row_t.const_data_ptr<int32_t>(), static_cast<size_t>(row_t.size(0)));
  const at::Tensor want_nv = model.logits(model.forward(tokens_bt.narrow(0, 0, 1), /*training=*/false).hidden_nd);
  Decoder decoder(model, /*context=*/512);
  for (size_t length = row.size() / 2; length <= row.size(); ++length) {
    const at::Tensor got_v = decoder.next_logits(row.first(length));
    EXPECT_LE((got_v - want_nv[static_cast<int64_t>(length) - 1]).abs().max().item<double>(), kLogitTolerance);
  }
}

class CheckpointsOfPython : public testing::TestWithParam<std::string> {};

TEST_P(CheckpointsOfPython, GiveTheNumbersOfTheirClass) {
  const json numbers = numbers_of(GetParam());
  const Weights weights = golden_weights(numbers);
  const ModelConfig config = golden_model(weights);
  Parameters parameters(config, at::kCPU, at::kFloat);
  copy_weights(weights, config, parameters);

  const Generation& generation = *weights.file.recognized.generation;
  const at::Tensor plain_bt = token_rows(numbers["inputs"]["plain"]);
  expect_logits(config, parameters, plain_bt, numbers["eval"]);
  expect_logits_of_a_decoder(config, parameters, plain_bt);
  expect_training_numbers(config, parameters, plain_bt, generation, numbers["train"]["plain"]);
  expect_training_numbers(config, parameters, token_rows(numbers["inputs"]["padded"]), generation,
                          numbers["train"]["padded"]);
}

TEST_P(CheckpointsOfPython, SayWhatTheirConfigWas) {
  const json numbers = numbers_of(GetParam());
  const ModelConfig model = golden_model(golden_weights(numbers));
  const json& want = numbers["config"];
  EXPECT_EQ(model.model_type, want["model_type"].get<std::string>());
  EXPECT_EQ(model.vocab_size, want["vocab_size"]);
  EXPECT_EQ(model.hidden_size, want["hidden_size"]);
  EXPECT_EQ(model.num_hidden_layers, want["num_hidden_layers"]);
  EXPECT_EQ(model.num_key_value_heads, want["num_key_value_heads"]);
  EXPECT_EQ(*model.head_dim, want["head_dim"]);
  EXPECT_EQ(model.rms_norm_eps, want["rms_norm_eps"]);
  EXPECT_EQ(model.rope_theta, want["rope_theta"]);
  EXPECT_EQ(model.rope_layout == "interleaved", want["rope_layout"] == "interleaved");
  EXPECT_EQ(model.qk_norm, want["qk_norm"]);
  EXPECT_EQ(model.tie_word_embeddings, want["tie_word_embeddings"]);
  if (!model.is_moe()) {
    EXPECT_EQ(*model.intermediate_size, want["intermediate_size"]);
    return;
  }
  EXPECT_EQ(model.moe.num_experts, want["num_experts"]);
  EXPECT_EQ(model.moe.num_experts_per_tok, want["num_experts_per_tok"]);
  EXPECT_EQ(model.moe.n_shared_experts, want["n_shared_experts"]);
  EXPECT_EQ(*model.moe.moe_intermediate_size, want["moe_intermediate_size"]);
  if (model.moe.aux_loss != "none") {
    EXPECT_EQ(model.moe.router_aux_loss_coef, want["aux_coefficient"]);
  }
}

INSTANTIATE_TEST_SUITE_P(, CheckpointsOfPython,
                         testing::Values("g1_dense_mask_keys_fp32", "g1_dense_ordered_fp32", "g1_moe_ordered_fp32",
                                         "g2_dense_ordered_fp32", "g2_moe_ordered_fp32", "g3a_dense_dict_fp16",
                                         "g3a_dense_dict_fp16_cuda0", "g3a_moe_dict_fp16", "g3c_dense_orig_mod_fp16",
                                         "g3c_moe_two_shared_fp16", "g4b_dense_dict_fp16", "g4b_dense_dict_fp32",
                                         "g4b_dense_module_fp16", "g4b_moe_dict_bf16", "g4b_moe_dict_fp16"),
                         [](const auto& name) { return name.param; });

class HuggingFaceFolders : public testing::TestWithParam<std::string> {};

/// The weights in fp32 beside the reference config, as transformers opened them.
TEST_P(HuggingFaceFolders, GiveTheLogitsAndTheGreedyTokensOfTransformers) {
  const std::string config_path = MM_GOLDEN_DATA "/hf/" + GetParam() + "/config.json";
  const json expected = json::parse(std::ifstream(MM_GOLDEN_DATA "/hf/" + GetParam() + "/expected.json"));
  const json numbers = numbers_of(GetParam());
  const TempFolder folder;
  write_safetensors(folder / "model.safetensors", in_dtype(golden_weights(numbers).tensors, at::kFloat, folder.path()),
                    {{"format", "pt"}});
  fs::copy_file(config_path, folder / "config.json");

  const Weights weights = open_weights(folder.path(), nullptr, "--init");
  const ModelConfig& config = weights.file.model;
  Parameters parameters(config, at::kCPU, at::kFloat, /*trainable=*/false);
  copy_weights(weights, config, parameters);
  expect_logits(config, parameters, token_rows(numbers["inputs"]["plain"]), expected);

  CausalLm model(config, parameters);
  const auto prompt = expected["greedy"]["prompt"].get<std::vector<int32_t>>();
  const auto greedy = expected["greedy"]["tokens"].get<std::vector<int32_t>>();
  EXPECT_EQ(greedy.size(), 64u);
  Decoder decoder(model, /*context=*/512);
  EXPECT_EQ(generate_tokens(decoder, prompt, /*eos_id=*/-1, config.vocab_size,
                            {.max_new_tokens = 64, .sampling = {.temperature = 0}}),
            greedy);
}

INSTANTIATE_TEST_SUITE_P(, HuggingFaceFolders,
                         testing::Values("g3a_dense_dict_fp16", "g4b_dense_dict_fp16", "g4b_moe_dict_fp16"),
                         [](const auto& name) { return name.param; });

TEST(CheckpointFiles, ThePre2020FormatIsRefusedWithTheWayOut) {
  try {
    open_weights(MM_GOLDEN_DATA "/checkpoints/g3a_dense_legacy_fp16.pth", nullptr, "--init");
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    EXPECT_NE(std::string(error.what()).find("torch.save(torch.load("), std::string::npos) << error.what();
  }
}

TEST(CheckpointFiles, AnExportHasTheValuesOfTheFileItWasMadeFrom) {
  const auto open = [](const std::string& file) {
    return open_weights(MM_GOLDEN_DATA "/checkpoints/" + file, nullptr, "--init").tensors;
  };
  std::map<std::string, at::Tensor> pth;
  for (auto& [name, tensor] : open("g4b_dense_dict_fp16.pth")) pth[name] = tensor;
  const NamedTensors exported = open("g4b_dense_fp16_export.safetensors");
  EXPECT_EQ(exported.size(), pth.size());
  for (const auto& [name, tensor] : exported) EXPECT_TRUE(tensor.equal(pth.at(name))) << name;
}

}  // namespace
}  // namespace mm
