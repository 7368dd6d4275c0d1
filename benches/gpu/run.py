#!/usr/bin/env python3
"""Times the program on an NVIDIA GPU with a random model of full size, and the same network in PyTorch beside it.

usage: benches/gpu/run.py PROGRAM [--out FOLDER] [--quick]

PROGRAM is a built dictoscope. Set ORT_DYLIB_PATH to ONNX Runtime's library (its CUDA provider beside it) and, if the loader
does not find CUDA's libraries, DICTOSCOPE_CUDA to their folder. The Python that runs this needs torch, numpy and onnx. No
network is used. Models go to --models (2.4 GB in fp32, 1.2 GB in fp16) and are used again if they are there.

Every step is a process with its own time limit; one that fails is named in the results, and the next goes on. results.json is
written anew after each step, table.md at the end (benches/gpu/table.py makes it from results.json at any time).
--device cpu --size small goes through the same steps anywhere, with --engine onnxruntime.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from table import table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDING = ROOT / "assets" / "clips" / "story.flac"
# A hop of 0.5 s in a window of 12.5 s, at the pace of a fast speaker.
HOP = "--left 11.04 --hop 0.5 --right 0.96 --no-endpoint --decisions-per-second 12".split()
# The engine records this many window lengths; the fifth would run unrecorded.
RECORDED = 4
STEP_SECONDS = 60

Found = dict[str, Any]


class Bench:
    """One run: its options, what was found so far, when it must end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.started = time.monotonic()
        self.seconds = options.seconds or (60 if options.quick else 175)
        self.results: Found = {"options": {k: str(v) for k, v in vars(options).items()}, "machine": {}, "steps": {}}
        options.out.mkdir(parents=True, exist_ok=True)
        options.models.mkdir(parents=True, exist_ok=True)

    def save(self) -> None:
        """All that was found so far; never half a file."""
        self.results["wall_seconds"] = round(time.monotonic() - self.started, 1)
        part = self.options.out / "results.part"
        part.write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
        part.replace(self.options.out / "results.json")

    def left(self) -> float:
        """Seconds until the whole run must be over."""
        return self.seconds - (time.monotonic() - self.started)

    def step(self, name: str, command: list[str], parse: Callable[[str], Any] = json.loads) -> Any:
        """Runs one command; its result, or nothing. Whatever happens stands in the results."""
        limit = min(STEP_SECONDS, self.left())
        found: Found = {"command": " ".join(command)}
        start = time.monotonic()
        if limit < 3:
            found["error"] = "skipped: no time left"
        else:
            try:
                ran = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
                if ran.returncode:
                    found["error"] = f"exit code {ran.returncode}: {(ran.stderr or ran.stdout)[-800:].strip()}"
                else:
                    found["result"] = parse(ran.stdout)
                    if ran.stderr.strip():
                        found["stderr"] = ran.stderr[-800:].strip()
            except subprocess.TimeoutExpired as error:
                found["error"] = f"not done after {limit:.0f} s"
                # What it had told by then counts.
                told = (error.stdout or b"").decode(errors="replace")
                if parse is last_line and "\n" in told:
                    found["result"] = parse(told[: told.rindex("\n")])
            except (OSError, ValueError) as error:
                found["error"] = f"{type(error).__name__}: {error}"
        found["seconds"] = round(time.monotonic() - start, 1)
        self.results["steps"][name] = found
        self.save()
        print(f"{name}: {found.get('error', 'done')} ({found['seconds']} s)", flush=True)
        return found.get("result")

    def machine(self) -> None:
        """What it ran on."""
        query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm"
        self.step("gpu", ["nvidia-smi", query, "--format=csv,noheader"], str.strip)
        self.step("program", [str(self.options.program), "--version"], str.strip)
        cpu = next((line for line in cpu_lines() if line.startswith("model name")), platform.processor())
        self.results["machine"] = {"cpu": cpu.partition(":")[2].strip() or cpu, "cores": os.cpu_count()}

    def model(self, precision: str) -> Path:
        """The folder of the random model."""
        return self.options.models / f"{self.options.size}-{precision}"

    def make(self, precision: str) -> None:
        """Writes the random model, unless it is there."""
        folder = self.model(precision)
        if (folder / "contract.json").is_file():
            return
        script = [sys.executable, str(ROOT / "engines" / "random_parakeet.py"), str(folder)]
        options = ["--layout", "contract", "--size", self.options.size, "--precision", precision]
        self.step(f"make {precision}", [*script, *options], lambda text: text.splitlines()[-1])

    def calls(self, precision: str, graphs: bool) -> None:
        """Each function of the engine."""
        windows, runs = self.options.windows, ["--runs", str(self.options.runs)]
        chunks = [windows[at : at + RECORDED] for at in range(0, len(windows), RECORDED)] if graphs else [windows]
        for number, chunk in enumerate(chunks):
            name = f"calls {precision} {'graphs' if graphs else 'launched'}{f' {number + 1}' if number else ''}"
            given = ",".join(map(str, chunk))
            self.bench(name, precision, graphs, ["--calls", "--windows", given, *runs])

    def bench(self, name: str, precision: str, graphs: bool, arguments: list[str]) -> None:
        """One call of `dictoscope bench`."""
        fixed = ["--json", "--model", str(self.model(precision)), "--engine", self.options.engine]
        off = [] if graphs else ["--no-cuda-graphs"]
        self.step(name, [str(self.options.program), "bench", *arguments, *fixed, *off])

    def hops(self, precision: str, graphs: bool) -> None:
        """Dictation, hop by hop."""
        seconds = ["--repeat-to", "60", "--warm-up", "30"]
        name = f"hops {precision} {'graphs' if graphs else 'launched'}"
        self.bench(name, precision, graphs, [str(RECORDING), *seconds, *HOP])

    def clip(self, precision: str, graphs: bool = True) -> None:
        """12 s as a whole, from samples to words."""
        pace = ["--decisions-per-second", "12", "--whole", "--repeat-to", "12", "--runs", "20"]
        name = f"clip {precision} {'graphs' if graphs else 'launched'}"
        self.bench(name, precision, graphs, [str(RECORDING), *pace])

    def torch(self, precision: str) -> None:
        """The yardstick."""
        options = self.options
        given = ["--device", options.device, "--size", options.size, "--precision", precision]
        windows = ",".join(map(str, options.windows))
        script = [sys.executable, str(HERE / "yardstick.py"), *given, "--windows", windows]
        self.step(f"torch {precision}", [*script, "--runs", str(options.runs)], last_line)

    def run(self) -> None:
        """All steps, the most wanted first."""
        self.machine()
        precisions = ["fp16"] if self.options.quick else ["fp16", "fp32"]
        # Both are written at once, before anything is timed.
        with ThreadPoolExecutor(len(precisions)) as pool:
            list(pool.map(self.make, precisions))
        for precision in precisions:
            self.calls(precision, graphs=True)
            self.hops(precision, graphs=True)
            self.torch(precision)
            self.clip(precision)
        for precision in precisions:
            if not self.options.quick:
                self.calls(precision, graphs=False)
        if not self.options.quick:
            self.hops("fp16", graphs=False)
            self.clip("fp16", graphs=False)
        text = table(self.results)
        (self.options.out / "table.md").write_text(text, encoding="utf-8")
        print(f"\n{text}\n{self.results['wall_seconds']} s in all", flush=True)


def last_line(text: str) -> Any:
    """The newest of several JSON objects, each with more than the one before."""
    lines = text.splitlines()
    return json.loads(lines[-1]) if lines else None


def cpu_lines() -> list[str]:
    """What Linux says of the processor."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, metavar="PROGRAM")
    parser.add_argument(
        "--out", type=Path, default=Path("target/gpu-bench"), help="folder for results.json (%(default)s)"
    )
    parser.add_argument("--models", type=Path, default=Path("/tmp/gpu-bench-models"), help="(%(default)s)")
    parser.add_argument("--quick", action="store_true", help="fp16 alone, three windows, 60 s")
    parser.add_argument("--seconds", type=float, help="when the whole run must be over (175, or 60 with --quick)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="PyTorch's")
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--engine", default="onnxruntime-cuda")
    parser.add_argument("--windows", type=lambda text: [float(s) for s in text.split(",")])
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    options.windows = options.windows or ([2.0, 5.0, 12.5] if options.quick else [2.0, 5.0, 10.0, 12.5, 30.0])
    # What is remembered between runs must not leak from or into the user's own.
    for variable, folder in (("DICTOSCOPE_DATA_DIR", "data"), ("DICTOSCOPE_CONFIG_DIR", "config")):
        os.environ.setdefault(variable, str(options.models / folder))
    # A relative path without a folder would be looked for in PATH.
    options.program = options.program.resolve()
    Bench(options).run()


if __name__ == "__main__":
    main()
