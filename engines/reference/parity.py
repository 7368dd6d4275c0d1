#!/usr/bin/env python3
"""Holds the program's engine against the reference on recordings, stage by stage, and prints the table of differences.

usage: parity.py PROGRAM MODEL_FOLDER WORK_FOLDER RECORDING...

Both sides start from the same samples: the program writes them, with its features and tensors, into WORK_FOLDER; the
reference computes everything anew from them. Then the program compares: the traces decision by decision, and features,
encoder, prediction network and joint on equal inputs. Ends with PASS or FAIL; exit code 0 or 1.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from errors import InputError
from run import decode, load_audio, parse_arguments

# The gate for 32-bit engines: largest absolute difference of encoder frames.
ENCODER_MAX_ABS = 1e-3


class Program:
    """The program under test."""

    def __init__(self, path: Path, model: Path) -> None:
        self.path = path
        self.model = ["--model", str(model)]

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Standard output of one call; other exit codes than `codes` are an error."""
        done = subprocess.run([str(self.path), *arguments], capture_output=True, text=True)
        if done.returncode not in codes:
            raise InputError(f"{self.path} {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments: str) -> dict[str, Any]:
        """The JSON object that a comparison prints, whether or not it passed."""
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", codes=(0, 1)))
        return found


def compare(program: Program, model: Path, recording: Path, work: Path) -> tuple[list[str], bool]:
    """One row of the table, and whether decisions are equal and the encoder within its gate."""
    name = recording.stem
    ours, theirs = work / f"{name}.program", work / f"{name}.reference"
    traces = [work / f"{name}.program.jsonl", work / f"{name}.reference.jsonl"]
    program.run("parity", "dump", str(recording), str(ours), *program.model)
    program.run("transcribe", str(recording), "--trace", str(traces[0]), *program.model)
    common = ["--model", str(model), "--audio", str(ours / "audio.npy"), "--path", str(ours / "path.npy")]
    decode(parse_arguments([*common, "--trace", str(traces[1]), "--tensors", str(theirs)]))

    sides = ["--engines", f"{ours},{theirs}", *program.model]
    features = program.json("parity", "features", str(recording), str(theirs), *program.model)["features"]
    encoder = program.json("parity", "encoder", str(recording), *sides)["sides"][0]
    predictor = program.json("parity", "predictor", str(recording), *sides)["sides"][0]
    joint = program.json("parity", "joint", str(recording), *sides)["sides"][0]
    logits = max(joint[head]["max_abs"] for head in ("token", "duration"))
    decisions = program.json("parity", "compare", str(traces[0]), str(traces[1]), "--check-index", "--ignore-weights")
    found = decisions["found"]
    passed = decisions["verdict"] == "PASS" and encoder["max_abs"] <= ENCODER_MAX_ABS
    counts = found["counts"]
    cells = [
        name,
        str(found["steps"][0]),
        f"{features['reading']['difference']['max_abs']:.1e}",
        f"{encoder['max_abs']:.1e}",
        f"{encoder['cosine_min']:.7f}",
        f"{predictor['max_abs']:.1e}",
        f"{logits:.1e}",
        f"{counts['tokens']}, {counts['durations']}, {counts['frames']}",
        decisions["summary"],
    ]
    return cells, passed


def pieces(recording: Path, model: Path, work: Path) -> list[Path]:
    """The recording, or, if it is longer than the model's window, equal parts of it, written to `work`."""
    contract = json.loads((model / "contract.json").read_text())
    longest = contract["encoder"]["max_mel_frames"] * contract["front_end"]["hop"]
    samples = load_audio(recording, contract["sample_rate"])
    if len(samples) <= longest:
        return [recording]
    parts = []
    for number, part in enumerate(np.array_split(samples, math.ceil(len(samples) / longest)), 1):
        parts.append(work / f"{recording.stem}-{number}.wav")
        soundfile.write(parts[-1], part, contract["sample_rate"], subtype="FLOAT")
    return parts


def main() -> None:
    """Prints the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    program = Program(options.program, options.model)
    heads = ["recording", "decisions", "features max Δ", "encoder max Δ", "least cosine", "predictor max Δ", "joint max Δ"]
    heads += ["tokens, durations, frames that differ", "finding"]
    print(f"| {' | '.join(heads)} |\n| {' | '.join('---' for _ in heads)} |", flush=True)
    failed = 0
    windows = [part for recording in options.recordings for part in pieces(recording, options.model, options.work)]
    for recording in windows:
        try:
            cells, passed = compare(program, options.model, recording, options.work)
        except InputError as error:
            sys.exit(f"parity: {error}")
        failed += not passed
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"{len(options.recordings)} recordings in {len(windows)} windows, {failed} outside the gate")
    print("FAIL" if failed else "PASS")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
