#!/usr/bin/env python3
"""One table of what run_on_gpu.sh has measured so far, with what was predicted. Only the standard library.

usage: summarize.py <bundle folder> <work folder> <output folder>

Writes summary.txt for the terminal, summary.md for docs/measurements.md, and summary.json with all of it.
"""

import collections
import datetime
import json
import pathlib
import re
import statistics
import sys

SI = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
Stage = collections.namedtuple("Stage", "name status seconds")
Value = collections.namedtuple("Value", "value unit")


# --- What the stages left ---------------------------------------------------------------------------------------------


class Logs:
    def __init__(self, work):
        self.folder = work / "logs"

    def read(self, stage):
        path = self.folder / (stage.replace("/", ".") + ".log")
        return path.read_text(errors="replace") if path.exists() else ""

    def of_group(self, group):
        """(name within the group, text) of every stage that has a log."""
        for path in sorted(self.folder.glob(f"{group}.*.log")):
            yield path.name[len(group) + 1 : -len(".log")], path.read_text(errors="replace")


def read_stages(work):
    stages = []
    for line in (work / "stages.tsv").read_text().splitlines():
        name, status, began, ended = line.split("\t")
        stages.append(Stage(name, status, float(ended.replace(",", ".")) - float(began.replace(",", "."))))
    return stages


def read_rows(path):
    """The records of a run that are steps."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if row["type"] == "step"]


# --- What was measured: key -> Value ----------------------------------------------------------------------------------


def measure_tests(logs):
    for group in ("cpu_tests", "cuda_tests"):
        texts = [text for _, text in logs.of_group(group)]
        if not texts:
            continue
        failed = sum(len(set(re.findall(r"^\[  FAILED  \] (\S+\.\S+)", text, re.M))) for text in texts)
        passed = sum(int(number) for text in texts for number in re.findall(r"^\[  PASSED  \] (\d+) test", text, re.M))
        skipped = sum(int(number) for text in texts for number in re.findall(r"^\[  SKIPPED \] (\d+) test", text, re.M))
        yield f"{group}.passed", Value(passed, "tests")
        yield f"{group}.failed", Value(failed, "tests")
        yield f"{group}.skipped", Value(skipped, "tests")


def measure_probe(logs):
    for choice in re.findall(r"^attention of .*: (\S+)$", logs.read("info"), re.M):
        yield "info.attention", Value(choice, "")
    for kind, off, same in re.findall(
        r"^\S+ (\w+): loss .* off by (\S+) of its norm, the same bytes in (\d of \d)", logs.read("step"), re.M
    ):
        yield f"step.{kind}", Value(float(off), "of the norm")
        yield f"step.{kind}.same_bytes", Value(same, "repeats")


def measure_ops(logs):
    for config, text in logs.of_group("ops"):
        found = re.search(r"copy (\S+) GB/s, GEMM \S+ (\S+) TFLOP/s on random numbers, (\S+) on ones", text)
        if found:
            copy, gemm, ones = map(float, found.groups())
            yield "ceiling.copy", Value(copy, "GB/s")
            yield "ceiling.gemm", Value(gemm, "TFLOP/s")
            yield "ceiling.ones_over_random", Value(ones / gemm if gemm else 0, "x")
        repeatable = {}
        for line in text.splitlines():
            cells = [cell.split() for cell in line.split("|")]
            if len(cells) != 5 or cells[4] not in (["yes"], ["NO"], ["-"]):
                continue
            name = "_".join(cells[0]).replace(",", "")
            both = [float(part[0]) for part in cells[1:3] if part[0] != "-"]
            yield f"ops.{config}.{name}", Value(sum(both), "ms")
            repeatable[name] = cells[4] != ["NO"]
        if repeatable:
            others = [name for name, same in repeatable.items() if not same]
            yield f"ops.{config}.not_repeatable", Value(", ".join(others) or "none", "")


def measure_train(work, logs, stages):
    rows = read_rows(work / "output/train/timing.jsonl")
    if len(rows) > 2:  # the first steps warm up
        rates = [row["tokens_per_second"] for row in rows[2:]]
        yield "train.moe_512", Value(statistics.median(rates) / 1e3, "ktok/s")
    losses = [row["loss"] for row in read_rows(work / "output/train/metrics.jsonl")]
    if losses:
        yield "train.moe_512.loss", Value(losses[-1], f"nats at step {len(losses)}")
    for stage in stages:
        if stage.name == "generate" and stage.status == "exit 0":
            yield "generate.seconds", Value(stage.seconds, "s")


def measure_bench(logs):
    number = r"([\d.]+) ?([kMGTP]?)"
    pattern = rf"step (\S+ \S+), {number}tok/s, model {number}FLOP/s, .* share of it ([\d.]+)"
    rates = {}
    for name, text in logs.of_group("bench"):
        found = re.search(pattern, text)
        if not found:
            continue
        rates[name] = float(found[2]) * SI[found[3]] / 1e3
        yield f"bench.{name}", Value(rates[name], "ktok/s")
        yield f"bench.{name}.share", Value(float(found[6]), "of GEMM")
    for name, moe, dense in (
        ("minimind3_768.32", "minimind3_moe_768.32", "minimind3_768.32"),
        ("minimind3_768.128", "minimind3_moe_768.128", "minimind3_768.128"),
        ("moe_512.32", "moe_512.32", "moe_512_dense.32"),
        ("moe_512.64", "moe_512.64", "moe_512_dense.64"),
    ):
        if moe in rates and dense in rates:
            yield f"bench.{name}.moe_over_dense", Value(rates[moe] / rates[dense], "x")


def measure_repeats(work):
    """Whether two runs of the same config end with the same bytes, by the hashes that their checkpoints bring."""
    whole = work / "output/resume.whole"
    for other in ("again", "halves", "graph"):
        run = work / f"output/resume.{other}"
        one, two = last_hashes(whole), last_hashes(run)
        if not one or not two or one[0] != two[0]:
            continue
        yield f"resume.{other}", Value("same" if one == two else "differs", "")
        losses = zip(read_rows(whole / "metrics.jsonl"), read_rows(run / "metrics.jsonl"))
        apart = max((abs(a["loss"] - b["loss"]) for a, b in losses), default=0)
        yield f"resume.{other}.loss_apart", Value(apart, "nats")


def last_hashes(run):
    """(step, hash of the weights, hash of the moments) of the newest checkpoint."""
    checkpoints = sorted((run / "checkpoints").glob("step_*/manifest.json"))
    if not checkpoints:
        return None
    files = json.loads(checkpoints[-1].read_text())["files"]
    hashes = [files[name]["xxh3"] for name in ("model.safetensors", "optimizer.safetensors")]
    return (checkpoints[-1].parent.name, *hashes)


def read_profiles(logs):
    """config -> what profile_step.py said of it."""
    profiles = {}
    for name, text in logs.of_group("profile"):
        if text.startswith('{"kernels"'):
            profiles[name] = json.loads(text)
    return profiles


def measure_profiles(profiles):
    for config, profile in profiles.items():
        for key in ("kernels", "launches", "waits"):
            yield f"profile.{config}.{key}", Value(profile[key], "a step")
        yield f"profile.{config}.busy", Value(profile["busy_ms"], "ms")


def measure_waits(logs):
    for total, places in re.findall(r"^(\d+) waits for the device, from (\d+) places", logs.read("waits"), re.M):
        yield "waits.total", Value(int(total), "a run")
        yield "waits.places", Value(int(places), "")


def measure_python(logs):
    for config, text in logs.of_group("python"):
        for line in text.splitlines():
            if line.startswith('{"variant"'):
                row = json.loads(line)
                if "tokens_per_second" in row:
                    yield f"python.{config}.{row['variant']}", Value(row["tokens_per_second"] / 1e3, "ktok/s")


# --- What was predicted -----------------------------------------------------------------------------------------------

Prediction = collections.namedtuple("Prediction", "text unit why")


def read_predictions(path):
    predictions = {}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            key, text, unit, why = line.split("\t")
            predictions[key] = Prediction(text, unit, why)
    return predictions


def verdict(value, predicted):
    """How a value lies to `low..high`, to one number or to a word."""
    try:
        low, high = (float(end) for end in (predicted.split("..") * 2)[:2])
    except ValueError:
        return "as predicted" if value == predicted else "NOT"
    return "below" if value < low else "above" if value > high else "as predicted"


# --- Tables -----------------------------------------------------------------------------------------------------------


def shown(value):
    if isinstance(value, (str, int)):
        return str(value)
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def table_of(measured, predictions, dry):
    """Rows of key, measured, unit, predicted, verdict, why; first the predicted ones, in the order of their file."""
    rows = []
    for key in [*predictions, *(key for key in measured if key not in predictions)]:
        prediction = predictions.get(key, Prediction("", "", ""))
        if key not in measured:
            rows.append((key, "-", prediction.unit, prediction.text, "not measured", prediction.why))
            continue
        value, unit = measured[key]
        judged = "" if dry or not prediction.text else verdict(value, prediction.text)
        rows.append((key, shown(value), unit, prediction.text, judged, prediction.why))
    return rows


def group_rows(stages):
    """One line a group of stages: how many went well, how long they took, and which did not."""
    groups = collections.defaultdict(list)
    for stage in stages:
        groups[stage.name.split("/")[0]].append(stage)
    for group, members in groups.items():
        bad = [f"{stage.name}: {stage.status}" for stage in members if stage.status != "exit 0"]
        seconds = sum(stage.seconds for stage in members)
        yield f"{group:<16}{len(members) - len(bad):>3} of {len(members):>2} {seconds:>7.1f} s  {'; '.join(bad)}".rstrip()


def text_of(title, stages, rows, logs, profiles):
    lines = [title, "", *group_rows(stages), ""]
    headings = ("number", "measured", "unit", "predicted", "verdict", "why")
    widths = [max(len(row[i]) for row in [headings, *rows]) + 2 for i in range(len(headings))]
    for row in (headings, *rows):
        lines.append("".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    for stage in ("gpu", "libraries", "info", "step"):
        lines += ["", f"{stage}:", logs.read(stage).strip()]
    for config, text in logs.of_group("ops"):
        lines += ["", f"ops of {config}, ms:", text.strip()]
    for config, profile in profiles.items():
        lines += ["", f"kernels of a step of {config}, by time:"]
        lines += [f"{row['ms']:10.3f} ms {row['times']:8.1f} x {row['kernel'][:100]}" for row in profile["top"][:16]]
    return "\n".join(lines) + "\n"


def markdown_of(title, commit, rows):
    """Without ops that nobody has predicted: those are in the tables of summary.txt."""
    lines = [f"{datetime.date.today()}, `{commit}`, {title}", "", "| number | measured | predicted | verdict | why |",
             "|---|---|---|---|---|"]
    for key, value, unit, predicted, judged, why in rows:
        if value != "-" and (predicted or not key.startswith("ops.")):
            lines.append(f"| `{key}` | {f'{value} {unit}'.strip()} | {predicted} | {judged} | {why} |")
    return "\n".join(lines) + "\n"


def main():
    bundle, work, out = map(pathlib.Path, sys.argv[1:4])
    logs, stages = Logs(work), read_stages(work)
    profiles = read_profiles(logs)
    measured = {}
    for source in (measure_tests(logs), measure_probe(logs), measure_ops(logs), measure_train(work, logs, stages),
                   measure_bench(logs), measure_repeats(work), measure_profiles(profiles), measure_waits(logs),
                   measure_python(logs)):
        measured.update(source)

    torch, commit = (bundle / "built_for").read_text().split()
    dry = (work / "dry").exists()
    gpu = re.search(r"^.*, sm_\d+, .*$", logs.read("info"), re.M)
    title = f"{gpu[0] if gpu else 'dry run on a CPU' if dry else 'a GPU that told nothing'}; LibTorch {torch}"
    rows = table_of(measured, read_predictions(bundle / "predictions.tsv"), dry)
    (out / "summary.txt").write_text(text_of(f"{title}; commit {commit}", stages, rows, logs, profiles))
    (out / "summary.md").write_text(markdown_of(title, commit, rows))
    (out / "summary.json").write_text(json.dumps({
        "title": title, "commit": commit, "stages": [stage._asdict() for stage in stages],
        "measured": {key: value._asdict() for key, value in measured.items()}, "profiles": profiles}, indent=1))


main()
