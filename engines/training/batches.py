"""Training batches of few distinct shapes, prepared by processes of their own from shards that may still be arriving.

A batch is (audio int16 [B, N], samples [B], tokens [B, U], token counts [B]); N is a multiple of `GRID`, U of 8, so that
cuDNN's and cuFFT's plans, which are made for each shape, are used again: with free shapes a step took three times as
long.
"""

from __future__ import annotations

import random
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sentencepiece
import shards
import torch
import torch.multiprocessing
from augment import GRID
from settings import Settings
from shards import SAMPLE_RATE, Utterance
from torch import Tensor

Batch = tuple[Tensor, Tensor, Tensor, Tensor]

# More tokens than this for a frame of 80 ms and the text cannot belong to the audio.
TOKENS_PER_FRAME, FRAME = 2.2, 1280
MOST_TOKENS = 140
TOKEN_GRID = 8
# A source takes part once it has this many utterances (or all that a small set holds: see `Pools.ready`).
LEAST_UTTERANCES = 50
# How often the folder is looked at for new shards, in seconds.
SCAN_SECONDS = 20.0
QUEUE = 12


class Pools:
    """The utterances of each source that one loader holds.

    Every loader holds all recorded speech, of which there is little; synthesised shards are dealt out among them.
    """

    def __init__(self, folder: Path, mix: dict[str, float], part: int, parts: int) -> None:
        self.folder, self.mix, self.part, self.parts = folder, mix, part, parts
        self.utterances: dict[str, list[Utterance]] = {name: [] for name, share in mix.items() if share > 0.0}
        self.seen: set[Path] = set()

    def scan(self) -> None:
        """Takes in the shards that have come since the last time."""
        for path in shards.listed(self.folder):
            if path in self.seen:
                continue
            self.seen.add(path)
            source = shards.source(path)
            mine = zlib.crc32(path.name.encode()) % self.parts == self.part
            if source in self.utterances and (source == "real" or mine):
                self.utterances[source].extend(shards.utterances(path))

    def ready(self) -> list[str]:
        """The sources there is enough of; of a set that is small altogether, those that have any."""
        enough = [name for name, found in self.utterances.items() if len(found) >= LEAST_UTTERANCES]
        return enough or [name for name, found in self.utterances.items() if found]


def silence(seconds: float) -> np.ndarray:
    """Zeros, int16."""
    return np.zeros(int(seconds * SAMPLE_RATE), np.int16)


def example(rng: random.Random, pools: Pools, settings: Settings) -> Utterance:
    """One training example: an utterance, or some of one source in a row, with pauses before, between and after."""
    if rng.random() < settings.silence_share:
        return silence(rng.uniform(1.0, min(8.0, settings.max_seconds))), ""
    names = pools.ready()
    source = rng.choices(names, [pools.mix[name] for name in names])[0]
    wanted = rng.choice((2, 2, 3)) if rng.random() < settings.join_share else 1

    def edge() -> np.ndarray:
        return silence(min(2.0, rng.expovariate(4.0)) if rng.random() < 0.7 else 0.0)

    parts, texts, spoken = [edge()], [], 0
    for index in range(wanted):
        audio, text = rng.choice(pools.utterances[source])
        if index and spoken + len(audio) > settings.join_seconds * SAMPLE_RATE:
            break
        if index:
            parts.append(silence(rng.uniform(0.05, 0.9)))
        parts.append(audio)
        texts.append(text)
        spoken += len(audio)
    parts.append(edge())
    return np.concatenate(parts), " ".join(texts)


class Boxes:
    """Collects examples by their length on the grid; gives a batch when one of them is full."""

    def __init__(self, settings: Settings) -> None:
        self.samples = settings.batch_seconds * SAMPLE_RATE
        self.most = settings.batch_utterances
        self.longest = int(settings.max_seconds * SAMPLE_RATE)
        self.boxes: dict[int, list[tuple[np.ndarray, list[int]]]] = {}

    def add(self, audio: np.ndarray, tokens: list[int]) -> Batch | None:
        """Takes one example, or leaves it out where text and audio cannot belong together."""
        if len(audio) > self.longest or len(tokens) > min(len(audio) / FRAME * TOKENS_PER_FRAME, MOST_TOKENS):
            return None
        cells = max(2, -(-len(audio) // GRID))
        box = self.boxes.setdefault(cells, [])
        box.append((audio, tokens))
        if len(box) < max(1, min(self.most, int(self.samples / (cells * GRID)))):
            return None
        self.boxes[cells] = []
        return assemble(box, cells * GRID)


def assemble(box: list[tuple[np.ndarray, list[int]]], length: int) -> Batch:
    """Pads examples to one batch."""
    width = -(-max(1, max(len(tokens) for _, tokens in box)) // TOKEN_GRID) * TOKEN_GRID
    audio = np.zeros((len(box), length), np.int16)
    targets = np.zeros((len(box), width), np.int64)
    for row, (samples, tokens) in enumerate(box):
        audio[row, : len(samples)] = samples
        targets[row, : len(tokens)] = tokens
    return (
        torch.from_numpy(audio),
        torch.tensor([len(samples) for samples, _ in box]),
        torch.from_numpy(targets),
        torch.tensor([len(tokens) for _, tokens in box]),
    )


def prepare(
    queue: torch.multiprocessing.Queue,
    folder: Path,
    tokenizer: Path,
    settings: Settings,
    part: int,
    parts: int,
    seed: int,
) -> None:
    """What a loader process does until it is ended."""
    torch.set_num_threads(1)
    # One parent's loaders must not share each other's randomness; a run that goes on must not repeat the batches.
    rng = random.Random(f"{seed}/{part}")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    pools, boxes, scanned = Pools(folder, settings.mix, part, parts), Boxes(settings), 0.0
    while True:
        if time.monotonic() - scanned > SCAN_SECONDS:
            pools.scan()
            scanned = time.monotonic()
            if part == 0:
                print("loader 0 holds", {k: len(v) for k, v in pools.utterances.items()}, file=sys.stderr, flush=True)
        if not pools.ready():
            time.sleep(1.0)
            scanned = 0.0
            continue
        for _ in range(256):
            audio, text = example(rng, pools, settings)
            batch = boxes.add(audio, pieces.encode(text))
            if batch is not None:
                queue.put(batch)


class Loaders:
    """Processes that prepare batches; iterating waits for the next one."""

    def __init__(self, folder: Path, tokenizer: Path, settings: Settings, rank: int, ranks: int, seed: int) -> None:
        torch.multiprocessing.set_sharing_strategy("file_system")
        context = torch.multiprocessing.get_context("spawn")
        self.queue = context.Queue(QUEUE)
        parts = settings.loaders * ranks
        self.processes = [
            context.Process(
                target=prepare,
                args=(self.queue, folder, tokenizer, settings, rank * settings.loaders + i, parts, seed),
                daemon=True,
            )
            for i in range(settings.loaders)
        ]
        for process in self.processes:
            process.start()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self.queue.get()

    def close(self) -> None:
        """Ends the processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
