"""Tests of the budget on made-up figures: what is lost is named, and how much may be lost."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import budget

Figures = dict[str, Any]


def measured(slower: float = 1.0, larger: float = 1.0) -> Figures:
    """A turn in which the program's own times and memory are so many times those of the committed baseline's kind."""

    def stages(total: float) -> Figures:
        spread = {"p50": total * slower, "p95": total * 1.5 * slower}
        return {"total": spread, "encode": {"p50": total * 0.8}}

    one = {
        "hops": {"full_window_millis": stages(30.0), "peak_memory_bytes": 200e6 * larger},
        "whole": {"hop_millis": stages(70.0)},
    }
    raw = {"millis": {"5.0": 20.0, "12.0": 55.0}, "peak_memory_bytes": 150e6}
    return budget.ratios({"raw": raw, "rten": one, "onnxruntime": one})


class BudgetTest(unittest.TestCase):
    """The verbs that need no program."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.write("baseline.json", measured())

    def write(self, name: str, measured_figures: Figures, **changes: Any) -> None:
        """A file as `measure` writes it."""
        found = {"format": budget.FORMAT, "model": "m", "threads": 2, "raw": [], "each_turn": []}
        found["figures"] = measured_figures
        (self.folder / name).write_text(json.dumps(found | changes), encoding="utf-8")

    def verb(self, verb: str) -> tuple[int, str, str]:
        """Exit code and both outputs."""
        files = ["--found", str(self.folder / "bench.json"), "--baseline", str(self.folder / "baseline.json")]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = budget.main([verb, *files])
        return code, out.getvalue(), err.getvalue()

    def test_a_loss_of_16_percent_fails_and_is_named(self) -> None:
        self.write("bench.json", measured(slower=1.16))
        code, _, err = self.verb("check")
        self.assertEqual(code, 1)
        self.assertIn("rten: hop p50 / raw encoder: expected 1.500, found 1.740 (+16.0%)", err)
        self.assertIn("rten: whole clip / raw encoder: expected 1.273, found 1.476 (+16.0%)", err)
        self.assertNotIn("memory", err)

    def test_a_loss_of_14_percent_passes(self) -> None:
        self.write("bench.json", measured(slower=1.14, larger=1.14))
        code, out, err = self.verb("check")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.count("(+14.0%)"), 10)

    def test_one_figure_alone_is_enough_to_fail(self) -> None:
        for name in measured():
            self.write("bench.json", {**measured(), name: measured()[name] * 1.16})
            code, _, err = self.verb("check")
            self.assertEqual((code, err.count("(+16.0%)")), (1, 1), name)
            self.assertIn(name, err)

    def test_memory_counts_like_time_and_what_became_better_passes(self) -> None:
        self.write("bench.json", measured(slower=0.5, larger=1.16))
        code, out, err = self.verb("check")
        self.assertEqual((code, err.count("memory / raw encoder's")), (1, 2))
        self.assertIn("(-50.0%)", out)

    def test_what_cannot_be_compared_is_an_error(self) -> None:
        figures = measured()
        gone = figures.popitem()[0]
        for name, changes, message in (
            ("missing", {"figures": figures}, f"{gone}: expected a figure, found none"),
            ("threads", {"threads": 1}, "threads: expected 2, as in the baseline, found 1"),
            ("model", {"model": "other"}, "model: expected m, as in the baseline, found other"),
            ("format", {"format": "other"}, f"format: expected {budget.FORMAT}, found other"),
        ):
            with self.subTest(name):
                self.write("bench.json", measured(), **changes)
                code, _, err = self.verb("check")
                self.assertEqual(code, 1)
                self.assertIn(message, err)

    def test_a_new_baseline_passes_its_own_check_and_leaves_turns_out(self) -> None:
        self.write("bench.json", measured(slower=2.0))
        self.assertEqual(self.verb("check")[0], 1)
        self.assertEqual(self.verb("baseline")[0], 0)
        self.assertEqual(self.verb("check")[0], 0)
        self.assertNotIn("raw", json.loads((self.folder / "baseline.json").read_text(encoding="utf-8")))

    def test_the_committed_baseline_has_every_figure(self) -> None:
        self.assertEqual(budget.load(budget.ROOT / "benches" / "baseline.json")["figures"].keys(), measured().keys())


if __name__ == "__main__":
    unittest.main()
