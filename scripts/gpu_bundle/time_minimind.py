#!/usr/bin/env python3
"""Times MiniMind's own Python model at the shapes of one of our configs. Prints one JSON line a variant.

usage: time_minimind.py <MiniMind's model/model_minimind.py> <config.json>

A step is what MiniMind's trainer does, without its data: bf16 autocast, loss and balancing loss over the accumulation,
backward, the norm clipped to 1, AdamW. Variants: `eager` as shipped, `fused` with a fused AdamW, `compiled` besides.
"""

import importlib.util
import json
import statistics
import sys
import time

STEPS = 5
SECONDS = 75  # no variant begins later
SHARED = ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "num_key_value_heads",
          "rms_norm_eps", "rope_theta", "num_experts", "num_experts_per_tok", "norm_topk_prob", "router_aux_loss_coef",
          "intermediate_size", "moe_intermediate_size")


def load_module(path):
    spec = importlib.util.spec_from_file_location("model_minimind", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where transformers looks for it
    spec.loader.exec_module(module)
    return module


def seconds_of_a_step(torch, model, fused, compiled, train, length):
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, fused=fused)
    run = torch.compile(model) if compiled else model
    tokens = torch.randint(0, model.config.vocab_size, (train["micro_batch"], length), device="cuda")

    def step():
        for _ in range(train["accumulation"]):
            with torch.autocast("cuda", dtype=torch.bfloat16):
                result = run(tokens, labels=tokens)
                loss = (result.loss + result.aux_loss) / train["accumulation"]
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def timed():
        begin = time.monotonic()
        step()
        torch.cuda.synchronize()
        return time.monotonic() - begin

    timed()
    timed()
    return statistics.median(timed() for _ in range(STEPS))


def main():
    import torch

    began = time.monotonic()
    module = load_module(sys.argv[1])
    with open(sys.argv[2]) as file:
        wanted = json.load(file)
    section, train, length = wanted["model"], wanted["train"], wanted["data"]["sequence_length"]
    config = module.MiniMindConfig(
        use_moe=section["model_type"] == "moe", **{key: section[key] for key in SHARED if key in section})
    for variant, fused, compiled in (("eager", False, False), ("fused", True, False), ("compiled", True, True)):
        row = {"variant": variant}
        if time.monotonic() - began > SECONDS:
            row["skipped"] = "no time left"
        else:
            try:
                torch.manual_seed(42)
                model = module.MiniMindForCausalLM(config).cuda().train()
                seconds = seconds_of_a_step(torch, model, fused, compiled, train, length)
                tokens = train["micro_batch"] * train["accumulation"] * length
                row |= {"parameters": sum(p.numel() for p in model.parameters()), "seconds": seconds,
                        "tokens_per_second": tokens / seconds, "bytes": torch.cuda.max_memory_allocated()}
            except Exception as problem:  # a variant that fails is a row
                row["failed"] = f"{type(problem).__name__}: {problem}"[:300]
        print(json.dumps(row), flush=True)
        model = None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch._dynamo.reset()


main()
