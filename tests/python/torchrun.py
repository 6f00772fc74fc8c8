"""Runs of several processes that torchrun starts: the same run as one process trains, and one that goes on by itself
when a process of it is killed.

torchrun.py <folder of the programs> <golden folder> [<kills, by default 2>]
Prints a line for each check; the last is "N passed, N failed".
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from checks import PROGRAMS, expect, finish

ROOT = pathlib.Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--no-python", "--monitor-interval", "0.1"]
STEPS = 50
# Of the losses of two worlds, whose sums are taken in another order.
TOLERANCE = 1e-6


def make_text(path):
    """Some text that can be learned, the same every time."""
    words = "the sea the ship and a storm upon an old harbour where men of the north wait for the wind to turn".split()
    draw = random.Random(7)
    with open(path, "w") as file:
        for _ in range(400):
            file.write(json.dumps({"text": " ".join(draw.choice(words) for _ in range(60)) + "."}) + "\n")


def command(kind, run):
    """Every step writes its record, every fifth a checkpoint."""
    settings = {
        "run.name": run, "data.train": "text.jsonl", "data.sequence_length": 32, "tokenizer.path": "tokenizer.json",
        "tokenizer.train": "true", "tokenizer.vocab_size": 320, "model.vocab_size": 320, "model.model_type": kind,
        "train.steps": STEPS, "train.micro_batch": 2, "train.accumulation": 4, "evaluation.every": 25,
        "evaluation.tokens": 512, "sample.every": 0, "checkpoint.every": 5, "distributed.timeout_seconds": 20,
        "optim.max_grad_norm": 0.5,
    }
    if kind == "dense":
        settings["model.intermediate_size"] = 128
    words = [PROGRAMS / "pretrain", "--config", ROOT / "configs" / "debug.json"]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    return words


def records(folder, run):
    lines = (folder / "output" / run / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["type"] == "step"]


def difference(some, others):
    """The first step in which two runs differ; None where they are the same to rounding."""
    if len(some) != len(others):
        return f"{len(some)} and {len(others)} steps"
    for one, other in zip(some, others):
        if abs(one["loss"] - other["loss"]) > TOLERANCE * one["loss"]:
            return f"step {one['step']}: losses {one['loss']} and {other['loss']}"
        if one.get("expert_tokens") != other.get("expert_tokens"):
            return f"step {one['step']}: other tokens for the experts"
    return None


def last_checkpoint(folder, run):
    files = sorted((folder / "output" / run / "checkpoints" / f"step_{STEPS:08}").glob("*.safetensors"))
    return [file.read_bytes() for file in files]


def children_of(process):
    """The programs that an agent has started."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == process:
            found.append(int(status.parent.name))
    return found


def run_agent(words, folder, draw=None, instant=0.0):
    """Exit code, for how many seconds its processes ran, and what they said. With `draw`, one of them is killed after so
    many seconds."""
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as agent:
        until = time.monotonic() + 60
        while not children_of(agent.pid) and agent.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        start = time.monotonic()
        if draw:
            time.sleep(instant)
            ranks = children_of(agent.pid)
            if ranks:  # else they were quicker this time
                os.kill(draw.choice(ranks), signal.SIGKILL)
        out, _ = agent.communicate(timeout=300)
        return agent.returncode, time.monotonic() - start, out


def main():
    kills = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_text(folder / "text.jsonl")
        seconds = {}
        for kind in ("dense", "moe"):
            subprocess.run(command(kind, kind), cwd=folder, check=True, capture_output=True)
            for ranks in (2, 4):
                run = f"{kind}_{ranks}"
                words = [*TORCHRUN, "--nproc-per-node", str(ranks), *command(kind, run)]
                code, seconds[run], out = run_agent(words, folder)
                problem = out if code else difference(records(folder, kind), records(folder, run))
                expect(f"torchrun with {ranks} processes: {kind}", not problem, problem)
        draw = random.Random(5)
        whole = last_checkpoint(folder, "moe_2")
        for kill in range(kills):
            # The agent needs a moment to start them, and one to see that they have ended.
            run, instant = f"killed_{kill}", draw.uniform(0, seconds["moe_2"] - 0.5)
            words = [*TORCHRUN, "--nproc-per-node", "2", "--max-restarts", "3", *command("moe", run)]
            code, _, out = run_agent(words, folder, draw, instant)
            problem = out if code else difference(records(folder, "moe_2"), records(folder, run))
            if not problem and last_checkpoint(folder, run) != whole:
                problem = "another last checkpoint"
            expect(f"one of two processes killed after {instant:.2f} s", not problem, problem)
    finish()


main()
