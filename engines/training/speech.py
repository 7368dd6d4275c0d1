"""Recordings with their transcripts, to be scored: a folder with a manifest, or shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shards
import soundfile
from errors import InputError

HEADER = ["file", "seconds", "speaker", "text"]


@dataclass(frozen=True)
class Recording:
    """Samples are f32 in [-1, 1] at 16 kHz."""

    name: str
    # Empty where it is not known.
    speaker: str
    samples: np.ndarray
    text: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / shards.SAMPLE_RATE

    def is_other_than(self, one: Recording) -> bool:
        """Spoken by somebody else, as far as is known."""
        return self.name != one.name and (not self.speaker or self.speaker != one.speaker)


def of_manifest(folder: Path, manifest: Path) -> tuple[list[Recording], dict[str, str]]:
    """The recordings that `manifest` (tab-separated: file, seconds, speaker, text) names, and the hash of each file."""
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{manifest}: expected a manifest, found: {error}") from None
    rows = [line.split("\t") for line in lines if line]
    if rows and rows[0] == HEADER:
        del rows[0]
    found, hashes = [], {manifest.name: shards.sha256(manifest)}
    for number, row in enumerate(rows, 1):
        if len(row) != len(HEADER):
            raise InputError(f"{manifest}: recording {number}: expected {', '.join(HEADER)}, found {len(row)} fields")
        path = folder / row[0]
        try:
            samples, rate = soundfile.read(path, dtype="float32")
        except (OSError, soundfile.SoundFileError) as error:
            raise InputError(f"{path}: expected a recording, found: {error}") from None
        if rate != shards.SAMPLE_RATE or samples.ndim != 1 or not len(samples):
            raise InputError(f"{path}: expected mono at 16000 Hz, found {samples.shape} at {rate} Hz")
        hashes[row[0]] = shards.sha256(path)
        found.append(Recording(row[0], row[2], samples, row[3]))
    return found, hashes


def of_shards(paths: list[Path]) -> tuple[list[Recording], dict[str, str]]:
    """The utterances of shards, named by shard and number, and the hash of each shard."""
    found = []
    for path in paths:
        for number, (samples, text) in enumerate(shards.utterances(path)):
            if not len(samples):
                raise InputError(f"{path}: utterance {number}: expected samples, found none")
            found.append(Recording(f"{path.stem}:{number}", "", samples.astype(np.float32) / 32768.0, text))
    return found, {path.name: shards.sha256(path) for path in paths}


def read(places: list[Path], manifest: Path | None) -> tuple[list[Recording], dict[str, str]]:
    """One folder of recordings, or one or more shards."""
    if all(place.suffix == ".npz" for place in places):
        if manifest is not None:
            raise InputError(f"--manifest: expected only with a folder of recordings, found with {places[0]}")
        recordings, hashes = of_shards(places)
    elif len(places) == 1:
        recordings, hashes = of_manifest(places[0], manifest or places[0] / "manifest.tsv")
    else:
        raise InputError(f"expected one folder of recordings, or shards (.npz) only, found {len(places)} places")
    if not recordings:
        raise InputError(f"{places[0]}: expected recordings, found none")
    return recordings, hashes
