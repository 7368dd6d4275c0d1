"""Synthesises sentences into shards of training speech, with several processes, until a time limit or the last sentence.

A second run with the same OUT, SENTENCES and seed goes on where the first ended. Writes OUT/synthesis-ENGINE.json: the
settings, the hashes of what went in, and totals. Folders that are filled at the same time need different seeds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import queue
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import errors
import shards
import synthesis_worker
from errors import InputError
from fetch import tree_sha256
from synthesis_engines import HIBARI_VOICES, kokoro_voices
from synthesis_plan import BLENDS, usable_voices
from synthesis_worker import Progress, Settings, read_sentences

FORMAT = "dictoscope-synthesis-1"
# Seconds between two lines of progress, and those that workers get to write their last shard.
REPORT_EVERY, GRACE = 20.0, 60.0
PER_SHARD = {"kokoro": 200, "hibari": 400}

Record = dict[str, Any]


def asset_hashes(engine: str, assets: Path) -> dict[str, str]:
    """What the synthesiser is made of. Kokoro reads its phonemes with hibari's rules."""
    hashes = {"hibari": tree_sha256(assets / "hibari")}
    if engine == "kokoro":
        names = ("kokoro.npz", "voices.npz", "vocab.json")
        for path in (assets / "kokoro" / name for name in names):
            if not path.is_file():
                raise InputError(f"{path}: expected Kokoro's arrays (fetch.py, then kokoro_convert.py), found no file")
            hashes[f"kokoro/{path.name}"] = shards.sha256(path)
    return hashes


def read_record(path: Path, voices: list[str]) -> Record:
    """The record of earlier runs into a folder, or a new one; speech of other voices must not get among theirs."""
    if not path.exists():
        return {"format": FORMAT, "voices": voices, "runs": []}
    try:
        record: Record = json.loads(path.read_text(encoding="utf-8"))
        found = (record["format"], record["voices"], record["runs"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: expected a record of synthesis, found: {error!r}") from None
    if found[0] != FORMAT:
        raise InputError(f"{path}: format: expected {FORMAT}, found {found[0]}")
    if found[1] != voices:
        raise InputError(
            f"{path.parent}: expected the voices of its earlier runs, {' '.join(found[1])}, found {' '.join(voices)}"
        )
    return record


def first_position(record: Record, seed: int, sentences: dict[str, Any]) -> int:
    """Where the runs with the same seed and sentences ended."""
    same = [run for run in record["runs"] if run["seed"] == seed and run["sentences"] == sentences]
    return max((run["positions"][1] for run in same), default=0)


def write_record(path: Path, record: Record) -> None:
    """Writes the record with its totals; whoever reads it never sees half of it."""
    samples = sum(run["samples"] for run in record["runs"])
    record["totals"] = {
        "utterances": sum(run["utterances"] for run in record["runs"]),
        "hours": round(samples / shards.SAMPLE_RATE / 3600.0, 3),
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


class Team:
    """The worker processes and what they told."""

    def __init__(self, settings: Settings, devices: list[str | None], workers: int, first: int) -> None:
        # One thread each: the processes share the cores.
        os.environ["OMP_NUM_THREADS"] = "1"
        context = multiprocessing.get_context("spawn")
        self.settings, self.first = settings, first
        self.counter, self.stop, self.messages = context.Value("q", first), context.Event(), context.Queue()
        self.told: dict[int, Progress] = {}
        self.processes = [
            context.Process(
                target=synthesis_worker.run,
                args=(settings, i, devices[i % len(devices)], self.counter, self.stop, self.messages),
                daemon=True,
            )
            for i in range(workers)
        ]

    def listen(self, seconds: float) -> None:
        """Takes in messages for a while, or until all workers have ended and told everything."""
        until = time.time() + seconds
        while time.time() < until:
            alive = any(process.is_alive() for process in self.processes)
            try:
                progress = self.messages.get(timeout=0.2 if alive else 0.05)
            except queue.Empty:
                if not alive:
                    return
            else:
                self.told[progress.worker] = progress

    def working(self) -> bool:
        """Some worker has not ended, and is not overdue."""
        return any(p.is_alive() for p in self.processes) and time.time() < self.settings.deadline + GRACE

    def problems(self) -> list[str]:
        """What went wrong in workers."""
        found = [progress.error for progress in self.told.values() if progress.error]
        for number, process in enumerate(self.processes):
            if process.is_alive():
                found.append(f"worker {number}: expected its end by the time limit, found it at work")
            elif process.exitcode:
                found.append(f"worker {number}: expected exit status 0, found {process.exitcode}")
        return found

    def summary(self, seconds: float) -> Record:
        """The part of the record that grows."""
        skipped: Counter[str] = Counter()
        for progress in self.told.values():
            skipped.update(progress.skipped)
        return {
            "positions": [self.first, min(self.counter.value, self.settings.end)],
            "devices": sorted({progress.device for progress in self.told.values() if progress.device}),
            "utterances": sum(progress.utterances for progress in self.told.values()),
            "samples": sum(progress.samples for progress in self.told.values()),
            "skipped": dict(skipped),
            "seconds": round(seconds, 1),
        }


def supervise(team: Team, engine: str, path: Path, record: Record, began: float) -> None:
    """Starts the workers, prints and records their progress, and waits for their end."""
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: team.stop.set())
    for process in team.processes:
        process.start()
    run, last, samples = record["runs"][-1], began, 0
    working = True
    while working:
        team.listen(REPORT_EVERY)
        working = team.working()
        now = time.time()
        run.update(team.summary(now - began))
        write_record(path, record)
        speed = (run["samples"] - samples) / shards.SAMPLE_RATE / (now - last)
        print(
            f"{engine}: {now - began:.0f} s: {run['utterances']} utterances,"
            f" {run['samples'] / shards.SAMPLE_RATE / 3600.0:.3f} h, {speed:.0f} times real time,"
            f" {sum(run['skipped'].values())} skipped",
            flush=True,
        )
        last, samples = now, run["samples"]
    problems = team.problems()
    for process in team.processes:
        process.kill()
    if problems:
        raise InputError("; ".join(problems[:3]))


def synthesise(options: argparse.Namespace) -> None:
    """One run."""
    began = time.time()
    names = list(kokoro_voices(options.assets)) if options.engine == "kokoro" else HIBARI_VOICES
    voices = [names[i] for i in usable_voices(names, options.voices_held_out, options.only_voices)]
    sentences = read_sentences(options.sentences, options.sentences_limit)
    source = {
        "file": options.sentences.name,
        "sha256": shards.sha256(options.sentences),
        "count": len(sentences),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"synthesis-{options.engine}.json"
    record = read_record(path, voices)
    first = first_position(record, options.seed, source)
    settings = Settings(
        engine=options.engine,
        sentences=options.sentences,
        sentences_limit=options.sentences_limit,
        assets=options.assets,
        out=options.out,
        seed=options.seed,
        voices=voices,
        blends=options.blends,
        per_shard=options.per_shard or PER_SHARD[options.engine],
        end=first + options.passes * len(sentences),
        deadline=began + options.seconds,
    )
    record["runs"].append(
        {
            "started_unix_secs": round(began, 1),
            "seed": options.seed,
            "sentences": source,
            "assets": asset_hashes(options.engine, options.assets),
            "blends": options.blends if options.engine == "kokoro" else None,
            "workers": options.workers,
            "time_limit": options.seconds,
            "python": platform.python_version(),
        }
    )
    team = Team(settings, options.device or [None], options.workers, first)
    supervise(team, options.engine, path, record, began)


def listed(text: str) -> list[str]:
    """Names with commas between them, for argparse."""
    return [name for name in text.split(",") if name]


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("engine", choices=sorted(PER_SHARD))
    add("sentences", type=Path, metavar="SENTENCES", help="text file, a sentence a line (.xz: compressed)")
    add("assets", type=Path, metavar="ASSETS", help="what fetch.py and kokoro_convert.py made")
    add("out", type=Path, metavar="OUT", help="folder for the shards")
    add("--seconds", type=float, default=600.0, metavar="S", help="time limit (default 600)")
    add("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    add("--seed", type=int, default=0, metavar="K", help="of all random choices (default 0)")
    add("--per-shard", type=int, metavar="M", help="utterances in a shard (default: kokoro 200, hibari 400)")
    add("--passes", type=int, default=1, metavar="P", help="times that a run goes over all sentences (default 1)")
    add("--sentences-limit", type=int, metavar="L", help="use the first L sentences only")
    which = parser.add_mutually_exclusive_group()
    names: dict[str, Any] = {"type": listed, "default": [], "metavar": "NAMES"}
    which.add_argument("--voices-held-out", **names, help="Kokoro's voices, with commas between, to leave out")
    which.add_argument("--only-voices", **names, help="Kokoro's voices to use, no others")
    add("--blends", type=float, default=BLENDS, metavar="B", help=f"share of blended voices (default {BLENDS})")
    add("--device", type=listed, metavar="D", help="Kokoro's: cpu, cuda:1 or cuda:0,cuda:1 (default: the first GPU)")
    options = parser.parse_args(arguments)
    for name in ("workers", "passes", "per_shard", "sentences_limit"):
        if (value := getattr(options, name)) is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')}: expected at least 1, found {value}")
    if options.engine == "hibari" and (options.device or options.voices_held_out or options.only_voices):
        parser.error("hibari: expected no --device and no voices: it has one voice and runs on the CPU")
    return options


if __name__ == "__main__":
    errors.run(lambda: synthesise(parse_arguments()))
