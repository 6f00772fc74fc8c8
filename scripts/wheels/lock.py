"""Writes the files beside this one: what scripts/setup.sh installs, each wheel by version and SHA-256.

usage: lock.py; for the maintainers, after a version below has changed. It asks pip what an index has for every Python and
machine, and downloads no wheel.
"""

import json
import pathlib
import subprocess
import sys

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # of Debian 12 and 13, Ubuntu 24.04 and 26.04
MACHINES = ("x86_64", "aarch64")
GLIBC = 36  # 2.36, of the oldest of them
# LibTorch's own libraries are all that is wanted. The Python packages are for tests that import torch; what only a
# compiler in Python needs is left out.
PYTHON = ["filelock", "fsspec", "jinja2", "networkx", "setuptools>=77.0.3,<82", "sympy", "typing-extensions"]
LEFT_OUT = {"triton", "cuda-bindings", "cuda-pathfinder", "cuda-toolkit"}
FILES = {
    "python.txt": (PYTHON, []),
    "cpu.txt": (["cuda-toolkit[cudart,cupti]==13.0.3"], ["torch==2.13.0"]),
    "cuda.txt": (["torch==2.11.0", "cuda-toolkit[nvcc,cccl,cudart,crt,nvvm,nvtx,profiler]==13.0.2"], []),
}


def report(requirements, python, machine, *options):
    """What pip would install: {(name, version): (file name, SHA-256)}."""
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 16, -1)]
    platforms.append(f"--platform=manylinux2014_{machine}")
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--dry-run", "--ignore-installed",
               "--only-binary=:all:", f"--python-version={python}", *platforms, "--target=unused", "--report=-",
               *options, *requirements]  # fmt: skip
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {(each["metadata"]["name"].lower().replace("_", "-"), each["metadata"]["version"]):
            (each["download_info"]["url"].rpartition("/")[2], each["download_info"]["archive_info"]["hashes"]["sha256"])
            for each in answer["install"]}  # fmt: skip


def digests_of(with_dependencies, alone):
    """{(name, version): SHA-256 of the wheels for every Python and machine}"""
    found = {}
    for machine in MACHINES:
        wheels = report(with_dependencies, PYTHONS[0], machine)
        if alone:
            wheels |= report(alone, PYTHONS[0], machine, "--no-deps")
        of_one_python = [f"{name}=={version}" for (name, version), (file, _) in wheels.items()
                         if "-cp3" in file and name not in LEFT_OUT]  # fmt: skip
        answers = [wheels, *(report(of_one_python, python, machine, "--no-deps") for python in PYTHONS[1:]
                             if of_one_python)]  # fmt: skip
        for package, (_, digest) in (item for answer in answers for item in answer.items()):
            found.setdefault(package, set()).add(digest)
    return found


def main():
    folder = pathlib.Path(__file__).parent
    left_out = set(LEFT_OUT)
    for name, requirements in FILES.items():
        found = {package: digests for package, digests in digests_of(*requirements).items() if package[0] not in left_out}
        if name == "python.txt":
            left_out |= {package for package, _ in found}
        lines = [f"# Written by {pathlib.Path(__file__).name}.\n"]
        for (package, version), digests in sorted(found.items()):
            hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(digests))
            lines.append(f"{package}=={version}{hashes}\n")
        (folder / name).write_text("".join(lines), encoding="utf-8")


main()
