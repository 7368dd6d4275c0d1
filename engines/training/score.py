#!/usr/bin/env python3
"""Measures a model's word error rate with ONNX Runtime: on whole files and streamed, under several conditions.

usage: score.py MODEL_FOLDER RECORDINGS [--json OUT] [...]

RECORDINGS is a folder with manifest.tsv (file, seconds, speaker, text), or one or more shards (.npz). Streamed means
the program's windows, each recording as one utterance: the voice gate, which cuts silence off, is not part of it. Words
are compared in lower case, without punctuation, titles spelled out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import conditions
import errors
import numpy as np
import onnxruntime
import speech
import torch
from errors import InputError
from recogniser import Networks, Recogniser, transcribe
from speech import Recording
from text import ErrorRate
from windows import Streaming, Window, streamed, whole

FORMAT = "dictoscope-scores-1"
MODES = {"whole": "whole file", "stream": "streamed"}
# Upper ends of the classes of length, in seconds.
LENGTHS = (4.0, 8.0, 15.0, 30.0, float("inf"))
PROGRESS_SECONDS = 10.0

# The samples and the mode ("whole", "stream") of one recording, to its text and the seconds it took.
Job = tuple[np.ndarray, str]
Listen = Callable[[Job], tuple[str, float]]


@dataclass(frozen=True)
class Heard:
    """What came of one recording."""

    recording: Recording
    text: str
    seconds: float


def windows(samples: int, mode: str, longest: int, sizes: Streaming) -> Iterator[Window]:
    """How a recording is cut up."""
    return whole(samples, longest) if mode == "whole" else streamed(samples, longest, sizes)


class Listener:
    """A model that answers jobs."""

    def __init__(self, networks: Networks, longest: int, text: Callable[[list[int]], str], sizes: Streaming) -> None:
        self.networks, self.longest, self.text, self.sizes = networks, longest, text, sizes

    def __call__(self, job: Job) -> tuple[str, float]:
        """The text of one recording."""
        samples, mode = job
        began = time.perf_counter()
        tokens = transcribe(self.networks, samples, windows(len(samples), mode, self.longest, self.sizes))
        return self.text(tokens), time.perf_counter() - began


listener: Listener


def start_worker(folder: Path, threads: int, sizes: Streaming) -> None:
    """Loads the model in a process of its own."""
    global listener
    recogniser = Recogniser(folder, threads)
    listener = Listener(recogniser, recogniser.longest, recogniser.text, sizes)


def listen_in_worker(job: Job) -> tuple[str, float]:
    """Calls the listener of this process."""
    return listener(job)


@contextmanager
def listening(options: argparse.Namespace, sizes: Streaming) -> Iterator[Callable[[Iterable[Job]], Iterable[Any]]]:
    """Gives a map over jobs, in this process or in several."""
    arguments = (options.model, options.threads, sizes)
    if options.workers == 1:
        start_worker(*arguments)
        yield lambda jobs: map(listen_in_worker, jobs)
        return
    # A fresh interpreter: threads of PyTorch and ONNX Runtime do not outlive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, start_worker, arguments) as pool:
        try:
            yield lambda jobs: pool.map(listen_in_worker, jobs)
        finally:
            pool.shutdown(cancel_futures=True)


def heard_under(
    condition: str, mode: str, recordings: list[Recording], hear: Callable[[Iterable[Job]], Iterable[Any]], until: float
) -> list[Heard]:
    """All recordings under one condition; says now and then how far it is, and ends with an error at `until`."""

    def jobs() -> Iterator[Job]:
        for recording in recordings:
            others = [other.samples for other in recordings if other.is_other_than(recording)]
            generator = conditions.generator(condition, recording.name)
            yield conditions.CONDITIONS[condition](recording.samples, others, generator), mode

    found, rate, said = [], ErrorRate(), time.monotonic()
    for recording, (text, seconds) in zip(recordings, hear(jobs()), strict=True):
        found.append(Heard(recording, text, seconds))
        rate.add(recording.text, text)
        now = time.monotonic()
        if now > until:
            raise InputError(f"time limit reached at {condition}, {mode}, {recording.name} (--seconds sets it)")
        if now - said > PROGRESS_SECONDS:
            said = now
            progress = f"{len(found)} of {len(recordings)} recordings, {rate.percent:.2f} %"
            print(f"score: {condition}, {MODES[mode]}: {progress}", file=sys.stderr, flush=True)
    return found


def counts(found: Iterable[Heard]) -> dict[str, Any]:
    """Errors over some recordings."""
    rate = ErrorRate()
    recordings = 0
    for heard in found:
        rate.add(heard.recording.text, heard.text)
        recordings += 1
    return {
        "recordings": recordings,
        "words": rate.words,
        "substitutions": rate.substitutions,
        "deletions": rate.deletions,
        "insertions": rate.insertions,
        "percent": round(rate.percent, 2),
    }


def by_length(found: list[Heard]) -> list[dict[str, Any]]:
    """Errors for each class of length that occurs."""
    classes = []
    for low, high in zip((0.0, *LENGTHS), LENGTHS):
        part = [heard for heard in found if low < heard.recording.seconds <= high]
        if part:
            classes.append({"over_seconds": low, "up_to_seconds": min(high, 1e9), **counts(part)})
    return classes


def worst(found: list[Heard], most: int) -> list[dict[str, Any]]:
    """The recordings with most errors for their words."""
    each = [{"recording": h.recording.name, **counts([h]), "spoken": h.recording.text, "heard": h.text} for h in found]
    return sorted(each, key=lambda entry: -entry["percent"])[:most]


def table(scores: dict[str, Any]) -> str:
    """Word error rates in per cent, conditions down, modes across; in Markdown."""
    modes = list(dict.fromkeys(score["mode"] for score in scores["scores"]))
    rows = [["", *(MODES[mode] for mode in modes)], ["---"] * (1 + len(modes))]
    for condition in dict.fromkeys(score["condition"] for score in scores["scores"]):
        cells = [score for score in scores["scores"] if score["condition"] == condition]
        parts = ("substitutions", "deletions", "insertions")
        texts = [f"{c['percent']:.2f} % ({', '.join(str(c[part]) for part in parts)})" for c in cells]
        rows.append([conditions.TITLES[condition], *texts])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def details(scores: dict[str, Any]) -> str:
    """The sections that were asked for."""
    lines = []
    for score in scores["scores"]:
        head = f"{score['condition']}, {MODES[score['mode']]}"
        for entry in score.get("by_length", []):
            limits = f"{entry['over_seconds']:g} to {entry['up_to_seconds']:g} s"
            lines.append(f"{head}: {limits}: {entry['percent']:.2f} % of {entry['words']} words")
        for entry in score.get("worst", []):
            lines.append(f"{head}: {entry['percent']:.2f} % {entry['recording']}")
            lines.append(f"    spoken {entry['spoken']}\n    heard  {entry['heard']}")
    return "\n".join(lines)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for, as it is written to the JSON file."""
    began = time.monotonic()
    recordings, hashes = speech.read(options.recordings, options.manifest)
    chosen = recordings[: options.limit]
    contract = Recogniser(options.model).contract
    sizes = Streaming(options.left, options.hop, options.right)
    audio_seconds = sum(recording.seconds for recording in chosen)
    scores = []
    with listening(options, sizes) as hear:
        for condition in options.conditions:
            for mode in options.modes:
                found = heard_under(condition, mode, chosen, hear, began + options.seconds)
                score = {"condition": condition, "mode": mode, **counts(found)}
                score["real_time_factor"] = round(sum(heard.seconds for heard in found) / audio_seconds, 4)
                if options.by_length:
                    score["by_length"] = by_length(found)
                if options.worst:
                    score["worst"] = worst(found, options.worst)
                scores.append(score)
    return {
        "format": FORMAT,
        "model": contract["name"],
        "model_sha256": {name: graph["sha256"] for name, graph in contract["graphs"].items()},
        "recordings": {
            "name": ", ".join(place.name for place in options.recordings),
            "count": len(chosen),
            "seconds": round(audio_seconds, 1),
            "sha256": hashes,
        },
        "window": asdict(sizes),
        "noise": {"what": conditions.NOISE, "snr_db": conditions.SNR_DB, "seed": conditions.SEED},
        "threads": options.threads,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
        },
        "scores": scores,
    }


def some_of(names: Iterable[str]) -> Callable[[str], list[str]]:
    """A comma-separated choice, for argparse."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(names)}, found {name}")
        return chosen

    return parse


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, window = parser.add_argument, Streaming()
    add("model", type=Path, metavar="MODEL_FOLDER")
    add("recordings", type=Path, nargs="+", metavar="RECORDINGS")
    add("--manifest", type=Path, metavar="FILE", help="default: manifest.tsv in the folder of recordings")
    names, modes = conditions.CONDITIONS, MODES
    add("--conditions", type=some_of(names), default=[*names], metavar="LIST", help=f"of {','.join(names)} (all)")
    add("--modes", type=some_of(modes), default=[*modes], metavar="LIST", help=f"of {','.join(modes)} (both)")
    add("--left", type=float, default=window.left_seconds, metavar="S", help="left context (default %(default)s)")
    add("--hop", type=float, default=window.hop_seconds, metavar="S", help="hop (default %(default)s)")
    add("--right", type=float, default=window.right_seconds, metavar="S", help="right context (default %(default)s)")
    add("--limit", type=int, metavar="N", help="the first N recordings only")
    add("--threads", type=int, default=1, metavar="N", help="of each engine (default 1)")
    add("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    add("--seconds", type=float, default=3600.0, metavar="S", help="time limit (default 3600)")
    add("--json", type=Path, metavar="OUT", help="write everything here")
    add("--by-length", action="store_true", help="also for each class of length")
    add("--worst", type=int, default=0, metavar="N", help="also the N worst recordings")
    options = parser.parse_args()
    scores = measure(options)
    if options.json:
        options.json.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    about = f"{scores['recordings']['count']} recordings, {scores['recordings']['seconds'] / 60:.1f} minutes"
    print(f"{scores['model']} on {scores['recordings']['name']}: {about}")
    print("word error rate (substitutions, deletions, insertions)\n")
    print(table(scores))
    if options.by_length or options.worst:
        print("\n" + details(scores))


if __name__ == "__main__":
    errors.run(main)
