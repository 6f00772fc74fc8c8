"""What the checks of this folder share: our programs, the golden data, a line for each check, their count at the end.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAMS, GOLDEN = (pathlib.Path(argument).absolute() for argument in sys.argv[1:3])
results = {"passed": 0, "failed": 0}
OWN = tempfile.TemporaryDirectory()
MADE = pathlib.Path(os.environ.get("MM_MADE", OWN.name))


def check(name, problem):
    """Counts a check; `problem` is None when it went well."""
    results["failed" if problem else "passed"] += 1
    print(f"{'FAILED' if problem else 'ok':6} {name}{': ' + str(problem) if problem else ''}")


def expect(name, good, problem):
    """The same for a condition."""
    check(name, None if good else problem)


def finish():
    print(", ".join(f"{count} {what}" for what, count in results.items()))
    sys.exit(1 if results["failed"] else 0)


def run(program, *arguments, folder=None):
    """What the program printed. Raises when it fails."""
    done = subprocess.run([PROGRAMS / program, *map(str, arguments)], capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"{program} {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def made(name, make):
    """A folder that `make(folder)` fills. What our programs make is the same whoever reads it: all checks that share
    MM_MADE find there what one of them made. Nobody writes into such a folder later."""
    folder = MADE / re.sub(r"\W+", "_", name)
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        make(part)
        part.rename(folder)
    return folder


def golden(name):
    return json.loads((GOLDEN / "numbers" / f"{name}.json").read_text())


def convert(name, output, *options, generation=None):
    """A golden checkpoint, which has four heads whatever its generation's default is."""
    numbers = golden(name)
    recorded = numbers["generation"][:3].strip().lower()
    recorded = "g4" if recorded.startswith("g4") else recorded
    return run("convert", GOLDEN / numbers["file"], output, "--generation", generation or recorded, "--set",
               "model.num_attention_heads=4", *options)


def answers(weights, question, folder, *options):
    """What `evaluate` says to given tokens."""
    (folder / "in.json").write_text(json.dumps(question))
    run("evaluate", "--init", weights, "--tokens", folder / "in.json", "--logits", folder / "out.json", *options)
    return json.loads((folder / "out.json").read_text())
