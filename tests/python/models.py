"""Small random models of every kind that we train, as safetensors files of ours, and one that was trained."""
import json

import torch
from safetensors.torch import save_file

from checks import GOLDEN, answers, made, run

BASE = {"vocab_size": 600, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "rope_theta": 1e4}
MOE = {"model_type": "moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
# MiniMind's inference_rope_scaling, for a shorter original length.
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32, "attention_factor": 1.0}
SIGMOID = {**MOE, "scoring_func": "sigmoid", "balance": "bias", "qk_norm": True}

# name -> settings of the section `model`
KINDS = {
    "softmax, q/k-norm, one shared": {**MOE, "qk_norm": True, "n_shared_experts": 1},
    "softmax, q/k-norm, two wide shared": {**MOE, "qk_norm": True, "n_shared_experts": 2,
                                           "shared_expert_intermediate_size": 96},
    "softmax, no shared, scaled": {**MOE, "routed_scaling_factor": 2.5},
    "softmax, shared, not normalised": {**MOE, "n_shared_experts": 1, "norm_topk_prob": False},
    "softmax, shared behind a gate": {**MOE, "n_shared_experts": 1, "shared_expert_gate": True},
    "softmax, q/k-norm, shared behind a gate": {**MOE, "qk_norm": True, "n_shared_experts": 1,
                                                "shared_expert_gate": True},
    "softmax, q/k-norm, none shared": {**MOE, "qk_norm": True},
    "softmax, q/k-norm, top-1 of weight 1": {**MOE, "qk_norm": True, "num_experts_per_tok": 1, "norm_top1_prob": True},
    "softmax, q/k-norm, top-1 raw": {**MOE, "qk_norm": True, "num_experts_per_tok": 1, "norm_top1_prob": False},
    "softmax, bias, one shared": {**MOE, "balance": "bias", "n_shared_experts": 1},
    "softmax, q/k-norm, scaled": {**MOE, "qk_norm": True, "routed_scaling_factor": 2.5},
    "sigmoid, bias, one shared, scaled": {**SIGMOID, "n_shared_experts": 1, "routed_scaling_factor": 2.5},
    "sigmoid, bias, groups": {**SIGMOID, "n_group": 4, "topk_group": 2, "n_shared_experts": 1},
    "sigmoid, no bias, none shared": {**SIGMOID, "balance": "none"},
    "sigmoid, no q/k-norm, interleaved": {**SIGMOID, "qk_norm": False, "rope_layout": "interleaved",
                                          "n_shared_experts": 2, "shared_expert_intermediate_size": 48},
    "softmax, q/k-norm, one shared, YaRN": {**MOE, "qk_norm": True, "n_shared_experts": 1, "rope_scaling": YARN},
    "softmax, q/k-norm, dense first layer": {**MOE, "qk_norm": True, "first_k_dense_replace": 1},
    "softmax, q/k-norm, one shared, dense first layer": {**MOE, "qk_norm": True, "n_shared_experts": 1,
                                                         "first_k_dense_replace": 1},
    "softmax, one shared, two dense layers": {**MOE, "n_shared_experts": 1, "num_hidden_layers": 3,
                                              "first_k_dense_replace": 2},
    "sigmoid, bias, one shared, dense first layer": {**SIGMOID, "n_shared_experts": 1, "first_k_dense_replace": 1},
    "dense, interleaved, YaRN": {"rope_layout": "interleaved", "rope_scaling": {**YARN, "attention_factor": 1.2}},
    "dense, untied, interleaved": {"rope_layout": "interleaved", "tie_word_embeddings": False},
    "dense, q/k-norm, wide heads": {"qk_norm": True, "head_dim": 32},
}


def shapes(model):
    """Names and shapes of its tensors."""
    d, heads, keys = model["hidden_size"], model["num_attention_heads"], model["num_key_value_heads"]
    width = model["head_dim"]
    experts = model.get("num_experts", 0) if model.get("model_type") == "moe" else 0

    def network(prefix, inner):
        return {prefix + "gate_proj.weight": (inner, d), prefix + "up_proj.weight": (inner, d),
                prefix + "down_proj.weight": (d, inner)}

    result = {"model.embed_tokens.weight": (model["vocab_size"], d), "model.norm.weight": (d,)}
    if not model.get("tie_word_embeddings", True):
        result["lm_head.weight"] = (model["vocab_size"], d)
    for layer in range(model["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        result |= {prefix + "input_layernorm.weight": (d,), prefix + "post_attention_layernorm.weight": (d,)}
        attention = prefix + "self_attn."
        result |= {attention + "q_proj.weight": (heads * width, d), attention + "k_proj.weight": (keys * width, d),
                   attention + "v_proj.weight": (keys * width, d), attention + "o_proj.weight": (d, heads * width)}
        if model.get("qk_norm"):
            result |= {attention + "q_norm.weight": (width,), attention + "k_norm.weight": (width,)}
        mlp = prefix + "mlp."
        if not experts or layer < model.get("first_k_dense_replace", 0):
            result |= network(mlp, model["intermediate_size"])
            continue
        result[mlp + "gate.weight"] = (experts, d)
        if model.get("balance", "none") != "none":
            result[mlp + "gate.e_score_correction_bias"] = (experts,)
        for expert in range(experts):
            result |= network(f"{mlp}experts.{expert}.", model["moe_intermediate_size"])
        for shared in range(model.get("n_shared_experts", 0)):
            inner = model.get("shared_expert_intermediate_size", model["moe_intermediate_size"])
            result |= network(f"{mlp}shared_experts.{shared}.", inner)
        if model.get("shared_expert_gate"):
            result[mlp + "shared_expert_gate.weight"] = (1, d)
    return result


def random_model(kind, path):
    """Writes it; norms are away from 1, biases large enough to change choices."""
    model = {**BASE, **KINDS[kind]}
    generator = torch.Generator().manual_seed(7)
    tensors = {}
    for name, shape in shapes(model).items():
        values = torch.rand(shape, generator=generator) - 0.5
        tensors[name] = 1 + 0.4 * values if name.endswith("norm.weight") else 0.4 * values
        if "gate.weight" in name:
            tensors[name] = 2 * values
    save_file(tensors, path, {"format": "pt", "minimind.model": json.dumps(model)})


def random_source(kind):
    """Its file."""
    return made(f"model {kind}", lambda folder: random_model(kind, folder / "model.safetensors")) / "model.safetensors"


def gguf_of(label, source, dtype):
    """Its GGUF file, with the tokenizer of the trained run. Raises where our program refuses."""
    tokenizer = trained_run() / "tiny.model"
    return made(f"{label} in {dtype}", lambda folder: run(
        "convert", source, folder / "model.gguf", "--dtype", dtype, "--tokenizer", tokenizer)) / "model.gguf"


def random_tokens():
    """Two rows of them."""
    return torch.randint(BASE["vocab_size"], (2, 24), generator=torch.Generator().manual_seed(1)).tolist()


def answers_of(label, source, tokens):
    """What we say to rows of tokens: logits at every position, row by row, and 64 greedy tokens a row."""
    positions = [[row, column] for row in range(len(tokens)) for column in range(len(tokens[0]))]
    question = {"tokens": tokens, "positions": positions, "greedy_tokens": 64}
    return json.loads((made(f"answers of {label}", lambda folder: answers(source, question, folder)) /
                       "out.json").read_text())


def trained_run(tokenizer="tiny.model"):
    """The folder of a run of a few steps on English prose and code, output/run, with a tokenizer of its own."""
    return made(f"run with {tokenizer}", lambda folder: train(folder, tokenizer))


def train(folder, tokenizer):
    lines = (GOLDEN / "data" / "pretrain_390.jsonl").read_text().splitlines()
    (folder / "english.jsonl").write_text("".join(line + "\n" for line in lines if json.loads(line)["text"].isascii()))
    settings = {"run.name": "run", "run.device": "cpu",
                "data.train": "english.jsonl", "data.sequence_length": 64, "tokenizer.path": tokenizer,
                "tokenizer.train": "true", "model.model_type": "moe", "model.vocab_size": BASE["vocab_size"],
                "model.hidden_size": 64, "model.num_hidden_layers": 2, "model.num_attention_heads": 4,
                "model.qk_norm": "true", "model.n_shared_experts": 1, "model.moe_intermediate_size": 64,
                "train.steps": 30, "train.micro_batch": 8, "schedule.warmup_steps": 5, "optim.learning_rate": 0.003}
    options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    run("pretrain", *options, folder=folder)
