"""Our GGUF files in llama.cpp: logits, 64 greedy tokens and the tokens of texts, beside ours. Run by hand: it wants the
package llama-cpp-python, which takes a long time to build.

gguf_in_llama_cpp.py <folder of the programs> <golden folder> [corpus.jsonl ...]
Prints a line for each check; the last is "N passed, N failed".
"""
import json
import pathlib
import sys
import tempfile

import llama_cpp
import numpy
import sentencepiece
import torch

from checks import GOLDEN, answers, expect, finish, run
from models import BASE, KINDS, random_model, trained_run

TOKENIZER = GOLDEN / "tokenizers" / "g4" / "tokenizer.json"
# How far logits may be from ours: ggml multiplies in the type of the weights. With 8 bits a token may go to another
# expert, so that the mean over all logits is judged, in standard deviations of them.
TOLERANCES = {"fp32": 2e-4, "fp16": 3e-2}
MEAN_TOLERANCE = 0.2


def opened(path):
    return llama_cpp.Llama(str(path), n_ctx=256, n_batch=256, logits_all=True, verbose=False, n_threads=1,
                           type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)


def greedy_tokens(model, ours, gap):
    """Whether llama.cpp chooses as we do, or two tokens are closer than `gap` where it first does not."""
    for token in ours:
        scores = model.scores[model.n_tokens - 1, :BASE["vocab_size"]]
        if int(numpy.argmax(scores)) != token:
            return bool(scores.max() - scores[token] <= gap)
        model.eval([token])
    return True


def check_model(folder, label, source, tokenizer):
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(BASE["vocab_size"], (24,), generator=generator).tolist()
    question = {"tokens": [tokens], "positions": [[0, column] for column in range(24)], "greedy_tokens": 64}
    ours = answers(source, question, folder)
    wanted = numpy.array(ours["logits"])
    for dtype in ("fp32", "fp16", "q8_0"):
        path = folder / "model.gguf"
        run("convert", source, path, "--dtype", dtype, "--tokenizer", tokenizer)
        model = opened(path)
        model.eval(tokens)
        differences = numpy.abs(model.scores[:24, :BASE["vocab_size"]] - wanted)
        name = f"{label} as {model.metadata['general.architecture']} in {dtype}"
        if dtype == "q8_0":
            mean = differences.mean() / wanted.std()
            expect(f"{name}: logits (mean {mean:.1e})", mean <= MEAN_TOLERANCE, "too far")
            continue
        expect(f"{name}: logits ({differences.max():.1e})", differences.max() <= TOLERANCES[dtype], "too far")
        gap = 0 if dtype == "fp32" else 2 * TOLERANCES[dtype]
        expect(f"{name}: 64 greedy tokens", greedy_tokens(model, ours["greedy"][0], gap), "others")


def check_tokens(label, model, texts, encode, add_bos):
    """The same ids for every text; `model` is any file with the tokenizer."""
    ids = lambda text: model.tokenize(text.encode(), add_bos=add_bos, special=not add_bos)
    other = [text for text in texts if ids(text) != encode(text)]
    expect(f"{label}: tokens of {len(texts)} texts", not other, f"{len(other)} differ, such as {other[:1]}")


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    texts = [json.loads(line)["text"] for path in sys.argv[3:] for line in open(path)]
    texts += [json.loads(line)["text"] for line in open(GOLDEN / "data" / "pretrain_390.jsonl")]
    trained = trained_run(folder)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tiny.model"))
    for kind in KINDS:
        source = folder / "source.safetensors"
        random_model(kind, source)
        try:
            check_model(folder, kind, source, folder / "tiny.model")
        except RuntimeError as error:
            expect(f"{kind}: refused by name", "(model." in str(error), error)
    check_model(folder, "trained run", trained, folder / "tiny.model")
    run("convert", trained, folder / "trained.gguf", folder=folder)
    check_tokens("sentencepiece", opened(folder / "trained.gguf"), [text for text in texts if "▁" not in text],
                 lambda text: [pieces.bos_id(), *pieces.encode(text)], True)
    run("convert", GOLDEN / "curves" / "g4b_dense_init.pth", folder / "g4.gguf", "--tokenizer", TOKENIZER)
    import tokenizers
    byte_level = tokenizers.Tokenizer.from_file(str(TOKENIZER))
    check_tokens("MiniMind-3", opened(folder / "g4.gguf"), texts, lambda text: byte_level.encode(text).ids, False)
finish()
