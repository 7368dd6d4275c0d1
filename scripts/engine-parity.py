#!/usr/bin/env python3
"""Holds every engine of this machine against rten on the shipped recordings and prints a Markdown table.

usage: engine-parity.py PROGRAM [RECORDING ...]

Rows: ONNX Runtime on the CPU and through CUDA, TensorRT for RTX, each in f32 and with the graphs converted to 16-bit floats
(`dictoscope engines half`; TensorRT: `dictoscope engines build --precision fp16`). A row that cannot be run says why. For a
report, send the whole output.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Name of the row, engine, converted to 16-bit floats.
ROWS = [
    ("ONNX Runtime, CPU, f32", "onnxruntime", False),
    ("ONNX Runtime, CPU, f16 graphs", "onnxruntime", True),
    ("ONNX Runtime, CUDA, f32", "onnxruntime-cuda", False),
    ("ONNX Runtime, CUDA, f16 graphs", "onnxruntime-cuda", True),
    ("TensorRT for RTX, fp32", "tensorrt", False),
    ("TensorRT for RTX, fp16", "tensorrt", True),
]
SECONDS = 600


class Failed(Exception):
    """The program's own words."""


def run(program: str, *arguments: str, also: tuple[int, ...] = ()) -> str:
    """What the program writes."""
    command = [program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in (0, *also):
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise Failed(lines[-1].removeprefix("dictoscope: "))
    return done.stdout


def decisions(trace: Path) -> list[dict]:
    """Committed decisions of a trace."""
    lines = (json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.get("type") == "decision" or line.get("kind") == "decision"]


def row(program: str, engine: str, half: str | None, recordings: list[Path], work: Path) -> str:
    """Least cosine of a frame, largest difference, differing decisions and their margins, over all recordings."""
    model = ["--model", half] if half and engine != "tensorrt" else []
    if engine == "tensorrt":
        run(program, "engines", "build", "--for", "here", "--precision", "fp16" if half else "fp32")
    cosine, largest, total, parted, margins = 1.0, 0.0, 0, 0, []
    for recording in recordings:
        dump = work / f"{recording.stem}-rten"
        if not dump.exists():
            run(program, "parity", "dump", str(recording), str(dump), "--engine", "rten")
        sides = f"{dump},{engine}"
        report = json.loads(run(program, "parity", "encoder", str(recording), "--engines", sides, "--json", *model, also=(1,)))
        side = report["sides"][0]
        cosine = min(cosine, side["cosine_min"])
        largest = max(largest, side["max_abs"])
        first, second = work / f"{recording.stem}-rten.jsonl", work / f"{recording.stem}-{engine}-{bool(half)}.jsonl"
        if not first.exists():
            run(program, "transcribe", str(recording), "--engine", "rten", "--trace", str(first))
        run(program, "transcribe", str(recording), "--engine", engine, "--trace", str(second), *model)
        ours, theirs = decisions(first), decisions(second)
        total += len(ours)
        for a, b in zip(ours, theirs):
            if (a["token"], a["duration"], a["frame"]) != (b["token"], b["duration"], b["frame"]):
                parted += 1
                margins.append(min(a["token_margin"], a["duration_margin"]))
                # What follows the first difference follows from it.
                break
    smallest = f"; margin {max(margins):.2g} or less" if margins else ""
    return f"{cosine:.6f} | {largest:.2g} | {parted} of {len(recordings)}, {total} decisions{smallest}"


def main() -> None:
    """The command."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = str(Path(sys.argv[1]).resolve())
    recordings = [Path(name) for name in sys.argv[2:]] or sorted((ROOT / "assets" / "clips").glob("*.flac"))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        half = str(work / "half")
        print(f"{run(program, '--version').strip()}, {platform.platform()}, {len(recordings)} recordings\n")
        print(run(program, "engines"))
        run(program, "engines", "half", half)
        print("| against rten | least cosine of a frame | max abs difference | recordings whose decisions part |")
        print("| --- | --- | --- | --- |", flush=True)
        for name, engine, converted in ROWS:
            try:
                cells = row(program, engine, half if converted else None, recordings, work)
            except (Failed, subprocess.TimeoutExpired, KeyError) as error:
                cells = f"not run: {error} | | "
            print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
