#!/usr/bin/env python3
"""Long recordings: word error rate, memory and pace of `dictoscope transcribe`, its windows against others, all in one run.

usage: run.py PROGRAM FOLDER [--minutes 10,60] [--threads 2] [--work DIR]

FOLDER holds recordings and `manifest.tsv`: a header, then file, seconds, speaker, text. They are put one behind another with sox,
without pauses between them, in a random order, over and over until there are enough minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}

# Windows in seconds: left context, hop, right context.
FIXED = ["--no-endpoint", "--stream"]
WINDOWS = {
    "20 s, the line in a silence (the program's own)": [],
    "20 s without overlap": [*FIXED, "--left", "0", "--hop", "20", "--right", "0"],
    "30 s, 10 s before and 5 s after a fixed line (formerly the program's own)": [*FIXED, "--left", "10", "--hop", "15", "--right", "5"],
    "20 s, 4 s before and after a fixed line": [*FIXED, "--left", "4", "--hop", "12", "--right", "4"],
}
HEAD = """| recording | windows | word error rate | wall / audio | processor / audio | peak, MB |
| --- | --- | --- | --- | --- | --- |"""
# So many of them for recordings of more than half an hour.
FIRST = 3


def words(text: str) -> list[str]:
    found = re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("\u2019", "'")).split()
    return [TITLES.get(word, word) for word in found]


def errors(reference: list[str], heard: list[str]) -> int:
    """Wrong, missing and additional words (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, said in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(diagonal + (said != word), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


class Run:
    """One or more calls of the program at the same time: wall seconds, seconds of the processor, peak memory of all, text."""

    def __init__(self, calls: list[list[str]]) -> None:
        before, began = os.times(), time.monotonic()
        pipe = subprocess.PIPE
        running = [subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=pipe, text=True) for call in calls]
        peaks = [0] * len(running)
        while any(process.poll() is None for process in running):
            peaks = [max(peak, peak_kib(process.pid)) for peak, process in zip(peaks, running)]
            time.sleep(0.02)
        for process in running:
            message = process.communicate()[1]
            if process.returncode:
                raise SystemExit(f"exit code {process.returncode}: {process.args}\n{message}")
        after = os.times()
        self.wall = time.monotonic() - began
        self.processor = after.children_user + after.children_system - before.children_user - before.children_system
        self.peak_mb = sum(peaks) * 1024 / 1e6

    def row(self, seconds: float) -> str:
        return f"{self.wall / seconds:.4f} | {self.processor / seconds:.4f} | {self.peak_mb:.0f}"


def text_of(path: Path) -> str:
    return json.loads(path.read_text())["text"]


# Threads, recordings, output, flags to a call of the program.
Call = Callable[..., list[str]]


class Corpus:
    def __init__(self, folder: Path, work: Path) -> None:
        rows = [line.split("\t") for line in (folder / "manifest.tsv").read_text().splitlines()[1:]]
        self.rows = [(str(folder / row[0]), float(row[1]), row[-1]) for row in rows]
        self.work = work

    def joined(self, minutes: float, seed: int) -> tuple[Path, list[str], float]:
        """A recording of at least so many minutes, its words, its seconds."""
        order, seconds, chosen = random.Random(seed), 0.0, []
        while seconds < minutes * 60:
            for row in order.sample(self.rows, len(self.rows)):
                if seconds < minutes * 60:
                    chosen.append(row)
                    seconds += row[1]
        path = self.work / f"{minutes:g}-{seed}.wav"
        subprocess.run(["sox", *[row[0] for row in chosen], "-b", "16", path], check=True)
        return path, words(" ".join(row[2] for row in chosen)), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", default="10,60")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="dictoscope-long-"))
    work.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(options.folder, work)

    def call(threads: str, files: list[Path], output: Path, *flags: str) -> list[str]:
        fixed = ["transcribe", "--threads", threads, "--format", "json", "--overwrite", "--output"]
        return [str(part) for part in [options.program.absolute(), *fixed, output, *flags, *files]]

    print(HEAD, flush=True)
    short, _, seconds = corpus.joined(1, 3)
    run = Run([call(options.threads, [short], work / "short.json")])
    print(f"| {seconds / 60:.1f} min | the program's own | | {run.row(seconds)} |", flush=True)
    lengths = list(map(float, options.minutes.split(",")))
    measure_windows(corpus, partial(call, options.threads), work, lengths[:1])
    measure_jobs(corpus, call, work)
    print(f"\n{HEAD}", flush=True)
    measure_windows(corpus, partial(call, options.threads), work, lengths[1:])
    single = work / "single"
    alone = Run([call(options.threads, [Path(row[0]) for row in corpus.rows], single)])
    seconds = sum(row[1] for row in corpus.rows)
    found = [errors(words(text), words(text_of(single / f"{Path(path).stem}.json"))) for path, _, text in corpus.rows]
    count = sum(len(words(text)) for _, _, text in corpus.rows)
    print(f"| each alone, {seconds / 60:.1f} min in all | one each | {100 * sum(found) / count:.2f} % | {alone.row(seconds)} |", flush=True)


def measure_windows(corpus: Corpus, call: Call, work: Path, lengths: list[float]) -> None:
    for minutes in lengths:
        path, spoken, seconds = corpus.joined(minutes, 2)
        for name, flags in list(WINDOWS.items())[: FIRST if minutes > 30 else None]:
            output = work / "long.json"
            run = Run([call([path], output, *flags)])
            heard = words(text_of(output))
            rate = 100 * errors(spoken, heard) / len(spoken)
            print(f"| {seconds / 60:.1f} min | {name} | {rate:.2f} % | {run.row(seconds)} |", flush=True)


def measure_jobs(corpus: Corpus, call: Call, work: Path) -> None:
    print("\n| two recordings of 3 min | wall / audio | processor / audio | peak, MB |\n| --- | --- | --- | --- |", flush=True)
    pair = [corpus.joined(3, seed) for seed in (4, 5)]
    files, seconds = [path for path, _, _ in pair], sum(seconds for _, _, seconds in pair)
    one_each = [call("1", [path], work / f"apart-{path.stem}.json") for path in files]
    for turn in range(2):
        for name, calls in {
            "1 job, 2 threads": [call("2", files, work / "one")],
            "2 jobs, 1 thread each, weights shared": [call("2", files, work / "two", "--jobs", "2")],
            "2 programs, 1 thread each": one_each,
        }.items():
            print(f"| {name} | {Run(calls).row(seconds)} |", flush=True)
    for path in files:
        texts = {text_of(work / folder / f"{path.stem}.json") for folder in ("one", "two")}
        if len(texts) != 1:
            raise SystemExit(f"{path}: two jobs write another text than one")


if __name__ == "__main__":
    main()
