// Every key of the `model` section, and the checks between them.
#include "model/model_config.h"

#include <cmath>
#include <numbers>

namespace mm {
namespace {

/// Feed-forward width from the model width, rounded to a multiple of 64.
///   "8/3"  64 * ceil(floor(8d/3) / 64)   MiniMind G0-G3
///   "pi"   64 * ceil(pi * d / 64)        MiniMind G4
int64_t derived_intermediate_size(const std::string& rule, int64_t hidden_size) {
  const int64_t width = rule == "pi"
                            ? static_cast<int64_t>(std::ceil(std::numbers::pi * static_cast<double>(hidden_size)))
                            : 8 * hidden_size / 3;
  return (width + 63) / 64 * 64;
}

/// Dense layers before routed ones.
///   width_said  whether anybody gave intermediate_size: what intermediate_rule derives knows nothing of the experts
void check_dense_layers(const ModelConfig& config, bool width_said, const std::string& where, Problems& problems) {
  const int64_t dense = config.moe.first_k_dense_replace;
  const auto problem = [&](const char* key, const std::string& got, const std::string& want,
                           const std::string& remedy) { problems.add(where + ":model." + key, got, want, remedy); };
  const auto number = [](int64_t value) { return std::to_string(value); };
  if (dense == 0) return;
  if (!config.is_moe()) {
    return problem("first_k_dense_replace", number(dense), "0 with model_type dense",
                   "all layers of such a model are dense");
  }
  if (dense >= config.num_hidden_layers) {
    problem("first_k_dense_replace", number(dense), "less than num_hidden_layers " + number(config.num_hidden_layers),
            "without a routed layer it is a dense model: set model_type to dense");
  }
  if (!width_said) {
    const MoeConfig& moe = config.moe;
    const int64_t active = moe.num_experts_per_tok * *moe.moe_intermediate_size +
                           moe.n_shared_experts * *moe.shared_expert_intermediate_size;
    problem("intermediate_size", "null", "the width of the dense layers with first_k_dense_replace " + number(dense),
            number(active) + " is what a token passes in a routed one");
  }
}

}  // namespace

void ModelConfig::visit(Fields& fields) {
  fields("model_type", model_type, "feed-forward layers: one network (dense) or routed experts (moe)",
         {.choices = {"dense", "moe"}, .switch_alias = SwitchAlias{"use_moe", "moe", "dense"}});
  fields("vocab_size", vocab_size, "rows of the embedding and of the head",
         {.min = 8, .max = 1 << 20, .unit = "tokens"});
  fields("hidden_size", hidden_size, "width of the residual stream",
         {.min = 8, .max = 65536, .unit = "features", .aliases = {"dim", "n_embd"}});
  fields("num_hidden_layers", num_hidden_layers, "transformer blocks",
         {.min = 1, .max = 512, .unit = "layers", .aliases = {"n_layers", "n_layer"}});
  fields("num_attention_heads", num_attention_heads, "query heads",
         {.min = 1, .max = 1024, .unit = "heads", .aliases = {"n_heads", "n_head"}});
  fields("num_key_value_heads", num_key_value_heads, "key and value heads, shared by groups of query heads (GQA)",
         {.min = 1, .max = 1024, .unit = "heads", .aliases = {"n_kv_heads"}});
  fields("head_dim", head_dim, "width of one head; null: hidden_size / num_attention_heads",
         {.min = 2, .max = 4096, .unit = "features"});
  fields("intermediate_size", intermediate_size, "width of the dense feed-forward; null: by intermediate_rule",
         {.min = 8, .max = 1 << 20, .unit = "features", .aliases = {"hidden_dim"}});
  fields("intermediate_rule", intermediate_rule,
         "8/3 of hidden_size (MiniMind to 2) or pi times it (MiniMind-3), to 64", {.choices = {"8/3", "pi"}});
  fields("rope_layout", rope_layout,
         "rotary pairs: (2i, 2i+1) interleaved (MiniMind to April 2025) or (i, i+d/2) half_split",
         {.choices = {"interleaved", "half_split"}});
  fields("rope_theta", rope_theta, "base of the rotary frequencies", {.min = 1, .max = 1e12});
  fields("rms_norm_eps", rms_norm_eps, "added to the mean square", {.min = 1e-12, .max = 1, .aliases = {"norm_eps"}});
  fields(
      "norm_rounding", norm_rounding,
      "where a 16-bit RMSNorm rounds: the normalised value before the weight (MiniMind to 2) or the product after it",
      {.choices = {"before_weight", "after_weight"}});
  fields("qk_norm", qk_norm, "RMSNorm on each query and key head before the rotation");
  fields("tie_word_embeddings", tie_word_embeddings, "the head is the embedding");
  fields("dropout", dropout, "probability, on embedding, attention and feed-forward outputs", {.min = 0, .max = 0.95});
  fields("ffn_dropout", ffn_dropout, "dropout behind the feed-forward too (MiniMind-3 leaves it out)");
  fields("initialization", initialization,
         "normal: N(0, initializer_range); scaled_normal: the same, residual outputs divided by sqrt(2 layers); "
         "minimind_v1: the same but up projections divided instead, gate uniform; uniform: U(+-1/sqrt(fan in))",
         {.choices = {"normal", "scaled_normal", "minimind_v1", "uniform"}});
  fields("initializer_range", initializer_range, "standard deviation of the normal initialisations",
         {.min = 0, .max = 1});
  moe.visit(fields);
  fields.section("rope_scaling", rope_scaling, "positions beyond those that were trained");
}

void resolve_model(ModelConfig& config, const std::string& where, Problems& problems) {
  const auto at = [&](const char* key) { return where + ":model." + key; };
  const auto number = [](int64_t value) { return std::to_string(value); };

  if (!config.head_dim) {
    const bool divides = config.hidden_size % config.num_attention_heads == 0;
    if (!divides) {
      problems.add(at("num_attention_heads"), number(config.num_attention_heads),
                   "a divisor of hidden_size " + number(config.hidden_size), "or set head_dim");
    }
    config.head_dim = divides ? config.hidden_size / config.num_attention_heads : 2;  // 2: no second complaint
  }
  if (*config.head_dim % 2 != 0) {
    problems.add(at("head_dim"), number(*config.head_dim), "an even number", "rotary positions turn pairs of features");
  }
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    problems.add(at("num_key_value_heads"), number(config.num_key_value_heads),
                 "a divisor of num_attention_heads " + number(config.num_attention_heads),
                 "each key/value head serves an equal group of query heads");
  }
  if (config.hidden_size % 8 != 0) {
    problems.add(at("hidden_size"), number(config.hidden_size), "a multiple of 8", "matrix products want 16-byte rows");
  }
  const bool width_said = config.intermediate_size.has_value();
  if (!width_said) {
    config.intermediate_size = derived_intermediate_size(config.intermediate_rule, config.hidden_size);
  }
  resolve_rope_scaling(config.rope_scaling, where, problems);
  derive_widths(config.moe, *config.intermediate_size);
  check_dense_layers(config, width_said, where, problems);
  if (config.is_moe()) check_moe(config.moe, where, problems);
  if (!config.is_moe_layer(0) && *config.intermediate_size % 8 != 0) {
    problems.add(at("intermediate_size"), number(*config.intermediate_size), "a multiple of 8",
                 "matrix products want 16-byte rows");
  }
}

}  // namespace mm
