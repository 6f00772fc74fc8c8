#!/usr/bin/env bash
# What checkpoints cost a run: how long the training stands still for one, against the time that it takes to write, and
# what a checkpoint every 50 steps takes of the run's speed, the slower step beside the writing included. Both are read
# from one run that saves every fifth step, beside one that stands still while it writes. On an idle machine.
# usage: scripts/save_cost.sh [<saves> [<option of pretrain>...]]
set -euo pipefail
cd "$(dirname "$0")/.."

saves=${1:-40}
preset=$(scripts/setup.sh --preset)
python3 - "build/$preset/bin/pretrain" "$saves" "${@:2}" <<'PYTHON'
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys

pretrain, wanted, options = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
EVERY, ASKED_EVERY = 5, 50
# The first save also takes its memory from the system, once; that of the last step is waited for by the run's end.
STEPS = EVERY * (wanted + 2)


def train(*settings):
    """The save records and the seconds of every step of one run."""
    name = "save_cost"
    folder = pathlib.Path("output") / name
    shutil.rmtree(folder, ignore_errors=True)
    settings = [f"run.name={name}", f"train.steps={STEPS}", "evaluation.every=0", "sample.every=0",
                "metrics.report_every=0", "checkpoint.pth=off", f"checkpoint.every={EVERY}", *settings]
    command = [pretrain, "--config", "configs/moe_192.json", *options]
    for setting in settings:
        command += ["--set", setting]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    records = [json.loads(line) for line in (folder / "timing.jsonl").read_text().splitlines()]
    shutil.rmtree(folder)
    saves = [record for record in records if record["type"] == "save" and record["saved_step"] < STEPS]
    return saves, {record["step"]: record["seconds"] for record in records if record["type"] == "step"}


def mean_and_error(values):
    return statistics.mean(values), 1.96 * statistics.stdev(values) / math.sqrt(len(values))


def report(kind, saves, step_seconds):
    first, later = saves[0], saves[1:]
    blocked = sorted(save["blocked_seconds"] for save in later)
    p99 = blocked[min(len(blocked) - 1, math.ceil(0.99 * len(blocked)) - 1)]
    written = statistics.median(save["seconds"] for save in later)
    print(f"{kind}: stands still {1e3 * statistics.median(blocked):.1f} ms (p99 {1e3 * p99:.1f} ms, {len(blocked)} saves; "
          f"the first {1e3 * first['blocked_seconds']:.1f} ms), written in {1e3 * written:.0f} ms")
    # Beside each save, in its own five steps: what the two steps behind it take more than the two before the next one.
    costs = []
    for save in later:
        step = save["saved_step"]
        behind, before = (step_seconds[step + 1] + step_seconds[step + 2]), (step_seconds[step + 3] + step_seconds[step + 4])
        costs.append(save["blocked_seconds"] + behind - before)
    cost, error = mean_and_error(costs)
    apart = ASKED_EVERY * statistics.median(step_seconds.values())
    print(f"{kind}: one every {ASKED_EVERY} steps takes {100 * cost / apart:.2f}% of the time "
          f"({100 * (cost - error) / apart:.2f}..{100 * (cost + error) / apart:.2f}%)")


report("in the background", *train())
report("standing still", *train("checkpoint.background=false"))
PYTHON
