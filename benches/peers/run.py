#!/usr/bin/env python3
"""Compares the program with its peers on the CPU: same recordings, same threads, in turns, in one run.

usage: sh benches/peers/run.sh [PROGRAM] [--speech FOLDER] [--only accuracy|speed]

accuracy: every recording once with each side; word errors as engines/training/score.py counts them. speed: some recordings, whole
and streamed. Each turn runs every side once, in processes of their own that warm up first; a side's figure is the median of its
turns, and each ratio the median of the turns' ratios, so that what slows the whole machine for a while slows all sides. Writes
results.json and table.md into --out; with --only the other part is kept from the results.json that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import convert
import ours
import whisper_models
from table import table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "engines" / "training"))
import errors  # noqa: E402
import speech  # noqa: E402
from errors import InputError  # noqa: E402
from text import ErrorRate  # noqa: E402

ENGINES = ("rten", "onnxruntime")
SCRIPTS = {
    "onnx-asr": "side_onnx_asr.py",
    "sherpa-onnx": "side_sherpa.py",
    "whisper tiny.en": "side_whisper.py",
    "whisper base": "side_whisper.py",
}
SIDES = (*ENGINES, *SCRIPTS)
STREAMING = (*ENGINES, "whisper tiny.en")
# The embedded model and Whisper take no more at once, and not every side cuts longer recordings up.
LONGEST = 30.0
# Streamed ones are shorter, so that a run ends.
LONGEST_STREAMED = 20.0

Found = dict[str, Any]


class Bench:
    """Everything that is the same in each turn."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.program, self.out, self.hop, self.runs = options.program, options.out, options.hop, options.runs
        self.out.mkdir(parents=True, exist_ok=True)
        for variable, folder in (("DICTOSCOPE_DATA_DIR", "data"), ("DICTOSCOPE_CONFIG_DIR", "config")):
            os.environ.setdefault(variable, str(self.out.resolve() / folder))
        models = self.out / "models"
        convert.convert(ROOT / "assets" / "model", models)
        self.models = {name: models / name for name in ("onnx-asr", "sherpa-onnx")}
        self.models |= {
            "whisper tiny.en": whisper_models.tiny(),
            "whisper base": whisper_models.base(models / "whisper-base"),
        }

    def python(self, side: str, threads: int, files: list[Path], runs: int, *arguments: str) -> Found:
        """A side that is a Python package."""
        command = [sys.executable, str(HERE / SCRIPTS[side]), str(self.models[side]), str(threads), str(runs)]
        return ours.call([*command, *map(str, files), *arguments], threads)[0]

    def whole(self, side: str, threads: int, files: list[Path]) -> Found:
        """Recordings at once."""
        if side in ENGINES:
            return ours.whole(self.program, side, threads, files, self.runs)
        return self.python(side, threads, files, self.runs)

    def stream(self, side: str, threads: int, files: list[Path]) -> Found:
        """Recordings as they would be dictated."""
        if side in ENGINES:
            return ours.stream(self.program, side, threads, files, self.hop)
        return self.python(side, threads, files, 1, "--hop", str(self.hop))


def chosen(recordings: list[Found], count: int, longest: float) -> list[Path]:
    """So many recordings of up to `longest` seconds, from the shortest to the longest in even steps."""
    fitting = sorted((r for r in recordings if r["seconds"] <= longest), key=lambda r: (r["seconds"], r["file"]))
    if not fitting:
        raise InputError(f"--speech: expected recordings of up to {longest:g} s, found none")
    count = min(count, len(fitting))
    return [Path(fitting[(2 * n + 1) * len(fitting) // (2 * count)]["path"]) for n in range(count)]


def accuracy(bench: Bench, recordings: list[Found], sides: list[str]) -> Found:
    """Word error rates of sides."""
    files = [Path(recording["path"]) for recording in recordings]
    found: Found = {}
    for side in sides:
        if side in ENGINES:
            texts = {
                "whole": ours.texts(bench.program, side, files),
                "streamed": ours.texts(bench.program, side, files, "--stream"),
            }
        else:
            report = bench.python(side, 2, files, 1)
            texts = {"whole": [recording["text"] for recording in report["recordings"]]}
        found[side] = {mode: score(recordings, heard) | {"texts": heard} for mode, heard in texts.items()}
        rates = ", ".join(f"{mode} {entry['percent']} %" for mode, entry in found[side].items())
        print(f"{side}: {rates}", flush=True)
    return found


def score(recordings: list[Found], texts: list[str]) -> Found:
    """Errors of one side."""
    rate = ErrorRate()
    for recording, text in zip(recordings, texts, strict=True):
        rate.add(recording["text"], text)
    errors_of = {name: getattr(rate, name) for name in ("words", "substitutions", "deletions", "insertions")}
    return {"percent": round(rate.percent, 2), **errors_of}


def speed(bench: Bench, recordings: list[Found], options: argparse.Namespace) -> Found:
    """The turns."""
    whole = chosen(recordings, options.recordings, LONGEST)
    streamed = chosen(recordings, options.streamed, LONGEST_STREAMED)
    found: Found = {"whole": {}, "streamed": {}, "load_average": [os.getloadavg()[0]]}
    for turn in range(options.turns):
        for threads in map(str, options.threads):
            began = time.monotonic()
            one = {side: bench.whole(side, int(threads), whole) for side in options.sides}
            other = {side: bench.stream(side, int(threads), streamed) for side in options.sides if side in STREAMING}
            found["whole"].setdefault(threads, []).append(one)
            found["streamed"].setdefault(threads, []).append(other)
            took = time.monotonic() - began
            sums = ", ".join(f"{side} {sum(r['millis'] for r in f['recordings']):.0f}" for side, f in one.items())
            print(f"turn {turn + 1}, {threads} threads, {took:.0f} s: {sums} ms", flush=True)
    found["load_average"].append(os.getloadavg()[0])
    return found


def read(folder: Path) -> tuple[list[Found], Found]:
    """The recordings of a folder with manifest.tsv that no side has to cut up, without samples, and hashes."""
    listed, hashes = speech.read([folder], None)
    rows = [
        {"file": r.name, "path": str((folder / r.name).resolve()), "seconds": r.seconds, "text": r.text}
        for r in listed
        if r.seconds <= LONGEST
    ]
    return rows, hashes


def machine() -> str:
    """Processor and cores."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "unknown processor")
    return f"{name}, {os.cpu_count()} cores"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("program", type=Path, metavar="PROGRAM")
    add("--speech", type=Path, default=ROOT / "assets" / "clips", metavar="FOLDER", help="with manifest.tsv (assets/clips)")
    add("--out", type=Path, default=Path("target/peers"), metavar="FOLDER", help="(%(default)s)")
    add("--only", choices=("accuracy", "speed"))
    add("--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="SIDE", help=f"of {', '.join(SIDES)} (all)")
    add("--threads", type=int, nargs="+", default=[2, 1], metavar="N", help="(2 and 1)")
    add("--turns", type=int, default=3, metavar="N", help="(%(default)s)")
    add("--runs", type=int, default=2, metavar="N", help="of each recording in a turn (%(default)s)")
    add("--recordings", type=int, default=8, metavar="N", help="taken whole in the turns (%(default)s)")
    add("--streamed", type=int, default=4, metavar="N", help="streamed in the turns (%(default)s)")
    add("--hop", type=float, default=0.5, metavar="S", help="of streaming (%(default)s)")
    options = parser.parse_args()
    if ENGINES[0] not in options.sides and options.only != "accuracy":
        parser.error(f"--sides: expected {ENGINES[0]} among them, to which the others are compared")
    bench = Bench(options)
    recordings, hashes = read(options.speech)
    place = options.out / "results.json"
    results: Found = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    if results.get("sha256") != hashes:
        results = {}
    seconds = sum(recording["seconds"] for recording in recordings)
    results |= {"machine": machine(), "speech": options.speech.resolve().name, "sha256": hashes}
    results |= {"recordings": len(recordings), "minutes": round(seconds / 60, 1), "hop": options.hop}
    if options.only != "speed":
        # In the order of the table, with what an earlier call measured of other sides.
        found = results.get("accuracy", {}) | accuracy(bench, recordings, options.sides)
        results["accuracy"] = {side: found[side] for side in SIDES if side in found}
    if options.only != "accuracy":
        results["speed"] = speed(bench, recordings, options)
    place.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (options.out / "table.md").write_text(table(results), encoding="utf-8")
    print("\n" + table(results))


if __name__ == "__main__":
    errors.run(main)
