"""The program's engines as sides: `dictoscope bench` for times, `dictoscope transcribe` for texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT = 1800
# Of speech before the hops that count, as the other sides warm up on a recording.
WARM_UP_SECONDS = 5

Found = dict[str, Any]


def call(command: list[str], threads: int) -> list[Found]:
    """The objects that a command prints, one a line."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT, env=environment)
    if ran.returncode:
        sys.exit(f"{' '.join(command[:4])}: exit code {ran.returncode}: {ran.stderr[-800:]}")
    found: list[Found] = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return found


def bench(program: Path, engine: str, threads: int, file: Path, *arguments: str) -> Found:
    """One recording in a process of its own."""
    command = [str(program), "bench", str(file), "--json", "--engine", engine, "--threads", str(threads), *arguments]
    return call(command, threads)[0]


def whole(program: Path, engine: str, threads: int, files: list[Path], runs: int) -> Found:
    """Recordings at once."""
    reports = [bench(program, engine, threads, file, "--whole", "--runs", str(runs)) for file in files]
    return of(reports) | {
        "recordings": [
            {
                "file": file.name,
                "seconds": report["audio_secs"] / runs,
                "millis": report["hop_millis"]["total"]["p50"],
                "encode_millis": report["hop_millis"]["encode"]["p50"],
            }
            for file, report in zip(files, reports, strict=True)
        ]
    }


def stream(program: Path, engine: str, threads: int, files: list[Path], hop: float) -> Found:
    """Recordings hop by hop, in the windows of dictation. The spread of each recording stands for its hops."""
    arguments = ("--hop", str(hop), "--warm-up", str(WARM_UP_SECONDS))
    reports = [bench(program, engine, threads, file, *arguments) for file in files]
    return of(reports) | {
        "recordings": [
            {
                "file": file.name,
                "seconds": report["audio_secs"],
                "hops": report["hop_millis"]["total"]["count"],
                "hop_p50": report["hop_millis"]["total"]["p50"],
                "hop_p95": report["hop_millis"]["total"]["p95"],
                "first_word": report["latency_secs"]["first_word"],
                "word_to_commit": report["latency_secs"]["word_to_commit"]["p50"],
            }
            for file, report in zip(files, reports, strict=True)
        ]
    }


def of(reports: list[Found]) -> Found:
    """What is the same for each recording, or the most of them."""
    loads = sorted(report["load_millis"] for report in reports)
    return {
        "version": reports[0]["engine"]["engine"],
        "load_millis": loads[len(loads) // 2],
        "peak_memory_bytes": max(report["peak_memory_bytes"] for report in reports),
    }


def texts(program: Path, engine: str, files: list[Path], *arguments: str) -> list[str]:
    """What the program writes."""
    command = [str(program), "transcribe", "--json", "--engine", engine, *arguments, *map(str, files)]
    return [found["text"] for found in call(command, 2)]
