"""One worker process of the synthesis: takes positions, makes utterances, writes shards."""

from __future__ import annotations

import lzma
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shards
from errors import InputError
from synthesis_engines import Engine, HibariEngine, KokoroEngine
from synthesis_plan import Order, Skipped, generator

# Seconds between a worker's messages.
TELL_EVERY = 2.0
# A worker gives up after so many unforeseen errors without an utterance between: it is not the sentences.
FAILURES = 20


@dataclass(frozen=True)
class Settings:
    """What all workers of a run have in common; times are seconds since 1970."""

    engine: str
    sentences: Path
    sentences_limit: int | None
    assets: Path
    out: Path
    seed: int
    voices: list[str]
    blends: float
    per_shard: int
    # The first position that is not made any more.
    end: int
    deadline: float


@dataclass
class Progress:
    """What a worker has done so far."""

    worker: int
    device: str = ""
    utterances: int = 0
    samples: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    error: str | None = None

    def copy(self) -> Progress:
        """For a queue, which pickles later in a thread of its own."""
        return replace(self, skipped=Counter(self.skipped))


def read_sentences(path: Path, limit: int | None) -> list[str]:
    """The lines of a text file (.xz: compressed) that hold something."""
    try:
        data = path.read_bytes()
        text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode("utf-8")
    except (OSError, ValueError, lzma.LZMAError) as error:
        raise InputError(f"{path}: expected a sentence a line, found: {error}") from None
    lines = [line for line in (raw.strip() for raw in text.split("\n")) if line]
    if not lines:
        raise InputError(f"{path}: expected a sentence a line, found an empty file")
    return lines[:limit]


def shard_path(out: Path, engine: str, worker: int, number: int) -> Path:
    """Where a worker's shard goes."""
    return out / f"{engine}_{worker:02d}_{number:03d}.npz"


def next_number(out: Path, engine: str, worker: int) -> int:
    """The number after those of a worker's shards that are there; half-written ones do not count."""
    name = re.compile(rf"{engine}_{worker:02d}_(\d{{3,}})\.npz")
    matches = [name.fullmatch(path.name) for path in out.iterdir()]
    return max((int(match[1]) + 1 for match in matches if match), default=0)


class ShardWriter:
    """Gathers utterances into shards, after those of earlier runs."""

    def __init__(self, settings: Settings, worker: int) -> None:
        self.settings, self.worker = settings, worker
        self.number = next_number(settings.out, settings.engine, worker)
        self.audio: list[np.ndarray] = []
        self.texts: list[str] = []

    def add(self, audio: np.ndarray, text: str) -> None:
        """Keeps an utterance."""
        self.audio.append(audio)
        self.texts.append(text)
        if len(self.audio) >= self.settings.per_shard:
            self.flush()

    def flush(self) -> None:
        """Writes what there is."""
        if self.audio:
            path = shard_path(self.settings.out, self.settings.engine, self.worker, self.number)
            shards.write(path, self.audio, self.texts)
            self.number += 1
            self.audio, self.texts = [], []


def make_engine(settings: Settings, device: str | None) -> Engine:
    """The synthesiser that was asked for."""
    if settings.engine == "kokoro":
        return KokoroEngine(settings.assets, device, settings.voices, settings.blends)
    return HibariEngine(settings.assets)


class Worker:
    """The loop of one process."""

    def __init__(self, settings: Settings, engine: Engine, progress: Progress) -> None:
        self.settings, self.engine, self.progress = settings, engine, progress
        self.sentences = read_sentences(settings.sentences, settings.sentences_limit)
        self.order = Order(settings.seed, settings.engine, len(self.sentences))
        self.writer = ShardWriter(settings, progress.worker)
        self.pending: tuple[Any, str] | None = None
        self.failures = 0

    def skip(self, error: Exception) -> None:
        """One sentence must not end a run; the first errors that nobody foresaw are told."""
        reason = str(error) if isinstance(error, Skipped) else "failed"
        self.progress.skipped[reason] += 1
        if reason != "failed":
            return
        self.failures += 1
        if self.progress.skipped[reason] <= 3:
            print(f"worker {self.progress.worker}: {error!r}", file=sys.stderr, flush=True)
        if self.failures >= FAILURES:
            raise InputError(f"worker {self.progress.worker}: expected speech, found only errors: {error!r}")

    def collect(self) -> None:
        """Finishes the utterance that the device works on."""
        if self.pending is None:
            return
        (sound, text), self.pending = self.pending, None
        try:
            audio = self.engine.finish(sound)
        except Exception as error:  # noqa: BLE001
            self.skip(error)
            return
        self.failures = 0
        self.writer.add(audio, text)
        self.progress.utterances += 1
        self.progress.samples += len(audio)

    def make(self, position: int) -> None:
        """Starts the utterance at a position; its plan is made while the device works on the one before."""
        text = self.sentences[self.order[position]]
        rng = generator(self.settings.seed, self.settings.engine, position)
        try:
            job = self.engine.plan(text, rng)
            self.collect()
            self.pending = self.engine.launch(job), text
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001
            self.skip(error)

    def finish(self) -> None:
        """Writes what is left."""
        self.collect()
        self.writer.flush()


def take(counter: Any) -> int:
    """The next position; every one is taken once."""
    with counter.get_lock():
        position: int = counter.value
        counter.value += 1
        return position


def run(settings: Settings, worker: int, device: str | None, counter: Any, stop: Any, messages: Any) -> None:
    """Entry point of the process; tells its progress to `messages`, the end of it included."""
    # The parent ends the run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    progress, loop, told = Progress(worker), None, 0.0
    try:
        engine = make_engine(settings, device)
        progress.device = engine.describe()
        loop = Worker(settings, engine, progress)
        while not stop.is_set() and time.time() < settings.deadline:
            position = take(counter)
            if position >= settings.end:
                break
            loop.make(position)
            if time.time() - told >= TELL_EVERY:
                told = time.time()
                messages.put(progress.copy())
        loop.finish()
    except InputError as error:
        progress.error = str(error)
        if loop is not None:
            loop.writer.flush()
    messages.put(progress)
