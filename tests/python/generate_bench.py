"""`generate` and transformers with its cache on the same weights, prompts and threads, in turns.

generate_bench.py <path of generate> <folder of a tokenizer.json> <rounds>
Tokens per second behind the first new token, and the time up to that one, which reads the prompt. A line for each model
and length: medians of the rounds and the median of their ratios. At the end, whether a long text gets slower.
"""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import transformers

GENERATE, TOKENIZER, ROUNDS = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), int(sys.argv[3])
PROMPT_TOKENS = (64, 512)
NEW_TOKENS = 128
LONG = 1000
THREADS = len(os.sched_getaffinity(0))
SHAPE = dict(vocab_size=6400, hidden_size=768, intermediate_size=2432, num_hidden_layers=8, num_attention_heads=8,
             num_key_value_heads=4, head_dim=96, tie_word_embeddings=True, rope_theta=1e6, rms_norm_eps=1e-6,
             bos_token_id=1, eos_token_id=2, pad_token_id=0, max_position_embeddings=32768)
CONFIGS = {
    "dense": transformers.Qwen3Config(**SHAPE),
    "moe": transformers.Qwen3MoeConfig(**SHAPE, moe_intermediate_size=2432, num_experts=4, num_experts_per_tok=1,
                                       norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[]),
    "moe 8x2": transformers.Qwen3MoeConfig(**SHAPE, moe_intermediate_size=1216, num_experts=8, num_experts_per_tok=2,
                                           norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[]),
}


def prompt_of(tokenizer, count):
    """A text of so many tokens, the one that begins it counted in."""
    words = "the river and the stone went under a green cloud while seven lights sang of the north".split()
    text = ""
    while len(tokenizer.encode(text).ids) + 1 < count:
        text += (" " if text else "") + words[len(text) % len(words)]
    while len(tokenizer.encode(text).ids) + 1 > count:
        text = text[:-1]
    if len(tokenizer.encode(text).ids) + 1 != count:
        raise RuntimeError(f"no text of {count} tokens found")
    return text


def ours(folder, prompt, tokens, new_tokens=NEW_TOKENS):
    """(seconds up to the first token, tokens per second behind it), as the program tells them."""
    done = subprocess.run([GENERATE, "--init", folder, "--tokenizer", TOKENIZER / "tokenizer.json", "--prompt", prompt,
                           "--temperature", "0", "--max-new-tokens", str(new_tokens), "--context", "2048"],
                          capture_output=True, check=True)
    told = re.search(rb"\[(\d+) prompt tokens and the first new one in ([\d.]+) (us|ms|s), (\d+) more at ([\d.]+)",
                     done.stderr)
    if not told or int(told[1]) != tokens or int(told[4]) != new_tokens - 1:
        raise RuntimeError(f"generate told {done.stderr}, want {tokens} and {new_tokens - 1} tokens")
    return float(told[2]) * {b"us": 1e-6, b"ms": 1e-3, b"s": 1}[told[3]], float(told[5])


class Clock(transformers.StoppingCriteria):
    """Notes when each token comes."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores, **_):
        self.times.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool)


def theirs(model, ids):
    clock, start = Clock(), time.perf_counter()
    with torch.no_grad():
        model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False,
                       max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, use_cache=True, eos_token_id=None,
                       stopping_criteria=transformers.StoppingCriteriaList([clock]))
    if len(clock.times) != NEW_TOKENS:
        raise RuntimeError(f"transformers wrote {len(clock.times)} tokens")
    return clock.times[0] - start, (NEW_TOKENS - 1) / (clock.times[-1] - clock.times[0])


def compare(name, folder, model, tokenizer):
    for count in PROMPT_TOKENS:
        prompt = prompt_of(tokenizer, count)
        ids = [1] + tokenizer.encode(prompt).ids
        theirs(model, ids)  # warms up
        rounds = [(ours(folder, prompt, count), theirs(model, ids)) for _ in range(ROUNDS)]
        median = lambda pick: statistics.median(pick(*each) for each in rounds)
        print(f"{name:8} {count:4} prompt tokens: {median(lambda a, b: a[1]):7.1f} against {median(lambda a, b: b[1]):7.1f} "
              f"tokens/s, ratio {median(lambda a, b: a[1] / b[1]):.2f}; first token "
              f"{1e3 * median(lambda a, b: a[0]):6.0f} against {1e3 * median(lambda a, b: b[0]):6.0f} ms, ratio "
              f"{median(lambda a, b: b[0] / a[0]):.2f}", flush=True)


def check_long(name, folder, tokenizer):
    prompt = prompt_of(tokenizer, 64)
    short = [ours(folder, prompt, 64, 100)[1] for _ in range(ROUNDS)]
    long = [ours(folder, prompt, 64, LONG)[1] for _ in range(ROUNDS)]
    print(f"{name:8} {LONG} new tokens: {statistics.median(long):.1f} tokens/s, the first 100 of them "
          f"{statistics.median(short):.1f}", flush=True)


def main():
    import tokenizers
    torch.set_num_threads(THREADS)
    transformers.logging.set_verbosity_error()
    tokenizer = tokenizers.Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    print(f"generate against transformers {transformers.__version__}, {THREADS} threads, fp32, {NEW_TOKENS} new tokens, "
          f"{ROUNDS} rounds")
    for name, config in CONFIGS.items():
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(1)
            model = transformers.AutoModelForCausalLM.from_config(config).to(torch.float32).eval()
            model.save_pretrained(folder)
            compare(name, folder, model, tokenizer)
            check_long(name, folder, tokenizer)


main()
