"""Shards of training speech: one .npz file with many utterances and their texts.

Arrays: `audio` int16 [samples], utterances one after the other, mono, 16 kHz; `off` int64 [n + 1], where each begins, in
samples; `text` str [n]. The name says where the speech comes from: `real_000.npz` belongs to the source `real`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from errors import InputError

SAMPLE_RATE = 16_000

Utterance = tuple[np.ndarray, str]


def source(path: Path) -> str:
    """What the speech of a shard comes from: the name up to the first underscore."""
    return path.name.split("_")[0]


def listed(folder: Path) -> list[Path]:
    """The complete shards of a folder, in the order of their names; half-written ones end in `.tmp.npz`."""
    return sorted(p for p in folder.glob("*.npz") if not p.name.endswith(".tmp.npz"))


def write(path: Path, audio: Sequence[np.ndarray], texts: Sequence[str]) -> None:
    """Writes utterances (int16 [samples] each); whoever lists the folder meanwhile never sees half a file."""
    if len(audio) != len(texts):
        raise InputError(f"{path}: expected a text for each utterance, found {len(audio)} and {len(texts)}")
    offsets = np.cumsum([0] + [len(a) for a in audio], dtype=np.int64)
    partial = path.with_name(f"{path.stem}.tmp.npz")
    np.savez(partial, audio=np.concatenate(audio), off=offsets, text=np.array(texts))
    partial.replace(path)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """`audio`, `off` and the texts of a shard."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            audio, offsets, texts = arrays["audio"], arrays["off"], [str(t) for t in arrays["text"]]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: expected a shard with audio, off and text, found: {error}") from None
    if audio.dtype != np.int16 or audio.ndim != 1:
        raise InputError(f"{path}: audio: expected int16 [samples], found {audio.dtype} {list(audio.shape)}")
    if len(offsets) != len(texts) + 1 or offsets[0] != 0 or offsets[-1] > len(audio) or (np.diff(offsets) < 0).any():
        raise InputError(f"{path}: off: expected {len(texts) + 1} rising offsets up to {len(audio)}, found others")
    return audio, offsets, texts


def utterances(path: Path) -> list[Utterance]:
    """The utterances of a shard, each int16 [samples] with its text."""
    audio, offsets, texts = read(path)
    return [(audio[offsets[i] : offsets[i + 1]], text) for i, text in enumerate(texts)]


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
