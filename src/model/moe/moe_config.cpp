// Every key of an MoE model, and the checks between them.
#include "model/moe/moe_config.h"

namespace mm {
namespace {

class MoeChecks {
 public:
  MoeChecks(const MoeConfig& config, const std::string& where, Problems& problems)
      : config_(config), where_(where), problems_(problems) {}

  void check() {
    check_widths();
    check_groups();
    check_top_k();
    check_balance();
  }

 private:
  void problem(const char* key, int64_t got, const std::string& want, const char* remedy) {
    problems_.add(where_ + ":model." + key, std::to_string(got), want, remedy);
  }

  void check_widths() {
    const auto aligned = [&](const char* key, int64_t width) {
      if (width % 8 != 0) problem(key, width, "a multiple of 8", "matrix products want 16-byte rows");
    };
    aligned("moe_intermediate_size", *config_.moe_intermediate_size);
    if (config_.shared_expert_intermediate_size != config_.moe_intermediate_size) {
      aligned("shared_expert_intermediate_size", *config_.shared_expert_intermediate_size);
    }
    if (config_.shared_expert_gate && config_.n_shared_experts == 0) {
      problem("n_shared_experts", 0, "at least 1 with shared_expert_gate", "there is nothing to gate");
    }
  }

  void check_groups() {
    if (config_.num_experts % config_.n_group != 0) {
      problem("n_group", config_.n_group, "a divisor of num_experts " + std::to_string(config_.num_experts),
              "groups are of equal size");
    }
    if (config_.topk_group > config_.n_group) {
      problem("topk_group", config_.topk_group, "at most n_group " + std::to_string(config_.n_group),
              "a token cannot choose among more groups than there are");
    }
    if (config_.limits_groups() && config_.force_uniform_routing) {
      problem("topk_group", config_.topk_group, "n_group with force_uniform_routing",
              "experts that are taken in turn are not chosen from groups");
    }
  }

  void check_top_k() {
    if (config_.num_experts_per_tok > config_.num_experts) {
      problem("num_experts_per_tok", config_.num_experts_per_tok,
              "at most num_experts " + std::to_string(config_.num_experts),
              "a token cannot be sent to more experts than there are");
      return;
    }
    const int64_t eligible = config_.topk_group * (config_.num_experts / config_.n_group);
    if (config_.limits_groups() && config_.num_experts_per_tok > eligible) {
      problem("num_experts_per_tok", config_.num_experts_per_tok,
              "at most the " + std::to_string(eligible) + " experts of topk_group groups",
              "raise topk_group or lower n_group");
    }
  }

  void check_balance() {
    const bool quantile = config_.balance == "quantile";
    const auto problem_of = [&](const std::string& want, const char* remedy) {
      problems_.add(where_ + ":model.balance", '"' + config_.balance + '"', want, remedy);
    };
    if (config_.has_router_bias() && config_.force_uniform_routing) {
      problem_of("none with force_uniform_routing", "experts that are taken in turn are balanced already");
    }
    if (quantile && config_.scoring_func == "sqrtsoftplus") {
      problem_of("bias or none with scores of sqrtsoftplus", "margins of scores without an upper end have no range");
    }
    if (quantile && config_.limits_groups()) {
      problem_of("bias or none with topk_group below n_group",
                 "a margin says nothing of an expert whose group was left out");
    }
    if (quantile && config_.num_experts_per_tok >= config_.num_experts) {
      problem_of("bias or none when every token goes to every expert", "there is nothing to choose");
    }
  }

  const MoeConfig& config_;
  const std::string& where_;
  Problems& problems_;
};

}  // namespace

void MoeConfig::visit(Fields& fields) {
  fields("num_experts", num_experts, "routed experts in each layer",
         {.min = 1, .max = 1024, .unit = "experts", .aliases = {"n_routed_experts"}});
  fields("num_experts_per_tok", num_experts_per_tok, "experts that each token is sent to (top-k)",
         {.min = 1, .max = 1024, .unit = "experts"});
  fields("moe_intermediate_size", moe_intermediate_size, "width of one expert; null: intermediate_size",
         {.min = 8, .max = 1 << 20, .unit = "features"});
  fields("first_k_dense_replace", first_k_dense_replace,
         "so many layers at the start have a dense feed-forward of intermediate_size in place of experts (DeepSeek)",
         {.min = 0, .max = 511, .unit = "layers"});
  fields("n_shared_experts", n_shared_experts, "experts that every token passes, besides the routed ones",
         {.min = 0, .max = 64, .unit = "experts"});
  fields("shared_expert_intermediate_size", shared_expert_intermediate_size,
         "width of one shared expert; null: moe_intermediate_size", {.min = 8, .max = 1 << 20, .unit = "features"});
  fields("shared_expert_gate", shared_expert_gate,
         "multiply the output of the shared experts by a learned sigmoid of the token (Qwen2-MoE)");
  fields("scoring_func", scoring_func, "how router logits become scores, always in fp32",
         {.choices = {"softmax", "sigmoid", "sqrtsoftplus"}});
  fields("router_hidden_size", router_hidden_size,
         "capacity of the router: width of a hidden layer with SiLU between token and logits; 0: none, a linear router",
         {.min = 0, .max = 65536, .unit = "features"});
  fields("router_jitter", router_jitter, "multiply what the router sees by U(1 - x, 1 + x) while training; 0: never",
         {.min = 0, .max = 0.5});
  fields("n_group", n_group, "equal groups that the experts are divided into",
         {.min = 1, .max = 1024, .unit = "groups"});
  fields(
      "topk_group", topk_group,
      "groups that a token may choose from: those with the highest sum of their two best scores; as many as n_group: "
      "no limit (DeepSeek-V3)",
      {.min = 1, .max = 1024, .unit = "groups"});
  fields("norm_topk_prob", norm_topk_prob, "divide the chosen weights by their sum (top-k above 1)");
  fields("norm_top1_prob", norm_top1_prob,
         "do so for top-1 too: the weight is then always 1 and the router learns nothing from the language-model loss "
         "(MiniMind-3 as shipped)");
  fields("routed_scaling_factor", routed_scaling_factor, "factor on the weights of the routed experts",
         {.min = 0, .max = 100});
  fields("capacity_factor", capacity_factor,
         "while training an expert takes at most this many times its fair share of a micro-batch, the first by "
         "position, and drops the rest; 0: no limit",
         {.min = 0, .max = 1024});
  fields("force_uniform_routing", force_uniform_routing,
         "for benchmarks: send tokens to the experts in turn, whatever the scores");
  fields(
      "aux_loss", aux_loss,
      "load-balancing loss: over the micro-batch (token), over each sequence (sequence), as token but summed over the "
      "top-k slots (token_sum, MiniMind-3), over the whole optimizer step (step), or none",
      {.choices = {"token", "sequence", "token_sum", "step", "none"},
       .switch_alias = SwitchAlias{"seq_aux", "sequence", "token"}});
  fields("router_aux_loss_coef", router_aux_loss_coef, "factor on the load-balancing loss of each layer",
         {.min = 0, .max = 10, .aliases = {"aux_loss_alpha"}});
  fields("router_z_loss_coef", router_z_loss_coef,
         "factor on the squared log-sum-exp of the router logits of each layer", {.min = 0, .max = 10});
  fields("balance", balance,
         "balance without a loss: a bias per expert, for the choice alone, that goes up while the expert gets too few "
         "tokens (bias), or that would have balanced the step (quantile), or none",
         {.choices = {"none", "bias", "quantile"}});
  fields("router_bias_update_rate", router_bias_update_rate,
         "how much balance=bias changes a bias in one optimizer step, in units of the score", {.min = 0, .max = 1});
  fields("router_bias_smoothing", router_bias_smoothing,
         "part of the old bias that balance=quantile keeps in one optimizer step", {.min = 0, .max = 0.9999});
  fields("fp16_expert_output", fp16_expert_output,
         "round expert outputs to fp16 while training, as MiniMind did until December 2025");
}

void derive_widths(MoeConfig& config, int64_t dense_width) {
  if (!config.moe_intermediate_size) config.moe_intermediate_size = dense_width;
  if (!config.shared_expert_intermediate_size) config.shared_expert_intermediate_size = config.moe_intermediate_size;
}

void check_moe(const MoeConfig& config, const std::string& where, Problems& problems) {
  MoeChecks(config, where, problems).check();
}

}  // namespace mm
