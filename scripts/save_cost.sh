#!/usr/bin/env bash
# What checkpoints cost a run: how long the training stands still for one, against the time that it takes to write, and
# the speed of a run that saves against one that does not, in turns. On an idle machine.
# usage: scripts/save_cost.sh [<rounds> [<option of pretrain>...]]
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
preset=$(scripts/setup.sh --preset)
python3 - "build/$preset/bin/pretrain" "$rounds" "${@:2}" <<'PYTHON'
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys

pretrain, rounds, options = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
STEPS, EVERY = 100, 50
KINDS = {
    "no checkpoints": ["checkpoint.every=0"],
    "in the background": [f"checkpoint.every={EVERY}"],
    "standing still": [f"checkpoint.every={EVERY}", "checkpoint.background=false"],
}


def train(kind):
    """Seconds of the steps behind the first, from the record times, and the save records of one run."""
    name = "save_cost"
    folder = pathlib.Path("output") / name
    shutil.rmtree(folder, ignore_errors=True)
    settings = [f"run.name={name}", f"train.steps={STEPS}", "evaluation.every=0", "sample.every=0",
                "metrics.report_every=0", "checkpoint.pth=off", *KINDS[kind]]
    command = [pretrain, "--config", "configs/quickstart.json", *options]
    for setting in settings:
        command += ["--set", setting]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    records = [json.loads(line) for line in (folder / "timing.jsonl").read_text().splitlines()]
    shutil.rmtree(folder)
    # Those of the last step are waited for by the end of the run, not by the training.
    saves = [record for record in records if record["type"] == "save" and record["saved_step"] < STEPS]
    blocked = sum(save["blocked_seconds"] for save in saves)
    steps = [record["seconds"] for record in records if record["type"] == "step" and record["step"] > 1]
    return sum(steps) + blocked, saves


seconds = {kind: [] for kind in KINDS}
saves = {kind: [] for kind in KINDS}
for _ in range(rounds):
    for kind in KINDS:
        total, found = train(kind)
        seconds[kind].append(total)
        saves[kind] += found

for kind, records in saves.items():
    if not records:
        continue
    blocked = sorted(record["blocked_seconds"] for record in records)
    written = statistics.median(record["seconds"] for record in records)
    p99 = blocked[min(len(blocked) - 1, math.ceil(0.99 * len(blocked)) - 1)]
    print(f"{kind}: stands still {1e3 * statistics.median(blocked):.1f} ms (p99 {1e3 * p99:.1f} ms, {len(blocked)} saves), "
          f"written in {1e3 * written:.0f} ms")
for kind in list(KINDS)[1:]:
    ratios = [math.log(with_saves / without) for with_saves, without in zip(seconds[kind], seconds["no checkpoints"])]
    mean = statistics.mean(ratios)
    error = 2 * statistics.stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.inf
    print(f"{kind}, every {EVERY} steps: {math.exp(mean):.4f} of the time without "
          f"({math.exp(mean - error):.4f}..{math.exp(mean + error):.4f}, {len(ratios)} rounds)")
PYTHON
