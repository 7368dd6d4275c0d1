"""What every side that is a Python package does: load, take recordings, tell times, texts and memory as one JSON object.

A side's script is called with MODEL THREADS RUNS FILE...: each FILE (mono, 16 kHz) RUNS times from samples to text, after the first
one once for warming up. Reading files, importing modules and starting Python are not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

SAMPLE_RATE = 16000


class Side(Protocol):
    """A recogniser that is ready."""

    # Package, version and what it computes with.
    version: str

    def text(self, samples: np.ndarray) -> str:
        """What was said in f32 samples."""

    def not_its_own(self, samples: np.ndarray) -> float:
        """Milliseconds within `text` that are only there for the comparison; they are taken off."""


Load = Callable[[Path, int], Side]


def read(path: Path) -> np.ndarray:
    """f32 samples."""
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        sys.exit(f"{path}: expected {SAMPLE_RATE} Hz and one channel, found {rate} Hz, shape {samples.shape}")
    return samples


def peak_memory_bytes() -> int:
    """The most that this process held resident."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def take(side: Side, path: Path, runs: int) -> dict[str, Any]:
    """One recording: the median of its runs, and its text."""
    samples, times, text = read(path), [], ""
    for _ in range(runs):
        began = time.perf_counter()
        text = side.text(samples)
        times.append((time.perf_counter() - began) * 1e3)
    millis = statistics.median(times) - side.not_its_own(samples)
    return {"file": path.name, "seconds": len(samples) / SAMPLE_RATE, "millis": millis, "text": text}


def loaded(load: Load, model: Path, threads: int, warm_up: Path) -> tuple[Side, float]:
    """A side that has warmed up, and the milliseconds that loading took."""
    # Products of NumPy must not take more threads than the rest.
    if os.environ.get("OMP_NUM_THREADS") != str(threads):
        sys.exit(f"OMP_NUM_THREADS: expected {threads}, found {os.environ.get('OMP_NUM_THREADS')}")
    began = time.perf_counter()
    side = load(model, threads)
    millis = (time.perf_counter() - began) * 1e3
    side.text(read(warm_up))
    return side, millis


def main(load: Load, stream: Callable[[Side, Path, float], dict[str, Any]] | None = None) -> None:
    """A side's command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("threads", type=int)
    parser.add_argument("runs", type=int)
    parser.add_argument("files", type=Path, nargs="+")
    if stream:
        parser.add_argument("--hop", type=float, help="stream with at least so many seconds between updates")
    options = parser.parse_args()
    side, load_millis = loaded(load, options.model, options.threads, options.files[0])
    if stream and options.hop:
        recordings = [stream(side, path, options.hop) for path in options.files]
    else:
        recordings = [take(side, path, options.runs) for path in options.files]
    found = {"version": side.version, "load_millis": load_millis, "peak_memory_bytes": peak_memory_bytes()}
    print(json.dumps(found | {"recordings": recordings}, ensure_ascii=False))
