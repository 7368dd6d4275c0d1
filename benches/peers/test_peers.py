"""Tests of the comparison's own parts: agreement, the clock of a growing window, tables."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

import growing
import numpy as np
import table


def clock_of(costs: list[float]) -> Any:
    """A clock on which each transcription takes the next of these seconds."""

    def ticks() -> Iterator[float]:
        now = 0.0
        for cost in costs:
            yield now
            now += cost
            yield now

    return ticks().__next__


class GrowingTest(unittest.TestCase):
    """Streaming by transcribing anew."""

    def hear(self, texts: list[str], costs: list[float], seconds: float = 2.0) -> tuple[dict[str, Any], list[int]]:
        """What comes of these texts, and the samples that each was heard in; ten samples a second."""
        lengths: list[int] = []

        def recogniser(samples: np.ndarray) -> str:
            lengths.append(len(samples))
            return texts[len(lengths) - 1]

        samples = np.zeros(round(10 * seconds), np.float32)
        return growing.listen(samples, 10, 0.5, recogniser, clock_of(costs)), lengths

    def test_words_are_committed_once_two_transcriptions_agree(self) -> None:
        agreement = growing.Agreement()
        for text, last, expected in (
            ("one", False, []),
            ("One, two", False, ["One,"]),
            ("won two tree", False, ["One,"]),
            ("won two tree four", False, ["One,", "two", "tree"]),
            ("nothing like it at all", True, ["One,", "two", "tree", "at", "all"]),
        ):
            agreement.add(text.split(), last)
            self.assertEqual(agreement.committed, expected)

    def test_a_quick_recogniser_waits_for_each_hop(self) -> None:
        found, lengths = self.hear(["", "a", "a b", "a b c"], [0.1] * 4)
        self.assertEqual(lengths, [5, 10, 15, 20])
        self.assertAlmostEqual(found["first_word"], 1.1)
        self.assertAlmostEqual(found["first_commit"], 1.6)
        self.assertAlmostEqual(found["after_end"], 0.1)
        self.assertEqual(found["text"], "a b c")
        np.testing.assert_allclose(found["hop_millis"], [100.0] * 4)

    def test_a_slow_one_skips_hops_and_takes_all_that_has_come(self) -> None:
        found, lengths = self.hear(["a", "a b", "a b c"], [0.8, 0.9, 1.0])
        self.assertEqual(lengths, [5, 13, 20])
        self.assertAlmostEqual(found["first_word"], 1.3)
        self.assertAlmostEqual(found["after_end"], 1.2)


def side(version: str, millis: float, **more: Any) -> dict[str, Any]:
    """One side of one turn: 10 s in so many milliseconds."""
    recordings = [{"seconds": 10.0, "millis": millis, **more}]
    return {"version": version, "load_millis": 500.0, "peak_memory_bytes": 2e8, "recordings": recordings}


class TableTest(unittest.TestCase):
    """Medians and ratios."""

    def test_ratios_are_of_the_same_turn_and_missing_rates_are_dashes(self) -> None:
        # The machine was half as fast in the second turn: times double, the ratio stays.
        turns = [{"rten": side("rten 1", m), "sherpa-onnx": side("sherpa-onnx 2", 3 * m)} for m in (100.0, 200.0, 100.0)]
        rows = table.whole(turns, {"rten": {"whole": {"percent": 13.13}}})
        self.assertEqual(rows[0], ["Dictoscope, rten 1", "13.1 %", "0.0100", "0.0100 – 0.0200", "1.00", "0.50", "200"])
        self.assertEqual(rows[1][:3] + rows[1][4:5], ["sherpa-onnx 2", "–", "0.0300", "3.00"])

    def test_updates_are_ranked_over_all_hops_or_taken_from_the_recordings(self) -> None:
        whisper = side("w", 0.0, hop_millis=[float(n) for n in range(1, 21)], first_word=2.0)
        ours = side("o", 0.0, hops=20, hop_p50=5.0, hop_p95=9.0, first_word=1.0)
        self.assertEqual([table.hops(whisper, share) for share in (0.5, 0.95)], [10.0, 19.0])
        row = table.streamed([{"rten": ours, "whisper tiny.en": whisper}], {})[1]
        self.assertEqual(row, ["w, tiny.en", "–", "2.00", "10 / 19", "2.0", "2.0"])


if __name__ == "__main__":
    unittest.main()
