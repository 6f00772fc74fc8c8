#!/usr/bin/env python3
"""What one training step asks of the GPU: the difference of the profiles of a short and a long run, as JSON.

usage: profile_step.py <trace of the short run> <trace of the long run> <steps between them>

Of a step: kernels, copies (and fills), launches, waits of the host, milliseconds in which the GPU was busy, and the
kernels by time.
"""

import collections
import json
import sys

WAITING_COPIES = ("cudaMemcpy", "cudaMemset")  # their asynchronous kin have longer names
TOP = 40


def read_trace(path):
    """Counts, and of every kernel how often it ran and for how many milliseconds."""
    with open(path) as file:
        events = json.load(file)["traceEvents"]
    counts = collections.Counter()
    times, milliseconds = collections.Counter(), collections.Counter()
    for event in events:
        category, name = event.get("cat"), event.get("name", "")
        if category in ("kernel", "gpu_memcpy", "gpu_memset"):
            counts["kernels" if category == "kernel" else "copies"] += 1
            times[name] += 1
            milliseconds[name] += event.get("dur", 0) / 1e3
        elif category in ("cuda_runtime", "cuda_driver"):
            counts["launches"] += "LaunchKernel" in name
            counts["waits"] += "Synchronize" in name or name in WAITING_COPIES
    return counts, times, milliseconds


def main():
    short, long, steps = read_trace(sys.argv[1]), read_trace(sys.argv[2]), int(sys.argv[3])
    of_a_step = [{key: (b[key] - a[key]) / steps for key in b} for a, b in zip(short, long)]
    counts, times, milliseconds = of_a_step
    by_time = sorted(milliseconds, key=milliseconds.get, reverse=True)[:TOP]
    print(json.dumps({
        **{key: counts.get(key, 0) for key in ("kernels", "copies", "launches", "waits")},
        "busy_ms": sum(milliseconds.values()),
        "top": [{"kernel": name, "times": times[name], "ms": milliseconds[name]} for name in by_time],
    }))


main()
