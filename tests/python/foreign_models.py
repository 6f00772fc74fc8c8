"""What we make of models that transformers made: small random ones of every class that we read, saved as it saves them.
with_transformers.py runs this."""
import json

import torch

from checks import answers, expect, run

SIZES = {"vocab_size": 600, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "intermediate_size": 96, "max_position_embeddings": 256, "rope_theta": 1e4}
EXPERTS = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
NEXT = {"head_dim": 16, "partial_rotary_factor": 1.0, "shared_expert_intermediate_size": 64,
        "layer_types": ["full_attention"] * 2, "linear_num_key_heads": 2, "linear_num_value_heads": 2,
        "linear_key_head_dim": 16, "linear_value_head_dim": 16}
GLM = {"n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "n_shared_experts": 1,
       "first_k_dense_replace": 0, "partial_rotary_factor": 1.0, "head_dim": 16}
# MiniMind's inference_rope_scaling, and the defaults of the paper.
YARN = {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 16, "beta_fast": 32.0,
        "beta_slow": 1.0, "attention_factor": 1.0}
PLAIN_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}

# label -> class, its config over SIZES
MODELS = {
    "Llama": ("Llama", {}),
    "Llama, wide heads, tied": ("Llama", {"head_dim": 32, "tie_word_embeddings": True}),
    "Llama, as many key/value heads": ("Llama", {"num_key_value_heads": None}),
    "Llama, YaRN of MiniMind": ("Llama", {"rope_scaling": YARN}),
    "Qwen3": ("Qwen3", {"head_dim": 16}),
    "Qwen3, YaRN": ("Qwen3", {"head_dim": 32, "rope_scaling": PLAIN_YARN}),
    "Qwen2-MoE, not normalised": ("Qwen2Moe", {**EXPERTS, "shared_expert_intermediate_size": 96}),
    "Qwen2-MoE, normalised": ("Qwen2Moe", {**EXPERTS, "shared_expert_intermediate_size": 64, "norm_topk_prob": True}),
    "Qwen3-MoE": ("Qwen3Moe", {**EXPERTS, "head_dim": 16, "norm_topk_prob": True}),
    "Qwen3-MoE, weights as they are": ("Qwen3Moe", {**EXPERTS, "head_dim": 16}),
    "Qwen3-MoE, top-1, YaRN": ("Qwen3Moe", {**EXPERTS, "num_experts_per_tok": 1, "head_dim": 16,
                                            "norm_topk_prob": True, "rope_scaling": YARN}),
    "Qwen2-MoE, dense first layer": ("Qwen2Moe", {**EXPERTS, "shared_expert_intermediate_size": 64,
                                                  "mlp_only_layers": [0]}),
    "Qwen3-MoE, dense first layer": ("Qwen3Moe", {**EXPERTS, "head_dim": 16, "mlp_only_layers": [0]}),
    "Qwen3-Next": ("Qwen3Next", {**EXPERTS, **NEXT}),
    "Qwen3-Next, dense first layer": ("Qwen3Next", {**EXPERTS, **NEXT, "mlp_only_layers": [0]}),
    "GLM-4 MoE": ("Glm4Moe", GLM),
    "GLM-4 MoE, dense first layer": ("Glm4Moe", {**GLM, "first_k_dense_replace": 1}),
    "GLM-4 MoE, q/k-norm, groups, two shared": ("Glm4Moe", {**GLM, "use_qk_norm": True, "n_group": 4, "topk_group": 2,
                                                            "n_shared_experts": 2, "routed_scaling_factor": 2.5}),
}


def made_by_transformers(transformers, name, settings):
    """A model with every weight random; what ours has no place for is as the class begins with it, 0."""
    config = getattr(transformers, name + "Config")(**{**SIZES, **settings})
    torch.manual_seed(3)
    model = getattr(transformers, name + "ForCausalLM")(config).to(torch.float32).eval()
    with torch.no_grad():
        for key, values in [*model.named_parameters(), *model.named_buffers()]:
            if "inv_freq" in key or key.endswith("_proj.bias"):
                continue
            values.copy_(torch.rand_like(values) - 0.5)
            values.mul_(0.4 if values.dim() > 1 else 0.2)
            if "norm" in key and name != "Qwen3Next":
                values.add_(1)
            if name == "Qwen3Next" and key.endswith("q_proj.weight"):
                values.view(-1, 2, config.head_dim, config.hidden_size)[:, 1] = 0
    return model


def check_model(transformers, label, name, settings, folder):
    model = made_by_transformers(transformers, name, settings)
    saved = folder / "saved"
    model.save_pretrained(saved)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(SIZES["vocab_size"], (2, 96), generator=generator)
    with torch.no_grad():
        theirs = model(tokens, use_cache=False).logits.flatten(0, 1)
    positions = [[row, column] for row in range(2) for column in range(96)]
    ours = torch.tensor(answers(saved, {"tokens": tokens.tolist(), "positions": positions}, folder)["logits"])
    difference = (ours - theirs).abs().max().item()
    label = f"{label} of transformers {transformers.__version__}"
    expect(f"{label}: logits", difference <= 1e-4, f"differ by {difference}")

    config = json.loads((saved / "config.json").read_text())
    changes = ["--set", "model.qkv_bias=false"] if name == "Qwen2Moe" else []
    (folder / "empty.jsonl").write_text('{"text": "a"}\n')
    try:
        said = run("pretrain", "--config", saved / "config.json", *changes, "--check", "--set", "run.device=cpu",
                   "--set", f"data.train={folder / 'empty.jsonl'}", "--set", "tokenizer.train=true", "--set",
                   f"tokenizer.path={folder / 'none.json'}", "--set", "data.sequence_length=16", "--set",
                   "train.micro_batch=1")
    except RuntimeError as error:
        expect(f"{label}: its config.json is a config of ours", False, error)
        return
    left_out = sum(values.numel() for key, values in model.named_parameters()
                   if key.endswith("_proj.bias") or (name == "Glm4Moe" and "e_score" in key))
    if name == "Qwen3Next":
        left_out += config["num_hidden_layers"] * config["num_attention_heads"] * 16 * config["hidden_size"]
    want = f"parameters  {model.num_parameters() - left_out:,} total"
    expect(f"{label}: parameters of its config.json", want in said, f"{said.partition('exports')[0]} without {want}")


def check_foreign_models(transformers, folder):
    for label, (name, settings) in MODELS.items():
        check_model(transformers, label, name, settings, folder)
