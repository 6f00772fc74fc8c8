// Files as users have them: prefixes, tables, stacked experts, heads of their own, training states, missing tensors.
#include "interchange/weights.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "checkpoint/pth/pth_writer.h"
#include "checkpoint/safetensors.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "interchange/export/export.h"
#include "interchange/state_dict.h"
#include "tests/support/nan_memory.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

Weights golden(const std::string& file) {
  return open_weights(MM_GOLDEN_DATA "/checkpoints/" + file, nullptr, "--init");
}

bool same(const NamedTensors& a, const NamedTensors& b) {
  std::map<std::string, at::Tensor> others(b.begin(), b.end());
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    if (!others.contains(name) || !others.at(name).equal(tensor)) return false;
  }
  return true;
}

TEST(Weights, PrefixesAndMasksGoAndTheLineSaysSo) {
  EXPECT_EQ(golden("g4b_dense_module_fp16.pth").description,
            "g4 .pth, fp16, 24 tensors; stripped _orig_mod. or module. from 25 keys; the head is the embedding");
  EXPECT_EQ(golden("g1_dense_mask_keys_fp32.pth").description,
            "g1 .pth, fp32, 20 tensors; dropped 2 masks or tables that follow from the config; the head is the "
            "embedding");
}

TEST(Weights, AHeadUnlikeTheEmbeddingIsAHeadOfItsOwn) {
  const Weights tied = golden("g4b_dense_dict_fp16.pth");
  NamedTensors tensors = tied.tensors;
  tensors.emplace_back("lm_head.weight", tensors.front().second * 2);
  const TempFolder folder;
  write_pth(folder / "untied.pth", tensors);
  const Weights untied = open_weights(folder / "untied.pth", nullptr, "--init");
  EXPECT_FALSE(untied.file.model.tie_word_embeddings);
  EXPECT_EQ(untied.tensors.size(), tied.tensors.size() + 1);
  const Thrown error = thrown_by([&] { model_with_flags(untied.file, {"model.tie_word_embeddings=true"}); });
  EXPECT_NE(error.message.find("model.tie_word_embeddings: got true in --set, want false"), std::string::npos)
      << error.message;
}

TEST(Weights, AFileOfOursNamesItsTokenizerAndOneThatIsGoneIsNone) {
  const Weights dense = golden("g4b_dense_dict_fp16.pth");
  const TempFolder folder;
  write_file_atomic(folder / "elsewhere.model", "a tokenizer");
  const std::string tokenizer = folder / "elsewhere.model";
  write_generation_pth(folder / "x.pth", dense.tensors, dense.file.model, find_generation("g4", "test"), {}, tokenizer);
  write_model_safetensors(folder / "x.safetensors", dense.tensors, dense.file.model,
                          {.tokenizer = tokenizer, .sequence_length = 96});
  const Weights pth = open_weights(folder / "x.pth", nullptr, "--init");
  const Weights safetensors = open_weights(folder / "x.safetensors", nullptr, "--init");
  EXPECT_EQ(pth.tokenizer_path, tokenizer);
  EXPECT_TRUE(same(pth.tensors, dense.tensors));
  EXPECT_EQ(safetensors.tokenizer_path, tokenizer);
  EXPECT_EQ(safetensors.sequence_length, 96);
  fs::remove(tokenizer);
  EXPECT_EQ(open_weights(folder / "x.pth", nullptr, "--init").tokenizer_path, "");
}

TEST(Weights, OtherContainersOfTheSameTensorsAreRead) {
  const Weights dense = golden("g4b_dense_dict_fp16.pth");
  const TempFolder folder;
  for (const char* key : {"state_dict", "module"}) {
    write_pth(folder / "nested.ckpt", PthValue{PthDict{{std::string("epoch"), PthValue{int64_t{3}}},
                                                       {std::string(key), PthValue{PthStateDict{dense.tensors}}}}});
    EXPECT_TRUE(same(open_weights(folder / "nested.ckpt", nullptr, "--init").tensors, dense.tensors)) << key;
  }
  write_model_safetensors(folder / "no_ending", dense.tensors, dense.file.model);
  EXPECT_TRUE(same(open_weights(folder / "no_ending", nullptr, "--init").tensors, dense.tensors));

  write_huggingface_folder(folder / "shards", dense.tensors, dense.file.model);
  fs::remove(folder / "shards/model.safetensors");
  const auto half = dense.tensors.begin() + 5;
  write_pth(folder / "shards/pytorch_model-00001-of-00002.bin", NamedTensors(dense.tensors.begin(), half));
  write_pth(folder / "shards/pytorch_model-00002-of-00002.bin", NamedTensors(half, dense.tensors.end()));
  std::string map;
  for (const auto& [name, tensor] : dense.tensors) {
    const bool first = std::any_of(dense.tensors.begin(), half, [&](const auto& entry) { return entry.first == name; });
    map += (map.empty() ? "" : ", ") + quote_json(name) + ": \"pytorch_model-0000" + (first ? "1" : "2") +
           "-of-00002.bin\"";
  }
  write_file_atomic(folder / "shards/pytorch_model.bin.index.json", "{\"weight_map\": {" + map + "}}");
  EXPECT_TRUE(same(open_weights(folder / "shards", nullptr, "--init").tensors, dense.tensors));
}

TEST(Weights, AFileOfAnotherKindIsNamedWhateverItIsCalled) {
  const TempFolder folder;
  const auto refusal = [&](const std::string& bytes) {
    write_file_atomic(folder / "weights.ckpt", bytes);
    return thrown_by([&] { open_weights(folder / "weights.ckpt", nullptr, "--init"); }).message;
  };
  EXPECT_NE(refusal("GGUF\x03").find("got a GGUF file"), std::string::npos);
  EXPECT_NE(refusal("version https://git-lfs.github.com/spec/v1\n").find("got a git-lfs pointer"), std::string::npos);
}

TEST(Weights, StackedExpertsAreTheSameModel) {
  const Weights split = golden("g4b_moe_dict_fp16.pth");
  const std::map<std::string, at::Tensor> by_name(split.tensors.begin(), split.tensors.end());
  NamedTensors stacked;
  for (const auto& [name, tensor] : split.tensors) {
    if (name.find(".experts.") == std::string::npos) stacked.emplace_back(name, tensor);
  }
  for (const std::string layer : {"model.layers.0.mlp.experts.", "model.layers.1.mlp.experts."}) {
    std::vector<at::Tensor> gate_up, down;
    for (int expert = 0; expert < 4; ++expert) {
      const std::string prefix = layer + std::to_string(expert) + ".";
      gate_up.push_back(at::cat({by_name.at(prefix + "gate_proj.weight"), by_name.at(prefix + "up_proj.weight")}));
      down.push_back(by_name.at(prefix + "down_proj.weight"));
    }
    stacked.emplace_back(layer + "gate_up_proj", at::stack(gate_up));
    stacked.emplace_back(layer + "down_proj", at::stack(down));
  }
  const TempFolder folder;
  write_safetensors(folder / "stacked.safetensors", stacked, {});
  const Weights read = open_weights(folder / "stacked.safetensors", nullptr, "--init");
  EXPECT_TRUE(same(read.tensors, split.tensors));
}

TEST(Weights, LoadingWritesEveryParameter) {
  for (const char* file : {"g1_dense_mask_keys_fp32.pth", "g4b_dense_dict_fp16.pth", "g4b_moe_dict_fp16.pth"}) {
    const Weights weights = golden(file);
    const ModelConfig model = model_with_flags(weights.file, {});
    const NanInFreshMemory nan;
    Parameters parameters(model, at::kCPU, at::kBFloat16, /*trainable=*/false);
    EXPECT_TRUE(parameters.master().isnan().any().item<bool>());
    copy_weights(weights, model, parameters);
    EXPECT_FALSE(parameters.master().isnan().any().item<bool>()) << file;
    NamedTensors want = checked_tensors(weights, model);
    for (auto& [name, tensor] : want) tensor = tensor.to(at::kFloat);
    EXPECT_TRUE(same(parameters.named(parameters.master()), want)) << file;
    for (const StoredTensor& stored : parameters.layout().stored) {
      EXPECT_FALSE(parameters.leaf(stored.name).isnan().any().item<bool>()) << file << " " << stored.name;
    }
  }
}

TEST(Weights, RouterBiasesComeWithTheModelAndAreZeroWhereTheFileHasNone) {
  const Weights plain = golden("g4b_moe_dict_fp16.pth");
  const std::vector<std::string> settings = {"model.balance=bias"};
  Parameters parameters(model_with_flags(plain.file, settings), at::kCPU, at::kFloat, /*trainable=*/false);
  const at::Tensor bias_le = parameters.router_state().bias_le.fill_(7);
  copy_weights(plain, model_with_flags(plain.file, settings), parameters);
  EXPECT_TRUE(bias_le.eq(0).all().item<bool>());

  bias_le.copy_(at::arange(8).view({2, 4}));
  const TempFolder folder;
  write_safetensors(folder / "model.safetensors", parameters.tensors(), {});
  const Weights saved = open_weights(folder / "model.safetensors", nullptr, "--init");
  EXPECT_EQ(saved.file.model.moe.balance, "bias");
  bias_le.fill_(7);
  copy_weights(saved, saved.file.model, parameters);
  EXPECT_TRUE(bias_le.flatten().equal(at::arange(8).to(at::kFloat)));
  const Thrown error = thrown_by([&] { checked_tensors(saved, model_with_flags(saved.file, {"model.balance=none"})); });
  EXPECT_NE(error.message.find("2 unexpected: model.layers.0.mlp.gate.e_score_correction_bias [4]"), std::string::npos)
      << error.message;
}

TEST(Weights, ShardsWithAnIndexAreOneModel) {
  const Weights whole = golden("g4b_dense_dict_fp16.pth");
  const TempFolder folder;
  write_huggingface_folder(folder / "hf", whole.tensors, whole.file.model, {});
  fs::remove(folder / "hf/model.safetensors");
  const auto middle = whole.tensors.begin() + 10;
  write_safetensors(folder / "hf/a.safetensors", {whole.tensors.begin(), middle}, {});
  write_safetensors(folder / "hf/b.safetensors", {middle, whole.tensors.end()}, {});
  write_file_atomic(folder / "hf/model.safetensors.index.json",
                    R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
  EXPECT_TRUE(same(open_weights(folder / "hf", nullptr, "--init").tensors, whole.tensors));
  write_file_atomic(folder / "hf/model.safetensors.index.json", R"({"weight_map": {"x": "../a.safetensors"}})");
  EXPECT_EQ(thrown_by([&] { open_weights(folder / "hf", nullptr, "--init"); }).code, ExitCode::kCheckpoint);
}

TEST(Weights, MissingUnexpectedAndMisshapenTensorsAreListedTogether) {
  const Weights whole = golden("g4b_dense_dict_fp16.pth");
  NamedTensors tensors;
  for (const auto& [name, tensor] : whole.tensors) {
    if (name == "model.layers.1.mlp.up_proj.weight") continue;
    const bool cut = name == "model.layers.1.input_layernorm.weight";
    tensors.emplace_back(name, cut ? tensor.narrow(0, 0, 8) : tensor);
  }
  tensors.emplace_back("model.layers.1.mlp.bias", whole.tensors.back().second);
  const TempFolder folder;
  write_pth(folder / "torn.pth", tensors);
  const Weights torn = open_weights(folder / "torn.pth", nullptr, "--init");
  const Thrown error = thrown_by([&] { checked_tensors(torn, torn.file.model); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message,
            folder / "torn.pth" +
                ": got tensors that do not fit the model (1 missing: model.layers.1.mlp.up_proj.weight [256, 64]; 1 "
                "unexpected: model.layers.1.mlp.bias [64]; 1 of another shape: model.layers.1.input_layernorm.weight "
                "is [8], want [64]), want 24 tensors with the model's names and shapes (use the config that the "
                "weights were trained with)");
}

TEST(Weights, AStateDictInALargerDictIsFoundAndNeedsNoOptimizer) {
  const Weights whole = golden("g4b_dense_dict_fp16.pth");
  const TempFolder folder;
  for (const std::string key : {"model", "state_dict", "model_state_dict"}) {
    PthDict root;
    root.emplace_back(key, PthValue{PthStateDict{whole.tensors}});
    root.emplace_back("step", PthValue{int64_t{7}});
    write_pth(folder / (key + ".pth"), PthValue{root});
    const Weights nested = open_weights(folder / (key + ".pth"), nullptr, "--init");
    EXPECT_TRUE(same(nested.tensors, whole.tensors)) << key;
    EXPECT_FALSE(nested.training);
  }
}

TEST(Weights, ATrainingStateGivesWeightsMomentsAndThePlace) {
  const Weights dense = golden("g4b_dense_resume.pth"), moe = golden("g3b_moe_resume.pth");
  ASSERT_TRUE(dense.training && moe.training);
  EXPECT_EQ(dense.training->updates, 3);
  EXPECT_EQ(dense.training->first_moments.size(), dense.tensors.size());
  EXPECT_EQ(moe.training->second_moments.size(), moe.tensors.size());
  const std::map<std::string, at::Tensor> weights(moe.tensors.begin(), moe.tensors.end());
  for (const auto& [name, moment] : moe.training->first_moments) EXPECT_EQ(moment.sizes(), weights.at(name).sizes());
}

TEST(Weights, NothingThereNamesThePlaceAndTheWayOut) {
  const Thrown error = thrown_by([] { open_weights("weights/./pretrain_512_moe.pth", nullptr, "init.from"); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message, "init.from: got weights/./pretrain_512_moe.pth, and there is nothing at " +
                               (fs::current_path() / "weights/pretrain_512_moe.pth").string() +
                               ", want weights (train from scratch with --from-scratch, or put the file there)");
}

TEST(Weights, AFolderWithoutWeightsAndAFileOfAnotherKindAreRefused) {
  const TempFolder folder;
  const Thrown empty = thrown_by([&] { open_weights(folder.path(), nullptr, "--init"); });
  EXPECT_EQ(empty.message, "--init: got " + folder.path() +
                               ", want a .pth or .safetensors file, a Hugging Face folder, or a run with checkpoints/ "
                               "(name a run below output/, for example)");
  write_file_atomic(folder / "weights.ckpt", "PK");
  EXPECT_EQ(thrown_by([&] { open_weights(folder / "weights.ckpt", nullptr, "--init"); }).code, ExitCode::kCheckpoint);
}

}  // namespace
}  // namespace mm
