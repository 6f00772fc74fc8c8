"""What transformers makes of our exports; with_transformers.py runs this."""
import torch

from checks import GOLDEN, answers, check, convert, expect, golden, made, run
from models import KINDS, answers_of, random_source, random_tokens, trained_run

TOKENIZER = GOLDEN / "tokenizers" / "g4" / "tokenizer.json"
TEXTS = ["MiniMind 你好，世界 <|im_start|>x", "def f(x):\n    return x ** 2  # 1234567", " leading and  double  spaces ",
         "\n\n\ttabs\r\n", "emoji 🙂 and ▁ itself, naïve café"]


def largest_difference(ours, theirs):
    return (torch.tensor(ours) - torch.as_tensor(theirs)).abs().max().item()


def check_model(transformers, export, tokens, ours, label):
    """The folder opens as it is and computes what `ours` says, with a cache where its config has one."""
    model = transformers.AutoModelForCausalLM.from_pretrained(export).to(torch.float32).eval()
    label = f"{label} as {type(model).__name__}"
    rows = torch.tensor(tokens)
    with torch.no_grad():
        logits = model(rows).logits.flatten(0, 1)
        ways = {"as configured": {}}
        # transformers 4.57 has no cache for a Qwen3-Next without linear attention.
        has_cache = type(model).__name__ != "Qwen3NextForCausalLM" or int(transformers.__version__.split(".")[0]) >= 5
        if has_cache and not model.generation_config.use_cache:
            ways["with a cache"] = {"use_cache": True}
        for way, options in ways.items():
            greedy = model.generate(rows, attention_mask=torch.ones_like(rows), do_sample=False, max_new_tokens=64,
                                    min_new_tokens=64, eos_token_id=None, **options)
            expect(f"{label}: 64 greedy tokens {way}", greedy[:, rows.shape[1]:].tolist() == ours["greedy"], "differ")
    difference = largest_difference(ours["logits"], logits)
    expect(f"{label}: logits", difference <= 1e-4, f"differ by {difference}")
    return model


def check_every_class(transformers, folder):
    """Golden checkpoints and random models of every kind, in the class that holds them."""
    for name, generation in [("g1_dense_ordered_fp32", None), ("g2_dense_ordered_fp32", None),
                             ("g3a_dense_dict_fp16", None), ("g4b_dense_dict_fp16", None), ("g4b_moe_dict_fp16", None),
                             ("g4b_moe_dict_fp16", "g4c"), ("g1_moe_ordered_fp32", None), ("g2_moe_ordered_fp32", None),
                             ("g3a_moe_dict_fp16", None), ("g3c_moe_two_shared_fp16", None)]:
        label = f"{name}{' read as ' + generation if generation else ''}"
        source = made(f"model {label}", lambda made_in: convert(
            name, made_in / "model.safetensors", generation=generation)) / "model.safetensors"
        check_folder(transformers, folder, label, source, golden(name)["inputs"]["plain"])
    for kind in KINDS:
        check_folder(transformers, folder, kind, random_source(kind), random_tokens())


def check_folder(transformers, folder, label, source, tokens):
    try:
        export = made(f"folder of {label}", lambda made_in: run(
            "convert", source, made_in / "export", "--to", "hf")) / "export"
    except RuntimeError as error:
        expect(f"{label}: refused with the setting in the way", "(model." in str(error), error)
        return
    ours = answers_of(label, source, tokens)
    model = check_model(transformers, export, tokens, ours, f"{label} in transformers {transformers.__version__}")
    saved = folder / "saved"
    model.save_pretrained(saved)
    positions = [[row, column] for row in range(len(tokens)) for column in range(len(tokens[0]))]
    again = answers(saved, {"tokens": tokens, "positions": positions}, folder)
    difference = largest_difference(ours["logits"], again["logits"])
    expect(f"{label}: what save_pretrained writes is read back", difference <= 1e-5, difference)


def check_tokenizer_json(transformers, folder):
    export = folder / "with_tokenizer_json"
    run("convert", GOLDEN / "curves" / "g4b_dense_init.pth", export, "--to", "hf", "--tokenizer", TOKENIZER)
    tokenizer = transformers.AutoTokenizer.from_pretrained(export)
    want = transformers.PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER))
    same = all(tokenizer(text)["input_ids"] == want(text)["input_ids"] for text in TEXTS)
    expect("tokenizer.json: ids", same, "differ")
    model = transformers.AutoModelForCausalLM.from_pretrained(export)
    ids = (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id)
    expect("tokenizer.json: special tokens", ids == (1, 2, 0), ids)
    expect("tokenizer.json: what it gives is what models take", set(tokenizer("x")) == {"input_ids", "attention_mask"},
           list(tokenizer("x")))


def check_trained_tokenizer_json(transformers, folder):
    """The same of a run with a tokenizer.json, which puts no BOS before a text: whoever wants what we generate does."""
    import tokenizers
    trained = trained_run("own/tokenizer.json")
    export = folder / "own_export"
    run("convert", "output/run", export, "--to", "hf", folder=trained)
    tokenizer = transformers.AutoTokenizer.from_pretrained(export)
    want = tokenizers.Tokenizer.from_file(str(trained / "own" / "tokenizer.json"))
    same = all(tokenizer(text)["input_ids"] == want.encode(text).ids for text in TEXTS)
    expect("trained tokenizer.json: ids", same, "differ")
    model = transformers.AutoModelForCausalLM.from_pretrained(export).eval()
    with torch.no_grad():
        made = model.generate(**tokenizer(tokenizer.bos_token + "In the beginning", return_tensors="pt"),
                              do_sample=False, max_new_tokens=16)
    theirs = tokenizer.decode(made[0], skip_special_tokens=True)
    ours = run("generate", "--init", "output/run", "--prompt", "In the beginning", "--temperature", "0",
               "--max-new-tokens", "16", folder=trained)
    expect("trained tokenizer.json: generate(**tokenizer(...)) gives our text", theirs in ours,
           f"{theirs!r} in place of {ours!r}")


def check_trained_run(transformers, folder):
    """A run leaves with the tokenizer that was trained for it, and generates there as here."""
    import sentencepiece
    trained = trained_run()
    export = folder / "trained"
    run("convert", "output/run", export, "--to", "hf", folder=trained)
    tokenizer = transformers.AutoTokenizer.from_pretrained(export)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(trained / "tiny.model"))
    # Names of control tokens in a text are the tokens themselves to transformers, and text to us.
    texts = [text for text in TEXTS if "▁" not in text]
    lines = (GOLDEN / "data" / "pretrain_390.jsonl").read_text().splitlines()
    texts += [line for line in lines if not any(name in line for name in ("<unk>", "<s>", "</s>"))]
    for text in texts:
        want = [pieces.bos_id(), *pieces.encode(text)]
        if tokenizer(text)["input_ids"] != want:
            check("sentencepiece model: ids", f"differ for {text!r}")
            break
    else:
        check("sentencepiece model: ids", None)
    label = f"trained run in transformers {transformers.__version__}"
    model = transformers.AutoModelForCausalLM.from_pretrained(export).eval()
    expect(f"{label}: max_position_embeddings", model.config.max_position_embeddings == 64,
           model.config.max_position_embeddings)
    inputs = tokenizer("In the beginning", return_tensors="pt")
    with torch.no_grad():
        made = model.generate(**inputs, do_sample=False, max_new_tokens=16)
    theirs = tokenizer.decode(made[0], skip_special_tokens=True)
    ours = run("generate", "--init", "output/run", "--prompt", "In the beginning", "--temperature", "0",
               "--max-new-tokens", "16", folder=trained)
    expect(f"{label}: generate(**tokenizer(...)) gives our text", theirs in ours, f"{theirs!r} in place of {ours!r}")
    pipeline = transformers.pipeline("text-generation", model=str(export), device="cpu")
    text = pipeline("In the beginning", do_sample=False, max_new_tokens=16)[0]["generated_text"]
    expect(f"{label}: pipeline", text in ours, f"{text!r} in place of {ours!r}")


def check_exports(transformers, folder):
    check_trained_run(transformers, folder)
    check_trained_tokenizer_json(transformers, folder)
    check_tokenizer_json(transformers, folder)
    check_every_class(transformers, folder)
