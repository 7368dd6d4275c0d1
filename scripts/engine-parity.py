#!/usr/bin/env python3
"""Holds every engine of this machine against rten on the shipped recordings and prints a Markdown table.

usage: engine-parity.py PROGRAM [RECORDING ...]

Rows: ONNX Runtime on the CPU and through CUDA, TensorRT for RTX, each in f32 and with the graphs converted to 16-bit floats
(`dictoscope engines half`; TensorRT: `dictoscope engines build --precision fp16`). A row that cannot be run says why. For a
report, send the whole output.
"""

from __future__ import annotations

import ast
import json
import math
import platform
import struct
import subprocess
import sys
import tempfile
from array import array
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
    return [line for line in lines if line["type"] == "decision" and not line["tail"]]


def rows(path: Path) -> list[array]:
    """Rows of a .npy file of little-endian f32 `[rows, columns]`."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<H", data, 8)
    header = ast.literal_eval(data[10 : 10 + length].decode("latin1"))
    if header["descr"] != "<f4" or len(header["shape"]) != 2:
        raise Failed(f"{path}: expected two axes of f32, found {header}")
    values, width = array("f"), header["shape"][1]
    values.frombytes(data[10 + length :])
    if sys.byteorder == "big":
        values.byteswap()
    return [values[at : at + width] for at in range(0, len(values), width)]


def compare(first: Path, second: Path) -> tuple[float, float]:
    """Least cosine of a row and largest difference."""
    least, largest = 1.0, 0.0
    ours, theirs = rows(first), rows(second)
    if len(ours) != len(theirs):
        raise Failed(f"expected {len(ours)} encoder frames, found {len(theirs)}")
    for a, b in zip(ours, theirs, strict=True):
        dot = sum(map(lambda x, y: x * y, a, b))
        least = min(least, dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)))
        largest = max(largest, max(map(lambda x, y: abs(x - y), a, b)))
    return least, largest


def row(program: str, engine: str, half: str | None, recordings: list[Path], work: Path) -> str:
    """Least cosine of a frame, largest difference, and the first decision that parts, over all recordings."""
    model = ["--model", half] if half and engine != "tensorrt" else []
    if engine == "tensorrt":
        run(program, "engines", "build", "--for", "here", "--precision", "fp16" if half else "fp32")
    cosine, largest, total, parted, margins = 1.0, 0.0, 0, 0, []
    for recording in recordings:
        sides = []
        for name, options in (("rten", []), (engine, model)):
            place = work / f"{recording.stem}-{name}{'-half' if options else ''}"
            trace = place.with_suffix(".jsonl")
            if not trace.exists():
                run(program, "parity", "dump", str(recording), str(place), "--engine", name, *options)
                run(program, "transcribe", str(recording), "--engine", name, "--trace", str(trace), *options)
            sides.append((place / "encoder.npy", decisions(trace)))
        (first, ours), (second, theirs) = sides
        least, most = compare(first, second)
        cosine, largest, total = min(cosine, least), max(largest, most), total + len(ours)
        for a, b in zip(ours, theirs):
            if (a["token"], a["duration"], a["frame"]) != (b["token"], b["duration"], b["frame"]):
                # What follows the first difference follows from it.
                parted += 1
                head = "token_margin" if a["token"] != b["token"] else "duration_margin"
                margins.append(a[head])
                break
    by = f", by a margin of {', '.join(f'{margin:.2g}' for margin in margins)}" if margins else ""
    return f"{cosine:.6f} | {largest:.2g} | {parted} of {len(recordings)} ({total} decisions){by}"


def main() -> None:
    """The command."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = str(Path(sys.argv[1]).resolve())
    # The longest is more than the model takes in one window.
    clips = sorted(path for path in (ROOT / "assets" / "clips").glob("*.flac") if path.stem != "story")
    recordings = [Path(name) for name in sys.argv[2:]] or clips
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
