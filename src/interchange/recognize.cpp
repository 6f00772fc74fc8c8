// Shapes first, then the table of generations for what shapes leave open.
#include "interchange/recognize.h"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "interchange/tensors/key_names.h"

namespace mm {
namespace {

/// The number between `prefix` and the next dot, -1 when the name does not start so.
int64_t index_after(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return -1;
  name.remove_prefix(prefix.size());
  int64_t index = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  return error == std::errc() && end != name.data() + name.size() && *end == '.' ? index : -1;
}

class Shapes {
 public:
  Shapes(const std::vector<NamedShape>& tensors, const std::string& file) : tensors_(tensors), file_(file) {
    for (const NamedShape& tensor : tensors) by_name_.emplace(tensor.name, &tensor.shape);
  }

  bool has(const std::string& name) const { return by_name_.contains(name); }

  /// Length of one axis of a tensor that every model of the kind has.
  int64_t size(const std::string& name, size_t rank, size_t axis) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) refuse("no tensor " + name + " among its " + std::to_string(tensors_.size()));
    if (found->second->size() != rank) {
      refuse("a tensor " + name + " of " + std::to_string(found->second->size()) + " axes instead of " +
             std::to_string(rank));
    }
    return (*found->second)[axis];
  }

  /// One more than the highest index behind `prefix`, 0 when there is none.
  int64_t count(const std::string& prefix) const {
    int64_t count = 0;
    for (const NamedShape& tensor : tensors_) count = std::max(count, index_after(tensor.name, prefix) + 1);
    return count;
  }

 private:
  [[noreturn]] void refuse(const std::string& got) const {
    throw Error(ExitCode::kCheckpoint,
                got_want(file_, got, "the weights of a MiniMind, Llama, Qwen3 or Qwen3-MoE language model",
                         tensors_.empty() ? "" : "it has " + show_key(tensors_.front().name) + ", for example"));
  }

  const std::vector<NamedShape>& tensors_;
  const std::string& file_;
  std::map<std::string, const std::vector<int64_t>*> by_name_;
};

/// Those before the first router; 0 where there is none.
int64_t dense_layers(const Shapes& shapes, int64_t layers) {
  for (int64_t layer = 0; layer < layers; ++layer) {
    const std::string gate = "model.layers." + std::to_string(layer) + ".mlp.gate.";
    if (shapes.has(gate + "weight") || shapes.has(gate + "2.weight")) return layer;
  }
  return 0;
}

nlohmann::json settings_of(const ModelConfig& model) {
  ModelConfig copy = model;
  return nlohmann::json::parse(write_config([&](Fields& fields) { copy.visit(fields); }));
}

std::string text_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Recognized recognize(const std::vector<NamedShape>& tensors, bool minimind_names, const Generation* given,
                     const std::string& file) {
  const Shapes shapes(tensors, file);
  const int64_t layers = shapes.count("model.layers."), dense = dense_layers(shapes, layers);
  const std::string attention = "model.layers.0.self_attn.", first_mlp = "model.layers.0.mlp.";
  const std::string mlp = "model.layers." + std::to_string(dense) + ".mlp.";
  const int64_t vocab_size = shapes.size(std::string(kEmbeddingName), 2, 0);
  const int64_t hidden_size = shapes.size(std::string(kEmbeddingName), 2, 1);
  const bool linear_router = shapes.has(mlp + "gate.weight"), deep_router = shapes.has(mlp + "gate.2.weight");
  const bool moe = linear_router || deep_router, qk_norm = shapes.has(attention + "q_norm.weight");

  Recognized result;
  result.attention_width = shapes.size(attention + "q_proj.weight", 2, 0);
  result.key_value_width = shapes.size(attention + "k_proj.weight", 2, 0);
  const bool half = 2 * result.key_value_width == hidden_size;
  const char* name = minimind_names ? (half ? "g1" : "g2") : qk_norm ? "g4" : "g3c";
  result.generation = given != nullptr ? given : &find_generation(name, file);
  result.assumed = given == nullptr;
  result.model = generation_model(*result.generation, moe);

  ModelConfig& model = result.model;
  const auto fact = [&](const char* key, auto& setting, auto value) {
    setting = value;
    result.facts.push_back({key, nlohmann::json(value).dump()});
  };
  fact("model_type", model.model_type, std::string(moe ? "moe" : "dense"));
  fact("vocab_size", model.vocab_size, vocab_size);
  fact("hidden_size", model.hidden_size, hidden_size);
  fact("num_hidden_layers", model.num_hidden_layers, layers);
  fact("qk_norm", model.qk_norm, qk_norm);
  fact("tie_word_embeddings", model.tie_word_embeddings, !shapes.has("lm_head.weight"));
  if (!moe || dense > 0) {
    fact("intermediate_size", model.intermediate_size, shapes.size(first_mlp + "gate_proj.weight", 2, 0));
  }
  if (moe) {
    fact("first_k_dense_replace", model.moe.first_k_dense_replace, dense);
    fact("num_experts", model.moe.num_experts,
         shapes.size(mlp + (deep_router ? "gate.2.weight" : "gate.weight"), 2, 0));
    const int64_t router_width = deep_router ? shapes.size(mlp + "gate.0.weight", 2, 0) : 0;
    fact("router_hidden_size", model.moe.router_hidden_size, router_width);
    const int64_t shared = shapes.count(mlp + "shared_experts.");
    fact("n_shared_experts", model.moe.n_shared_experts, shared);
    if (shared > 0) {
      fact("shared_expert_intermediate_size", model.moe.shared_expert_intermediate_size,
           shapes.size(mlp + "shared_experts.0.gate_proj.weight", 2, 0));
    }
    // Which rule moves the bias, no tensor tells.
    if (shapes.has(mlp + "gate.e_score_correction_bias")) model.moe.balance = "bias";
    fact("shared_expert_gate", model.moe.shared_expert_gate, shapes.has(mlp + "shared_expert_gate.weight"));
    fact("moe_intermediate_size", model.moe.moe_intermediate_size,
         shapes.size(mlp + "experts.0.gate_proj.weight", 2, 0));
  }
  if (qk_norm) {
    const int64_t head_dim = shapes.size(attention + "q_norm.weight", 1, 0);
    fact("head_dim", model.head_dim, head_dim);
    if (head_dim > 0) model.num_attention_heads = result.attention_width / head_dim;
  }
  settle_heads(result, false, model);
  return result;
}

void settle_heads(const Recognized& file, bool keep_key_value_heads, ModelConfig& model) {
  if (model.num_attention_heads <= 0 || file.attention_width % model.num_attention_heads != 0) return;
  const int64_t head_dim = file.attention_width / model.num_attention_heads;
  if (!model.qk_norm) model.head_dim = head_dim;
  if (!keep_key_value_heads && head_dim > 0 && file.key_value_width % head_dim == 0) {
    model.num_key_value_heads = file.key_value_width / head_dim;
  }
}

void check_facts(const Recognized& recognized, const std::vector<ModelSource>& sources, const std::string& file) {
  std::vector<nlohmann::json> settings;
  for (const ModelSource& source : sources) settings.push_back(settings_of(source.model));

  std::vector<std::string> conflicts;
  const auto complain = [&](const std::string& key, const std::string& got, const std::string& want) {
    std::vector<std::string> values;
    for (size_t i = 0; i < sources.size(); ++i) values.push_back(text_of(settings[i][key]) + " in " + sources[i].name);
    conflicts.push_back(got_want(file + ":model." + key, got.empty() ? join(values, ", ") : got, want,
                                 "leave the setting out, or use the config that the weights were trained with"));
  };
  for (const ShapeFact& fact : recognized.facts) {
    const auto want = nlohmann::json::parse(fact.value);
    if (settings.back()[fact.key] != want) complain(fact.key, "", text_of(want) + ", as the tensors of the file say");
  }
  const ModelConfig& model = sources.back().model;
  const auto heads = [&](const char* key, int64_t count, int64_t width) {
    if (count * *model.head_dim == width) return;
    complain(key, format("%lld heads of %lld", static_cast<long long>(count), static_cast<long long>(*model.head_dim)),
             format("heads that make %lld rows, as the tensors of the file have", static_cast<long long>(width)));
  };
  heads("num_attention_heads", model.num_attention_heads, recognized.attention_width);
  heads("num_key_value_heads", model.num_key_value_heads, recognized.key_value_width);
  if (!conflicts.empty()) throw Error(ExitCode::kCheckpoint, join(conflicts, "\n"));
}

}  // namespace mm
