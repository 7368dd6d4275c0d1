#!/usr/bin/env python3
"""What a hop, a whole clip and memory may cost, as multiples of what ONNX Runtime needs for the encoder alone in the same run.

usage: benches/budget.py measure PROGRAM [--out target/bench.json]
       benches/budget.py check [--found target/bench.json] [--baseline benches/baseline.json]
       benches/budget.py baseline [--found target/bench.json] [--baseline benches/baseline.json]

`measure` takes turns: ONNX Runtime's encoder (raw_encoder.py), then each engine of the program on a recording, hop by hop and as a whole. A figure is
the median of its turns' ratios. `check` fails on any that lost more than 15 % to the baseline; `baseline` makes what was
measured the new one. ORT_DYLIB_PATH names ONNX Runtime's library; `make bench`, `make bench-check` and `make bench-baseline` set everything up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "assets" / "model"
RECORDING = ROOT / "assets" / "clips" / "story.flac"
FORMAT = "dictoscope-bench-1"
ENGINES = ("rten", "onnxruntime")
# A share of the baseline that a figure may be worse by.
TOLERANCE = 0.15
# A hop's window as the settings have it, 3.52 + 0.48 or 0.56 + 0.96 s, and the clip.
WINDOW, CLIP = 5.0, 12.0
TIMEOUT = 600

Found = dict[str, Any]


class BudgetError(Exception):
    """Says which figure or file, what was expected and what was found."""


def call(command: list[str], threads: int) -> Found:
    """The object that a command prints."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT, env=environment)
    if ran.returncode:
        raise BudgetError(f"{' '.join(command[:3])}: expected exit code 0, found {ran.returncode}: {ran.stderr[-800:]}")
    found: Found = json.loads(ran.stdout.splitlines()[-1])
    return found


def turn(program: Path, threads: int, runs: int) -> Found:
    """Everything once."""
    raw_script = str(Path(__file__).with_name("raw_encoder.py"))
    raw = call([sys.executable, raw_script, str(MODEL), str(threads), str(4 * runs), str(WINDOW), str(CLIP)], threads)
    found: Found = {"raw": raw}
    for engine in ENGINES:
        common = [str(program), "bench", str(RECORDING), "--json", "--engine", engine, "--threads", str(threads)]
        whole = ["--whole", "--runs", str(runs), "--repeat-to", str(CLIP)]
        found[engine] = {"hops": call([*common, "--warm-up", "8"], threads), "whole": call([*common, *whole], threads)}
    return found


def ratios(found: Found) -> dict[str, float]:
    """The figures of one turn. More is worse."""
    raw = found["raw"]
    window, clip = (raw["millis"][str(seconds)] for seconds in (WINDOW, CLIP))
    figures = {}
    for engine in ENGINES:
        hops, whole = found[engine]["hops"], found[engine]["whole"]
        full = hops["full_window_millis"]
        figures |= {
            f"{engine}: hop p50 / raw encoder": full["total"]["p50"] / window,
            f"{engine}: hop p95 / raw encoder": full["total"]["p95"] / window,
            f"{engine}: whole clip / raw encoder": whole["hop_millis"]["total"]["p50"] / clip,
            f"{engine}: hop / its encoder's share": full["total"]["p50"] / full["encode"]["p50"],
        }
        if hops["peak_memory_bytes"] and raw["peak_memory_bytes"]:
            figures[f"{engine}: memory / raw encoder's"] = hops["peak_memory_bytes"] / raw["peak_memory_bytes"]
    return figures


def measure(program: Path, threads: int, turns: int, runs: int) -> Found:
    """The figures, and the turns that they are made of."""
    raw, each = [], []
    for number in range(turns):
        raw.append(turn(program, threads, runs))
        each.append(ratios(raw[-1]))
        print(f"turn {number + 1} of {turns}: raw encoder {raw[-1]['raw']['millis'][str(WINDOW)]:.1f} ms", flush=True)
    last = raw[-1]
    return {
        "format": FORMAT,
        "machine": machine(),
        "model": last[ENGINES[0]]["hops"]["engine"]["model"],
        "onnxruntime": last["raw"]["version"],
        "threads": threads,
        "turns": turns,
        "load_average": round(os.getloadavg()[0], 1),
        "figures": {name: round(statistics.median(one[name] for one in each), 4) for name in each[0]},
        "each_turn": each,
        "raw": raw,
    }


def machine() -> str:
    """Processor and cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    name = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "unknown processor")
    return f"{name}, {os.cpu_count()} cores"


def compare(baseline: Found, found: Found) -> tuple[list[str], list[str]]:
    """A line for each figure, and those that fail."""
    for what in ("threads", "model"):
        if baseline[what] != found[what]:
            raise BudgetError(f"{what}: expected {baseline[what]}, as in the baseline, found {found[what]}")
    lines, lost = [], []
    for name, expected in baseline["figures"].items():
        if name not in found["figures"]:
            raise BudgetError(f"{name}: expected a figure, found none")
        value = found["figures"][name]
        change = value / expected - 1.0
        line = f"{name}: expected {expected:.3f}, found {value:.3f} ({change:+.1%})"
        lines.append(line)
        if change > TOLERANCE:
            lost.append(line)
    return lines, lost


def load(path: Path) -> Found:
    """A file of figures."""
    try:
        found: Found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BudgetError(f"{path}: expected figures (make bench writes them), found: {error}") from None
    if found.get("format") != FORMAT:
        raise BudgetError(f"{path}: format: expected {FORMAT}, found {found.get('format')}")
    return found


def write(path: Path, found: Found) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run(options: argparse.Namespace) -> None:
    """One of the verbs."""
    if options.verb == "measure":
        found = measure(options.program, options.threads, options.turns, options.runs)
        write(options.out, found)
        print("\n".join(f"{name}: {value:.3f}" for name, value in found["figures"].items()))
        print(f"{options.out} has all of it")
    elif options.verb == "baseline":
        found = load(options.found)
        write(options.baseline, {name: value for name, value in found.items() if name not in ("raw", "each_turn")})
        print(f"{options.baseline}: written; commit it with the reason")
    else:
        lines, lost = compare(load(options.baseline), load(options.found))
        print("\n".join(lines))
        if lost:
            allowed = f"{TOLERANCE:.0%}"
            raise BudgetError(f"more than {allowed} worse than the baseline:\n" + "\n".join(lost))


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 if a figure is too bad or missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("measure")
    one.add_argument("program", type=Path, metavar="PROGRAM")
    one.add_argument("--out", type=Path, default=Path("target/bench.json"), help="(%(default)s)")
    one.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    one.add_argument("--turns", type=int, default=7, help="(%(default)s)")
    one.add_argument("--runs", type=int, default=5, help="of the clip in a turn (%(default)s)")
    for verb in ("check", "baseline"):
        one = verbs.add_parser(verb)
        one.add_argument("--found", type=Path, default=Path("target/bench.json"), help="(%(default)s)")
        one.add_argument("--baseline", type=Path, default=ROOT / "benches" / "baseline.json", help="(%(default)s)")
    try:
        run(parser.parse_args(arguments))
    except BudgetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
