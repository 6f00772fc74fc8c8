"""How fast other programs encode the same texts: what tokenizer_bench prints of ours, for tokenizers, tiktoken,
gigatoken and sentencepiece. Processor time, so pin it to a core: threads would only share it.

usage: taskset -c 1 python tokenizer_peers.py [--model FILE.model] TOKENIZER.json TEXT.jsonl...

"first" is the first pass over a text of an encoder that has seen nothing, "warm" the best of three more.
pip install tokenizers==0.22.2 tiktoken gigatoken sentencepiece
"""

import argparse
import json
import os
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

WARM_ROUNDS = 3
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_alphabet():
    """GPT-2's characters for bytes: those that print stand for themselves, the others for 256 on."""
    visible = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def with_tokenizers(path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    return lambda texts: [tokenizer.encode(text, add_special_tokens=False) for text in texts]


def with_tiktoken(path):
    import tiktoken

    with open(path, encoding="utf-8") as file:
        description = json.load(file)
    bytes_of = byte_alphabet()
    special = {token["content"] for token in description["added_tokens"]}
    ranks = {
        bytes(bytes_of[character] for character in token): rank
        for token, rank in description["model"]["vocab"].items()
        if token not in special
    }
    encoding = tiktoken.Encoding("ours", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    return lambda texts: [encoding.encode_ordinary(text) for text in texts]


def with_gigatoken(path):
    import gigatoken

    tokenizer = gigatoken.Tokenizer(path)
    return lambda texts: tokenizer.encode_batch(texts, parallel=False)


def with_sentencepiece(path):
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=path)
    return lambda texts: [model.encode(text) for text in texts]


def seconds(encode, texts):
    start = time.process_time()
    encode(texts)
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--model", help="of sentencepiece, with a vocabulary of its own")
    arguments = parser.parse_args()
    peers = [
        ("tokenizers", with_tokenizers, arguments.tokenizer),
        ("tiktoken", with_tiktoken, arguments.tokenizer),
        ("gigatoken", with_gigatoken, arguments.tokenizer),
    ]
    if arguments.model:
        peers.append(("sentencepiece", with_sentencepiece, arguments.model))
    print(f"{'text':28} {'MB':>8} {'with':14} {'first MB/s':>12} {'warm MB/s':>12}")
    for path in arguments.texts:
        with open(path, encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        for name, make, source in peers:
            encode = make(source)
            first = seconds(encode, texts)
            warm = min(seconds(encode, texts) for _ in range(WARM_ROUNDS))
            print(
                f"{os.path.basename(path):28} {megabytes:8.1f} {name:14} {megabytes / first:12.1f} "
                f"{megabytes / warm:12.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
