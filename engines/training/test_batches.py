"""Shards, packs and batches: what is written is read back, shapes are few, sources are mixed as asked."""

from __future__ import annotations

import json
import random
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import numpy as np
import shards
import soundfile
import unpack
from augment import GRID
from batches import MOST_TOKENS, Boxes, Pools, example
from errors import InputError
from settings import Settings, checked, load, table


def tone(seconds: float, value: int = 1000) -> np.ndarray:
    """Constant samples, to be told apart by their value."""
    return np.full(int(seconds * shards.SAMPLE_RATE), value, np.int16)


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)


class ShardFiles(Folder):
    """shards.py"""

    def test_round_trip(self) -> None:
        path = self.folder / "real_000.npz"
        shards.write(path, [tone(0.5, 1), tone(0.25, -2)], ["One.", "Zwölf."])
        (first, one), (second, two) = shards.utterances(path)
        self.assertEqual((one, two), ("One.", "Zwölf."))
        self.assertEqual((len(first), set(first)), (8000, {1}))
        self.assertEqual((len(second), set(second)), (4000, {-2}))
        self.assertEqual(shards.source(path), "real")

    def test_half_written_are_not_listed(self) -> None:
        shards.write(self.folder / "real_000.npz", [tone(0.1)], ["a"])
        (self.folder / "real_001.tmp.npz").write_bytes(b"half")
        self.assertEqual([p.name for p in shards.listed(self.folder)], ["real_000.npz"])

    def test_bad_offsets_are_named(self) -> None:
        path = self.folder / "real_000.npz"
        np.savez(path, audio=tone(0.1), off=np.array([0, 5000]), text=np.array(["a"]))
        with self.assertRaisesRegex(InputError, r"real_000\.npz: off: expected"):
            shards.read(path)


class Packs(Folder):
    """unpack.py"""

    def pack(self, name: str, texts: list[str]) -> None:
        """A pack of tones of 0.5 s."""
        samples = np.concatenate([tone(0.5, 3000 * (i + 1)) for i in range(len(texts))])
        soundfile.write(self.folder / f"{name}.flac", samples, shards.SAMPLE_RATE)
        offsets = [8000 * i for i in range(len(texts) + 1)]
        (self.folder / f"{name}.json").write_text(json.dumps({"off": offsets, "text": texts}))

    def test_every_nth_is_held_out(self) -> None:
        self.pack("real_000", [f"text {i}" for i in range(7)])
        out = self.folder / "out"
        out.mkdir()
        entry, left_out = unpack.unpack(self.folder / "real_000.flac", out, 3)
        kept = shards.utterances(out / "real_000.npz")
        self.assertEqual([t for _, t in left_out], ["text 2", "text 5"])
        self.assertEqual([t for _, t in kept], ["text 0", "text 1", "text 3", "text 4", "text 6"])
        self.assertTrue(abs(int(kept[2][0][100]) - 12000) <= 1)
        self.assertEqual((entry["utterances"], entry["seconds"]), (7, 3.5))

    def test_texts_that_do_not_fit_are_named(self) -> None:
        self.pack("real_000", ["a", "b"])
        (self.folder / "real_000.json").write_text(json.dumps({"off": [0, 8000], "text": ["a", "b"]}))
        with self.assertRaisesRegex(InputError, r"real_000\.json: off: expected 3 rising offsets"):
            unpack.unpack(self.folder / "real_000.flac", self.folder, 0)


class Examples(Folder):
    """batches.py"""

    def pools(self, settings: Settings) -> Pools:
        """60 utterances of 2 s for each of two sources; the value of the samples tells the source."""
        for number, source in enumerate(("real", "kokoro"), 1):
            texts = [f"{source} {i}" for i in range(60)]
            shards.write(self.folder / f"{source}_00_000.npz", [tone(2.0, number)] * 60, texts)
        pools = Pools(self.folder, settings.mix, 0, 1)
        pools.scan()
        return pools

    def test_sources_are_mixed_as_asked(self) -> None:
        settings = Settings(mix={"real": 0.25, "kokoro": 0.75}, silence_share=0.0)
        pools, rng = self.pools(settings), random.Random(1)
        count = Counter(int(example(rng, pools, settings)[0].max()) for _ in range(2000))
        self.assertAlmostEqual(count[1] / 2000, 0.25, delta=0.04)

    def test_joined_examples_hold_what_their_text_says(self) -> None:
        settings = Settings(mix={"real": 1.0, "kokoro": 0.0}, join_share=1.0, silence_share=0.0)
        pools, rng = self.pools(settings), random.Random(1)
        for _ in range(50):
            audio, text = example(rng, pools, settings)
            self.assertEqual(int((audio != 0).sum()), text.count("real") * 32000)
            self.assertIn(text.count("real"), (2, 3))

    def test_silence_has_no_text(self) -> None:
        settings = Settings(silence_share=1.0)
        audio, text = example(random.Random(1), self.pools(settings), settings)
        self.assertEqual((text, int(np.abs(audio).max())), ("", 0))

    def test_synthesised_shards_are_dealt_out_and_real_ones_are_not(self) -> None:
        for i in range(8):
            shards.write(self.folder / f"kokoro_{i:02}_000.npz", [tone(0.1)], [str(i)])
        shards.write(self.folder / "real_000.npz", [tone(0.1)], ["r"])
        dealt = []
        for part in range(3):
            pools = Pools(self.folder, {"real": 0.5, "kokoro": 0.5}, part, 3)
            pools.scan()
            pools.scan()  # Nothing is taken in twice.
            self.assertEqual(len(pools.utterances["real"]), 1)
            dealt += [text for _, text in pools.utterances["kokoro"]]
        self.assertEqual(sorted(dealt), [str(i) for i in range(8)])


class Shapes(unittest.TestCase):
    """The grid of shapes."""

    def test_batches_lie_on_the_grid_and_keep_their_samples(self) -> None:
        settings, rng = Settings(batch_seconds=20.0), random.Random(2)
        boxes, shapes = Boxes(settings), set()
        for _ in range(400):
            length = rng.randint(5000, 60000)
            batch = boxes.add(np.full(length, 7, np.int16), [1] * rng.randint(1, length // 4000 + 1))
            if batch is None:
                continue
            audio, samples, targets, counts = batch
            shapes.add(tuple(audio.shape))
            self.assertEqual((audio.shape[1] % GRID, targets.shape[1] % 8), (0, 0))
            self.assertLessEqual(audio.numel(), 20 * shards.SAMPLE_RATE)
            self.assertEqual((audio == 7).sum(1).tolist(), samples.tolist())
            self.assertEqual((targets == 1).sum(1).tolist(), counts.tolist())
        self.assertGreater(len(shapes), 2)
        self.assertLess(len(shapes), 7)

    def test_texts_too_long_for_their_audio_are_left_out(self) -> None:
        boxes = Boxes(Settings(batch_seconds=0.1))
        self.assertIsNone(boxes.add(tone(1.0), [1] * 40))
        self.assertIsNone(boxes.add(tone(19.0), [1] * (MOST_TOKENS + 1)))
        self.assertIsNone(boxes.add(tone(21.0), [1]))
        self.assertIsNotNone(boxes.add(tone(1.0), [1] * 20))


class SettingsFile(Folder):
    """settings.py"""

    def test_file_and_changes(self) -> None:
        path = self.folder / "a.toml"
        path.write_text('rate = 1e-4\nsizes = "toy"\n')
        settings = load(path, ["loaders=3", "batch_seconds=20"])
        self.assertEqual(
            (settings.rate, settings.sizes, settings.loaders, settings.batch_seconds), (1e-4, "toy", 3, 20.0)
        )
        self.assertEqual(checked(table(settings), "again"), settings)

    def test_unknown_keys_and_types_are_errors(self) -> None:
        with self.assertRaisesRegex(InputError, "found speed"):
            load(None, ["speed=2"])
        with self.assertRaisesRegex(InputError, "rate: expected float, found 'fast'"):
            load(None, ['rate="fast"'])


if __name__ == "__main__":
    unittest.main()
