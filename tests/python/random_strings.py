"""Random strings through our tokenizer and Hugging Face's: equal ids, and the text again, for every way to cut words
that is supported.

random_strings.py <folder of the programs> <golden folder> [how many strings in all, default 20000] [seed, default 1]
Prints a line for each tokenizer; the last is "N passed, N failed".
"""
import json
import random
import shutil
import sys

import tokenizers

from checks import GOLDEN, OWN, check, finish, run

STRINGS = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
# A spelling of Llama 3's pattern that forbids backtracking.
POSSESSIVE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def variants():
    """Name, tokenizer.json and folder whose tokenizer_config.json goes with it."""
    base = {name: json.loads((GOLDEN / "tokenizers" / name / "tokenizer.json").read_text())
            for name in ("g1_g2", "g3", "g4")}
    for name, file in base.items():
        yield name, file, GOLDEN / "tokenizers" / name
    yield "trained here", json.loads((GOLDEN / "tokenizers" / "trained_1000.json").read_text()), None
    others = [json.loads(line) for line in (GOLDEN / "tokenizers" / "patterns.jsonl").open()]
    rules = {other["name"]: (other["normalizer"], other["pre_tokenizer"]) for other in others}
    own_digits = {name: rules[name][1]["pretokenizers"][0] for name in ("digits_apart", "digits_together")}
    without_regex = dict(BYTE_LEVEL, use_regex=False)
    llama3 = rules["llama3"][1]["pretokenizers"][0]
    rules["llama3, possessive"] = None, sequence(split(POSSESSIVE), without_regex)
    rules["digits apart, llama3"] = None, sequence(own_digits["digits_apart"], llama3, without_regex)
    rules["digits together, llama3"] = None, sequence(own_digits["digits_together"], llama3, without_regex)
    rules["NFC, GPT-2"] = {"type": "NFC"}, BYTE_LEVEL
    for name, (normalizer, pre_tokenizer) in rules.items():
        yield name, dict(base["g4"], normalizer=normalizer, pre_tokenizer=pre_tokenizer), None
    ends = [{"SpecialToken": {"id": name, "type_id": 0}} for name in ("<|im_start|>", "<|im_end|>")]
    text = {"Sequence": {"id": "A", "type_id": 0}}
    template = {
        "type": "TemplateProcessing", "single": [ends[0], text, ends[1]], "pair": [text, text],
        "special_tokens": {name: {"id": name, "ids": [i + 1], "tokens": [name]}
                           for i, name in enumerate(("<|im_start|>", "<|im_end|>"))}}
    yield "template", dict(base["g4"], post_processor=template), None


class Strings:
    """Strings of a few fragments each, of every kind that a pattern treats in its own way."""

    def __init__(self, file, seed):
        self.random = random.Random(seed)
        self.names = [token["content"] for token in file["added_tokens"]]
        self.pieces = [piece for piece in (self.readable(name) for name in file["model"]["vocab"]) if piece]
        self.kinds = [self.any_character, self.plane_run, self.cjk, self.word, self.contraction, self.digits,
                      self.spaces, self.breaks, self.name_fragment, self.piece, self.marks, self.combining,
                      self.repeated]

    @staticmethod
    def readable(name):
        return name if name.isascii() and name.isalnum() else ""

    def character(self, low=0, high=0x10FFFF):
        while True:
            code = self.random.randint(low, high)
            if not 0xD800 <= code <= 0xDFFF:
                return chr(code)

    def of(self, characters, most):
        return "".join(self.random.choices(characters, k=self.random.randint(1, most)))

    def any_character(self):
        return "".join(self.character() for _ in range(self.random.randint(1, 4)))

    def plane_run(self):
        low = self.random.choice([0, 0, 0x80, 0x400, 0x600, 0x900, 0x1100, 0x1E00, 0x2000, 0x2C00, 0xA000, 0xF900,
                                  0x10000, 0x1D400, 0x1F300, 0x20000, 0x30000, 0xE0000, 0xF0000, 0x100000])
        return "".join(self.character(low, low + 0x1FF) for _ in range(self.random.randint(1, 8)))

    def cjk(self):
        return "".join(self.character(*self.random.choice([(0x4E00, 0x9FFF), (0x3000, 0x30FF), (0xAC00, 0xD7A3)]))
                       for _ in range(self.random.randint(1, 12)))

    def word(self):
        word = self.of("etaoinshrdlcumwfgypbvkjxqz", 10)
        return self.random.choice([word, " " + word, word.upper(), word.title(), word + "\u00e9", " \u017f" + word])

    def contraction(self):
        quote = self.random.choice(["'", "'", "'", "\u2019", "''"])
        ending = self.random.choice(["s", "t", "re", "ve", "m", "ll", "d", "S", "LL", "Re", "vE", "\u017f", "x", "l"])
        return self.random.choice(["", "don", " I", "we", "7"]) + quote + ending

    def digits(self):
        kinds = ["0123456789", "\u0660\u0661\u0669", "\uff10\uff19", "\u00b2\u00bd\u2167\u3007", "\U0001d7d8\U0001d7e1"]
        return self.random.choice(["", " ", "-", "."]) + self.of(self.random.choice(kinds), 9)

    def spaces(self):
        return self.of(" " * 6 + "\t\t\u00a0\u3000\u2009\u202f\u1680\u200b\ufeff\x0b\x0c\x1c\x1f\u180e", 6)

    def breaks(self):
        return "".join(self.random.choices(["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", " \n", "\n "],
                                           k=self.random.randint(1, 4)))

    def name_fragment(self):
        name = self.random.choice(self.names)
        begin = self.random.choice([0, 0, self.random.randrange(len(name))])
        end = self.random.choice([len(name), len(name), self.random.randint(begin, len(name))])
        return name[begin:end] * self.random.choice([1, 1, 1, 2])

    def piece(self):
        return "".join(self.random.choices(self.pieces, k=self.random.randint(1, 5)))

    def marks(self):
        return self.random.choice(["", " "]) + self.of(".,;:!?-_=+*/\\|()[]{}<>#$%&@^~`\"'\u3002\uff0c\u2026\x00\x7f", 8)

    def combining(self):
        base = self.random.choice("ae\u1100\u1161\u0915\u05d0\u0e01k\u212b")
        return base + "".join(self.character(*self.random.choice([(0x300, 0x36F), (0x1161, 0x11C2), (0x900, 0x94D)]))
                              for _ in range(self.random.randint(1, 4)))

    def repeated(self):
        return self.character() * self.random.randint(2, 40)

    def next(self):
        return "".join(self.random.choice(self.kinds)() for _ in range(self.random.randint(1, 9)))


def first_difference(texts, ours, theirs):
    if len(ours) != len(theirs):
        return f"{len(ours)} lines for {len(theirs)} texts"
    differing = [i for i in range(len(theirs)) if ours[i] != theirs[i]]
    if not differing:
        return None
    i = differing[0]
    return f"{len(differing)} of {len(theirs)} differ, first {texts[i]!r}: {ours[i]!r}, want {theirs[i]!r}"


def compare(name, file, config_folder, count, folder):
    (folder / "tokenizer.json").write_text(json.dumps(file))
    if config_folder:
        shutil.copy(config_folder / "tokenizer_config.json", folder)
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    made = Strings(file, f"{SEED} {name}")
    ids_differ = text_differs = not_the_text = None
    part = 20000
    for begin in range(0, count, part):
        texts = [made.next() for _ in range(min(part, count - begin))]
        # One object a line, whatever the text: JSON escapes line breaks.
        (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        wanted = [encoding.ids for encoding in theirs.encode_batch_fast(texts, add_special_tokens=False)]
        lines = run("tokenizer", "encode", "--tokenizer", folder / "tokenizer.json", "--data", folder / "texts.jsonl")
        ours = [[int(word) for word in line.split()] for line in lines.split("\n")[:-1]]
        ids_differ = ids_differ or first_difference(texts, ours, wanted)
        (folder / "ids.txt").write_text("".join(" ".join(map(str, ids)) + "\n" for ids in wanted))
        lines = run("tokenizer", "decode", "--tokenizer", folder / "tokenizer.json", "--data", folder / "ids.txt")
        decoded = [json.loads(line)["text"] for line in lines.split("\n")[:-1]]
        text_differs = text_differs or first_difference(
            texts, decoded, theirs.decode_batch(wanted, skip_special_tokens=False))
        not_the_text = not_the_text or first_difference(texts, decoded, texts)
    check(f"{name}: ids of {count} strings", ids_differ)
    check(f"{name}: texts of their ids", text_differs)
    if not file["normalizer"]:
        check(f"{name}: the strings again", not_the_text)


every = list(variants())
print(f"tokenizers {tokenizers.__version__}, seed {SEED}")
for number, (name, file, config_folder) in enumerate(every):
    folder = type(GOLDEN)(OWN.name) / f"tokenizer_{number}"
    folder.mkdir()
    compare(name, file, config_folder, (STRINGS + len(every) - 1) // len(every), folder)
finish()
