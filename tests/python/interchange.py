"""What Python makes of our files: torch.load, transformers, and MiniMind's own names.

interchange.py <folder of the programs> <golden folder>
Prints a line for each check; the last is "N passed, N failed". Checks of transformers are left out where it is not
installed.
"""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

import torch

PROGRAMS, GOLDEN = map(pathlib.Path, sys.argv[1:3])
results = {"passed": 0, "failed": 0}


def check(name, problem):
    """Counts a check; `problem` is None when it went well."""
    results["failed" if problem else "passed"] += 1
    print(f"{'FAILED' if problem else 'ok':6} {name}{': ' + problem if problem else ''}")


def run(program, *arguments):
    done = subprocess.run([PROGRAMS / program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{program} {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")


def golden(name):
    return json.loads((GOLDEN / "numbers" / f"{name}.json").read_text())


def convert(name, output, *options):
    """A golden checkpoint, which has four heads whatever its generation's default is."""
    numbers = golden(name)
    generation = numbers["generation"][:3].strip().lower()
    generation = "g4" if generation.startswith("g4") else generation
    run("convert", GOLDEN / numbers["file"], output, "--generation", generation, "--set",
        "model.num_attention_heads=4", *options)


def same_tensors(ours, theirs):
    if list(ours) != list(theirs):
        return f"keys {list(ours)[:3]}... in place of {list(theirs)[:3]}..."
    for key, tensor in theirs.items():
        if ours[key].dtype != tensor.dtype or not torch.equal(ours[key], tensor):
            return f"{key} differs"
    return None


def tied_storages(state_dict, head, embedding):
    return state_dict[head].data_ptr() == state_dict[embedding].data_ptr()


def check_pth(folder):
    """Our .pth of every generation is the file that Python wrote: keys, order, dtypes, bytes, tied pair."""
    for name, generation in [("g1_dense_ordered_fp32", "g1"), ("g1_moe_ordered_fp32", "g1"),
                             ("g2_moe_ordered_fp32", "g2"), ("g3a_dense_dict_fp16", "g3"),
                             ("g3a_moe_dict_fp16", "g3"), ("g3c_moe_two_shared_fp16", "g3"),
                             ("g4b_dense_dict_fp16", "g4"), ("g4b_moe_dict_bf16", "g4")]:
        path = folder / f"{name}.pth"
        convert(name, path, "--to", generation)
        ours = torch.load(path, weights_only=True, mmap=True)
        theirs = torch.load(GOLDEN / golden(name)["file"], weights_only=True, map_location="cpu")
        check(f"{name} -> {generation} .pth has the tensors of Python's file", same_tensors(ours, theirs))
        check(f"{name} -> {generation} .pth is a {type(theirs).__name__}",
              None if type(ours) is type(theirs) else type(ours).__name__)
        head, embedding = list(theirs)[-1], list(theirs)[0]
        shared = tied_storages(theirs, head, embedding)
        check(f"{name} -> {generation} .pth {'shares' if shared else 'doubles'} the tied pair",
              None if tied_storages(ours, head, embedding) == shared else "it does not")
        versions = [getattr(state_dict, "_metadata", None) is not None for state_dict in (ours, theirs)]
        check(f"{name} -> {generation} .pth {'has' if versions[1] else 'has no'} module versions",
              None if versions[0] == versions[1] else str(versions[0]))


def answers(weights, question, folder):
    (folder / "in.json").write_text(json.dumps(question))
    run("evaluate", "--init", weights, "--tokens", folder / "in.json", "--logits", folder / "out.json")
    return json.loads((folder / "out.json").read_text())


def check_transformers(folder):
    """transformers opens our folders as they are, and computes what we compute."""
    if importlib.util.find_spec("transformers") is None:
        print("skipped transformers is not installed")
        return
    import transformers
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    for name in ["g1_dense_ordered_fp32", "g2_dense_ordered_fp32", "g3a_dense_dict_fp16", "g4b_dense_dict_fp16",
                 "g4b_moe_dict_fp16"]:
        export = folder / name
        convert(name, export, "--to", "hf", "--tokenizer", GOLDEN / "tokenizers" / "g4" / "tokenizer.json")
        model = transformers.AutoModelForCausalLM.from_pretrained(export).to(torch.float32).eval()
        tokens = golden(name)["inputs"]["plain"]
        positions = [[r, c] for r in range(len(tokens)) for c in range(len(tokens[0]))]
        ours = answers(export, {"tokens": tokens, "positions": positions, "greedy_tokens": 64}, folder)
        with torch.no_grad():
            theirs = model(torch.tensor(tokens)).logits.flatten(0, 1)
            greedy = model.generate(torch.tensor(tokens), attention_mask=torch.ones(len(tokens), len(tokens[0])),
                                    do_sample=False, max_new_tokens=64, min_new_tokens=64, eos_token_id=None)
        difference = (torch.tensor(ours["logits"]) - theirs).abs().max().item()
        label = f"{name} as {type(model).__name__} in transformers {transformers.__version__}"
        check(f"{label}: logits", None if difference <= 1e-4 else f"differ by {difference}")
        same = greedy[:, len(tokens[0]):].tolist() == ours["greedy"]
        check(f"{label}: 64 greedy tokens", None if same else "differ")
        ids = (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id)
        check(f"{label}: special tokens", None if ids == (1, 2, 0) else str(ids))
        saved = folder / f"{name}_saved"
        model.to(torch.float32).save_pretrained(saved)
        again = answers(saved, {"tokens": tokens, "positions": positions}, folder)
        difference = (torch.tensor(ours["logits"]) - torch.tensor(again["logits"])).abs().max().item()
        check(f"{label}: what save_pretrained writes is read back", None if difference <= 1e-6 else str(difference))
        tokenizer = transformers.AutoTokenizer.from_pretrained(export)
        text = "MiniMind 你好，世界 <|im_start|>x"
        want = transformers.PreTrainedTokenizerFast(tokenizer_file=str(GOLDEN / "tokenizers/g4/tokenizer.json"))
        same = tokenizer(text)["input_ids"] == want(text)["input_ids"]
        check(f"{label}: tokenizer", None if same else "other ids")


with tempfile.TemporaryDirectory() as temporary:
    check_pth(pathlib.Path(temporary))
    check_transformers(pathlib.Path(temporary))
print(", ".join(f"{count} {what}" for what, count in results.items()))
sys.exit(1 if results["failed"] else 0)
