#!/usr/bin/env python3
"""Unpacks recordings into shards: Opus packs with their texts (README.md documents the format) become .npz files.

Does nothing when it ran to its end before (`unpack.json` beside the shards: each pack with its hash). With `--hold-out`
each N-th utterance goes into a shard of another folder instead, to validate on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import errors
import numpy as np
import shards
import soundfile
from errors import InputError


def texts_of(path: Path) -> tuple[list[int], list[str]]:
    """The sample offsets and texts of a pack, checked."""
    try:
        pack = json.loads(path.read_text(encoding="utf-8"))
        offsets, texts = [int(n) for n in pack["off"]], [str(t) for t in pack["text"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected a pack's off and text, found: {error!r}") from None
    if len(offsets) != len(texts) + 1 or offsets[:1] != [0] or any(a > b for a, b in zip(offsets, offsets[1:])):
        raise InputError(f"{path}: off: expected {len(texts) + 1} rising offsets from 0, found others")
    return offsets, texts


def unpack(recording: Path, out: Path, every: int) -> tuple[dict[str, Any], list[shards.Utterance]]:
    """One pack into one shard; what the pack is, for the record, and the utterances left out of it (each `every`-th)."""
    offsets, texts = texts_of(recording.with_suffix(".json"))
    entry = {
        "sha256": shards.sha256(recording),
        "texts_sha256": shards.sha256(recording.with_suffix(".json")),
        "utterances": len(texts),
        "seconds": round(offsets[-1] / shards.SAMPLE_RATE, 1),
    }
    try:
        samples, rate = soundfile.read(recording, dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(f"{recording}: expected a recording, found: {error}") from None
    if rate != shards.SAMPLE_RATE or samples.ndim != 1:
        raise InputError(f"{recording}: expected mono at 16000 Hz, found {samples.ndim} axes at {rate} Hz")
    # The codec may leave out the last samples.
    samples = np.pad(samples, (0, max(0, offsets[-1] - len(samples))))
    audio = np.clip(samples * 32767.0, -32767, 32767).astype(np.int16)
    found = [(audio[a:b], text) for a, b, text in zip(offsets, offsets[1:], texts)]
    kept = [u for i, u in enumerate(found) if not every or i % every != every - 1]
    left_out = [u for i, u in enumerate(found) if every and i % every == every - 1]
    shards.write(out / f"{recording.stem}.npz", [a for a, _ in kept], [t for _, t in kept])
    return entry, left_out


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", type=Path, help="folder of NAME.ogg with NAME.json")
    parser.add_argument("out", type=Path, help="folder for the shards")
    parser.add_argument("--hold-out", type=Path, metavar="FOLDER", help="folder for the shard to validate on")
    parser.add_argument("--every", type=int, default=40, metavar="N", help="hold out each N-th utterance (default 40)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), metavar="N", help="processes (default: cores)")
    parser.add_argument("--seconds", type=float, default=600.0, metavar="S", help="time limit (default 600)")
    options = parser.parse_args()
    recordings = sorted([*options.packs.glob("*.ogg"), *options.packs.glob("*.flac")])
    if not recordings:
        raise InputError(f"{options.packs}: expected packs (NAME.ogg with NAME.json), found none")
    record = options.out / "unpack.json"
    if record.exists() and set(json.loads(record.read_text(encoding="utf-8"))) == {p.name for p in recordings}:
        print(f"unpack: {len(recordings)} packs, done before", flush=True)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    began, packs, held_out = time.monotonic(), {}, {}
    with ProcessPoolExecutor(options.workers) as pool:
        every = options.every if options.hold_out else 0
        jobs = {pool.submit(unpack, path, options.out, every): path for path in recordings}
        for job in as_completed(jobs):
            packs[jobs[job].name], held_out[jobs[job].name] = job.result()
            hours = sum(p["seconds"] for p in packs.values()) / 3600.0
            print(f"unpack: {len(packs)} of {len(recordings)} packs, {hours:.2f} h", flush=True)
            if time.monotonic() - began > options.seconds and len(packs) < len(recordings):
                pool.shutdown(cancel_futures=True)
                raise InputError(f"{options.packs}: time limit of {options.seconds:g} s reached before the last pack")
    if options.hold_out:
        options.hold_out.mkdir(parents=True, exist_ok=True)
        found = [u for name in sorted(held_out) for u in held_out[name]]
        shards.write(options.hold_out / "real_held-out.npz", [a for a, _ in found], [t for _, t in found])
    record.write_text(json.dumps(packs, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    errors.run(main)
