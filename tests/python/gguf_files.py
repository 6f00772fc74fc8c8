"""What the `gguf` package makes of our GGUF files.

gguf_files.py <folder of the programs> <golden folder>
Prints a line for each check; the last is "N passed, N failed".
"""
import gguf
import numpy
import safetensors.torch

from checks import expect, finish
from models import KINDS, gguf_of, random_source


def check_gguf():
    """The `gguf` package reads every type of every architecture; values are ours, or near them."""
    steps = {"fp32": 0, "fp16": 2 ** -11, "bf16": 2 ** -8, "q8_0": 1 / 127}
    for kind in KINDS:
        source = random_source(kind)
        for dtype, step in steps.items():
            try:
                path = gguf_of(kind, source, dtype)
            except RuntimeError as error:
                expect(f"{kind} in GGUF: refused with the setting in the way", "(model." in str(error), error)
                break
            reader = gguf.GGUFReader(path)
            architecture = reader.get_field("general.architecture").contents()
            tensors = {tensor.name: tensor for tensor in reader.tensors}
            ours = safetensors.torch.load_file(source)
            worst = 0.0
            for theirs, wanted in [("token_embd.weight", ours["model.embed_tokens.weight"]),
                                   ("output_norm.weight", ours["model.norm.weight"]),
                                   ("blk.1.attn_v.weight", ours["model.layers.1.self_attn.v_proj.weight"])]:
                values = gguf.quants.dequantize(tensors[theirs].data, tensors[theirs].tensor_type)
                worst = max(worst, float(numpy.abs(values - wanted.numpy()).max() / wanted.abs().max()))
            for layer in range(3):
                if f"blk.{layer}.ffn_down_exps.weight" not in tensors:
                    continue
                stacked = tensors[f"blk.{layer}.ffn_down_exps.weight"]
                values = gguf.quants.dequantize(stacked.data, stacked.tensor_type)
                wanted = ours[f"model.layers.{layer}.mlp.experts.5.down_proj.weight"].numpy()
                worst = max(worst, float(numpy.abs(values[5] - wanted).max() / numpy.abs(wanted).max()))
            expect(f"{kind} as {architecture} in {dtype}: values", worst <= step, f"differ by {worst} of the largest")
        else:
            expect(f"{kind} as {architecture}: a token for every row", len(
                reader.get_field("tokenizer.ggml.tokens").data) == 600, "other number")


check_gguf()
finish()
