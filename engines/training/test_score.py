"""Tests of scoring: windows, the decoding loop, conditions, and word error rates against ones counted by hand."""

from __future__ import annotations

import argparse
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import conditions
import numpy as np
import score
import shards
import soundfile
import speech
from errors import InputError
from recogniser import Decoder, transcribe
from text import ErrorRate, edits, words
from windows import SAMPLES_PER_FRAME, Streaming, Window, frames_of, streamed, whole

PIECES = ["\u2581one", "\u2581two", "\u2581three", "\u2581four"]
# Steps of amplitude that stand for tokens, in units of 16 bits; silence is blank.
STEP = 1000


class Stub:
    """A model that hears the loudness of each frame as a token."""

    blank, durations, max_symbols, longest = len(PIECES), [0, 1, 2, 3, 4], 3, 375
    contract: dict[str, Any] = {"name": "stub", "graphs": {}}

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """One value a frame, the loudness of its first sample."""
        return np.round(samples[::SAMPLES_PER_FRAME, None] * 32768.0 / STEP).astype(np.float32)

    def predict(self, token: int, state: int | None) -> tuple[np.ndarray, int]:
        """The state counts tokens."""
        count = 0 if state is None else state + 1
        return np.array([count], np.float32), count

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Always goes on by one frame."""
        logits = np.zeros(self.blank + 1 + len(self.durations), np.float32)
        logits[int(frame[0]) - 1 if frame[0] > 0 else self.blank] = 1.0
        logits[self.blank + 2] = 1.0
        return logits

    def text(self, tokens: list[int]) -> str:
        """Words of the vocabulary."""
        return "".join(PIECES[token] for token in tokens).replace("\u2581", " ").strip()


class Stuck(Stub):
    """Never goes on by itself."""

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Duration 0."""
        logits = super().joint(frame, prediction)
        logits[self.blank + 1] = 2.0
        return logits


def spoken(*tokens: int) -> np.ndarray:
    """Two frames of silence after each frame with a word, int16."""
    frames = np.zeros((len(tokens), 3, SAMPLES_PER_FRAME), np.int16)
    frames[:, 0] = STEP * (np.array(tokens, np.int16)[:, None] + 1)
    return frames.reshape(-1)


class WindowsTest(unittest.TestCase):
    """As in `src/session/window.rs`."""

    def test_every_frame_is_committed_once_and_lies_in_its_window(self) -> None:
        for samples in (160, 1279, 1281, 7999, 8000, 8001, 48_000, 480_000, 480_001, 1_000_003):
            for planned in (whole(samples, 375), streamed(samples, 375, Streaming())):
                found = list(planned)
                frames = [n for window in found for n in range(window.commit_from, window.commit_to)]
                with self.subTest(samples=samples):
                    self.assertEqual(frames, list(range(-(-(samples // 160) // 8))))
                    self.assertEqual([window.last for window in found], [False] * (len(found) - 1) + [True])
                    for window in found:
                        self.assertLessEqual(window.start, window.commit_from)
                        self.assertLessEqual(window.commit_to, window.end)
                        self.assertLessEqual(window.end - window.start, 375)

    def test_half_a_second_commits_6_6_6_7_frames_in_turn(self) -> None:
        found = streamed(16_000 * 8, 375, Streaming(4.0, 0.5, 0.0))
        self.assertEqual([w.commit_to - w.commit_from for w in found], [6, 6, 6, 7] * 4)

    def test_contexts_are_the_programs(self) -> None:
        # 3.52 s are 44 frames, 0.96 s are 12; hop 20 is due at 10 s, which is frame 125.
        found = next(w for w in streamed(16_000 * 20, 375, Streaming()) if w.end == 125)
        self.assertEqual(found, Window(start=62, commit_from=106, commit_to=113, end=125, last=False))
        self.assertEqual([frames_of(s) for s in (0.56, 0.48, 0.5, 30.0, -1.0)], [7, 6, 6, 375, 0])

    def test_a_window_longer_than_the_model_takes_is_refused(self) -> None:
        with self.assertRaisesRegex(InputError, "left . hop . right: expected at most 375 frames of 80 ms, found 376"):
            streamed(16_000, 375, Streaming(28.0, 0.5, 1.52))
        # The last window, too, when its partial frame comes on top of a hop that is no whole number of frames.
        sizes = Streaming(28.0, 0.504, 1.44)
        longest = [max(w.end - w.start for w in streamed(n, 375, sizes)) for n in range(600_000, 700_000, 160)]
        self.assertEqual(max(longest), 375)

    def test_a_short_file_is_one_window_and_a_long_one_overlaps(self) -> None:
        self.assertEqual(list(whole(37_600, 375)), [Window(0, 0, 30, 30, True)])
        found = list(whole(16_000 * 120, 375))
        self.assertEqual((found[0].end, found[0].commit_to), (375, 313))
        self.assertEqual({w.commit_from - w.start for w in found[1:-1]}, {125})


class DecoderTest(unittest.TestCase):
    """The greedy loop."""

    def test_streaming_hears_what_the_whole_file_says(self) -> None:
        samples = spoken(0, 1, 2, 3, 0, 2, 2, 1, 3, 0, 1).astype(np.float32) / 32768.0
        for planned in (whole(len(samples), 375), streamed(len(samples), 375, Streaming(0.4, 0.5, 0.16))):
            self.assertEqual(transcribe(Stub(), samples, planned), [0, 1, 2, 3, 0, 2, 2, 1, 3, 0, 1])

    def test_a_frame_has_at_most_so_many_tokens_and_blank_moves_on(self) -> None:
        decoder = Decoder(Stuck())
        decoder.run(np.array([[2.0], [0.0], [1.0]], np.float32), first=0, until=10)
        self.assertEqual((decoder.tokens, decoder.cursor), ([1, 1, 1, 0, 0, 0], 3))

    def test_the_cursor_may_lie_beyond_a_window(self) -> None:
        decoder = Decoder(Stub())
        decoder.cursor = 5
        decoder.run(np.ones((3, 1), np.float32), first=0, until=3)
        self.assertEqual(decoder.tokens, [])
        decoder.run(np.ones((3, 1), np.float32), first=4, until=6)
        self.assertEqual((decoder.tokens, decoder.cursor), ([0], 6))


class ConditionsTest(unittest.TestCase):
    """What is added and how loud."""

    def setUp(self) -> None:
        draw = np.random.default_rng(1)
        self.samples = (0.05 * draw.standard_normal(32_000)).astype(np.float32)
        self.others = [(0.2 * draw.standard_normal(n)).astype(np.float32) for n in (5_000, 40_000, 16_000, 800, 7)]

    def heard(self, name: str) -> np.ndarray:
        """The samples under a condition."""
        return conditions.CONDITIONS[name](self.samples, self.others, conditions.generator(name, "a.flac"))

    def test_noise_is_10_decibels_below_and_the_same_each_time(self) -> None:
        noisy = self.heard("noise")
        added = noisy.astype(np.float64) - self.samples
        decibels = 10.0 * np.log10(conditions.power(self.samples) / conditions.power(added))
        self.assertAlmostEqual(decibels, 10.0, delta=0.01)
        np.testing.assert_array_equal(noisy, self.heard("noise"))
        other = conditions.noisy(self.samples, self.others, conditions.generator("noise", "b.flac"))
        self.assertFalse(np.array_equal(noisy, other))

    def test_pink_noise_loses_3_decibels_an_octave(self) -> None:
        spectrum = np.abs(np.fft.rfft(conditions.pink(160_000, np.random.default_rng(1)))) ** 2
        bands = [10.0 * np.log10(spectrum[hz * 10 : hz * 20].mean()) for hz in (100, 200, 400, 800, 1600, 3200)]
        for above, below in zip(bands, bands[1:]):
            self.assertAlmostEqual(above - below, 3.0, delta=0.5)
        self.assertLess(spectrum[:490].sum(), 1e-9 * spectrum.sum())

    def test_loudness_is_doubled_and_clipped_as_by_a_recorder(self) -> None:
        self.samples = np.array([0.1, -0.25, 0.5, 0.6, -0.9], np.float32)
        top = 32767.0 / 32768.0
        np.testing.assert_allclose(self.heard("double"), [0.2, -0.5, top, top, -1.0], atol=0.6 / 32768.0)
        np.testing.assert_allclose(self.heard("half"), [0.05, -0.125, 0.25, 0.3, -0.45], atol=0.6 / 32768.0)
        self.assertEqual(float(np.abs(self.heard("half") * 32768.0 % 1.0).max()), 0.0)
        self.assertIs(self.heard("clean"), self.samples)

    def test_without_others_and_in_silence_nothing_breaks(self) -> None:
        self.others = []
        self.assertTrue(np.isfinite(self.heard("noise")).all())
        self.samples = np.zeros(1000, np.float32)
        self.assertEqual(float(np.abs(self.heard("noise")).max()), 0.0)


class ErrorRateTest(unittest.TestCase):
    """Counting words."""

    def test_edits_are_those_counted_by_hand(self) -> None:
        for reference, found, expected in (
            ("a b c", "a b c", (0, 0, 0)),
            ("a b c", "a x c", (1, 0, 0)),
            ("a b c", "a c", (0, 1, 0)),
            ("a b c", "a b b c", (0, 0, 1)),
            ("a b c d", "b c d e", (0, 1, 1)),
            ("", "a b", (0, 0, 2)),
            ("a b", "", (0, 2, 0)),
            ("the cat sat on the mat", "a cat sat the mat now", (1, 1, 1)),
        ):
            self.assertEqual(edits(reference.split(), found.split()), expected, f"{reference} / {found}")

    def test_words_have_no_case_punctuation_or_short_titles(self) -> None:
        found = words("Mr. O\u2019Neil, aged 40\u2014half-past!")
        self.assertEqual(found, ["mister", "o'neil", "aged", "40", "half", "past"])

    def test_rates_add_up_over_words(self) -> None:
        rate = ErrorRate()
        rate.add("one two three", "one two three")
        rate.add("Four", "five, six")
        self.assertEqual((rate.substitutions, rate.deletions, rate.insertions, rate.words), (1, 0, 1, 4))
        self.assertEqual(rate.percent, 50.0)


class ScoreTest(unittest.TestCase):
    """The whole command but its model."""

    def measure(self, *recordings: Path, **changes: Any) -> dict[str, Any]:
        """Scores the stub."""
        options = {"model": Path("none"), "recordings": [*recordings], "manifest": None, "limit": None, "workers": 1}
        options |= {"conditions": ["clean", "half"], "modes": ["whole", "stream"], "threads": 1, "seconds": 60.0}
        options |= {"left": 3.52, "hop": 0.5, "right": 0.96, "by_length": True, "worst": 1, **changes}
        with mock.patch("score.Recogniser", return_value=Stub()):
            return score.measure(argparse.Namespace(**options))

    def test_a_shard_has_the_rate_that_was_counted_by_hand(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "real_000.npz"
            texts = ["One, two three!", "one four", "three"]
            shards.write(path, [spoken(0, 1, 2), spoken(0, 2), spoken(2, 0, 3)], texts)
            found = self.measure(path)
            self.assertEqual(found["recordings"]["sha256"], {"real_000.npz": shards.sha256(path)})
        cases = [(entry["condition"], entry["mode"]) for entry in found["scores"]]
        self.assertEqual(cases, [("clean", "whole"), ("clean", "stream"), ("half", "whole"), ("half", "stream")])
        for entry in found["scores"][:2]:
            counts = {key: entry[key] for key in ("words", "substitutions", "deletions", "insertions", "percent")}
            expected = {"words": 6, "substitutions": 1, "deletions": 0, "insertions": 2, "percent": 50.0}
            self.assertEqual(counts, expected)
            self.assertEqual(entry["worst"][0]["recording"], "real_000:2")
            self.assertEqual([part["recordings"] for part in entry["by_length"]], [3])
        self.assertIn("| as recorded | 50.00 % (1, 0, 2) | 50.00 % (1, 0, 2) |", score.table(found))
        self.assertIn("real_000:2", score.details(found))

    def test_a_folder_is_read_by_its_manifest_and_faults_are_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            soundfile.write(folder / "a.flac", spoken(0, 1), 16_000)
            manifest = folder / "manifest.tsv"
            manifest.write_text("file\tseconds\tspeaker\ttext\na.flac\t0.48\tx\tONE TWO\n", encoding="utf-8")
            found = self.measure(folder, conditions=["clean"])
            self.assertEqual([entry["percent"] for entry in found["scores"]], [0.0, 0.0])
            self.assertEqual(found["recordings"]["sha256"].keys(), {"manifest.tsv", "a.flac"})
            with self.assertRaisesRegex(InputError, "time limit reached at clean, whole, a.flac"):
                self.measure(folder, seconds=-1.0)
            manifest.write_text("b.flac\t1\tx\tONE\n", encoding="utf-8")
            with self.assertRaisesRegex(InputError, "b.flac: expected a recording, found"):
                self.measure(folder)
            manifest.write_text("a.flac\tONE\n", encoding="utf-8")
            with self.assertRaisesRegex(InputError, "recording 1: expected file, seconds, speaker, text, found 2"):
                self.measure(folder)

    def test_noise_speaks_with_other_voices(self) -> None:
        one, same, other, unknown = (
            speech.Recording(name, speaker, np.zeros(1, np.float32), "")
            for name, speaker in (("a", "x"), ("b", "x"), ("c", "y"), ("d", ""))
        )
        self.assertEqual([r.is_other_than(one) for r in (one, same, other, unknown)], [False, False, True, True])


if __name__ == "__main__":
    unittest.main()
