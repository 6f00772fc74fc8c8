"""Our GGUF files in llama.cpp: logits, 64 greedy tokens and the tokens of texts, beside ours. llama.cpp comes with the
package xllamacpp, whose server is asked.

gguf_in_llama_cpp.py <folder of the programs> <golden folder> [corpus.jsonl ...]
Prints a line for each check; the last is "N passed, N failed".
"""
import json
import pathlib
import sys
import tempfile
import urllib.request

import sentencepiece
import tokenizers
import torch
import xllamacpp

from checks import GOLDEN, expect, finish, run
from models import BASE, KINDS, answers_of, gguf_of, random_source, random_tokens, trained_run

TOKENIZER = GOLDEN / "tokenizers" / "g4" / "tokenizer.json"
# How far logarithms of probabilities may be from ours: ggml multiplies in the type of the weights. With 8 bits a token
# may go to another expert, so that the mean over the vocabulary is judged, in standard deviations of the logits.
TOLERANCES = {"fp32": 2e-4, "fp16": 3e-2}
MEAN_TOLERANCE = 0.2


class Opened:
    """A file in a server of llama.cpp, with keys and values in fp32."""

    def __init__(self, path):
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        settings.n_ctx, settings.n_parallel, settings.warmup, settings.verbosity = 256, 1, False, 0
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
        settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.server = xllamacpp.Server(settings)

    def ask(self, place, question):
        request = urllib.request.Request(f"{self.server.listening_address}/{place}", json.dumps(question).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def scores(self, tokens):
        """Logarithms of the probabilities of what may come next; None where that is the end of a text, of which the
        server tells nothing, nor of half a character."""
        answer = self.ask("completion", {"prompt": tokens, "n_predict": 1, "temperature": 0, "cache_prompt": False,
                                         "n_probs": BASE["vocab_size"]})
        positions = answer.get("completion_probabilities")
        return {each["id"]: each["logprob"] for each in positions[0]["top_logprobs"]} if positions else None

    def greedy(self, tokens, count):
        """The likeliest continuation, and whether the text ends there; else there is no more room for positions."""
        answer = self.ask("completion", {"prompt": tokens, "n_predict": count, "temperature": 0, "cache_prompt": False,
                                         "return_tokens": True})
        return answer["tokens"], answer["stop_type"] == "eos"

    def tokens(self, text, add_bos):
        return self.ask("tokenize", {"content": text, "add_special": add_bos, "parse_special": not add_bos})["tokens"]


def same_tokens(model, prompt, ours, gap, end):
    """Whether llama.cpp chooses as we do, or two tokens are closer than `gap` where it first does not. It stops where
    `end` is the likeliest, and we go on."""
    theirs, ended = model.greedy(prompt, len(ours))
    other = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b), None)
    if other is None:
        return not ended or ours[len(theirs)] == end
    scores = model.scores(prompt + ours[:other])
    return scores is not None and abs(scores[theirs[other]] - scores.get(ours[other], -torch.inf)) <= gap


def check_model(label, source, end):
    rows = random_tokens()
    tokens = rows[0]
    files = {dtype: gguf_of(label, source, dtype) for dtype in ("fp32", "fp16", "q8_0")}
    ours = answers_of(label, source, rows)
    logits = torch.tensor(ours["logits"][:len(tokens)], dtype=torch.double)
    wanted = torch.log_softmax(logits, -1)
    for dtype, path in files.items():
        model = Opened(path)
        scores = {length: model.scores(tokens[:length]) for length in range(1, len(tokens) + 1, 3)}
        differences = torch.stack([
            torch.tensor([abs(wanted[length - 1][token] - score) for token, score in told.items()])
            for length, told in scores.items() if told])
        if dtype == "q8_0":
            mean = differences.mean() / logits.std()
            expect(f"{label} in {dtype}: logits (mean {mean:.1e})", mean <= MEAN_TOLERANCE, "too far")
            continue
        expect(f"{label} in {dtype}: logits ({differences.max():.1e})", differences.max() <= TOLERANCES[dtype],
               "too far")
        gap = 0 if dtype == "fp32" else 2 * TOLERANCES[dtype]
        expect(f"{label} in {dtype}: greedy tokens", same_tokens(model, tokens, ours["greedy"][0], gap, end), "others")


def check_tokens(label, model, texts, encode, add_bos):
    """The same ids for every text; `model` is any file with the tokenizer."""
    other = [text for text in texts if model.tokens(text, add_bos) != encode(text)]
    expect(f"{label}: tokens of {len(texts)} texts", not other, f"{len(other)} differ, such as {other[:1]}")


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    texts = [json.loads(line)["text"] for path in sys.argv[3:] for line in open(path)]
    texts += [json.loads(line)["text"] for line in open(GOLDEN / "data" / "pretrain_390.jsonl")]
    trained = trained_run()
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(trained / "tiny.model"))
    for kind in KINDS:
        try:
            check_model(kind, random_source(kind), pieces.eos_id())
        except RuntimeError as error:
            expect(f"{kind}: refused by name", "(model." in str(error), error)
    check_model("trained run", trained / "output/run", pieces.eos_id())
    run("convert", "output/run", folder / "trained.gguf", folder=trained)
    check_tokens("sentencepiece", Opened(folder / "trained.gguf"), [text for text in texts if "▁" not in text],
                 lambda text: [pieces.bos_id(), *pieces.encode(text)], True)
    run("convert", GOLDEN / "curves" / "g4b_dense_init.pth", folder / "g4.gguf", "--tokenizer", TOKENIZER)
    byte_level = tokenizers.Tokenizer.from_file(str(TOKENIZER))
    check_tokens("MiniMind-3", Opened(folder / "g4.gguf"), texts, lambda text: byte_level.encode(text).ids, False)
finish()
