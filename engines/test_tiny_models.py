"""Tests of tiny_models: what is committed is what the script writes."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tiny_models

COMMITTED = Path(__file__).parent.parent / "tests" / "data" / "models"


class TinyModelsTest(unittest.TestCase):
    """All layouts, once."""

    def test_the_committed_models_are_those_that_the_script_writes(self) -> None:
        out = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with mock.patch("builtins.print"):
            tiny_models.main(out)
        files = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
        self.assertEqual(files, {path.relative_to(COMMITTED) for path in COMMITTED.rglob("*") if path.is_file()})
        for file in files - {Path("expected.json")}:
            self.assertEqual((out / file).read_bytes(), (COMMITTED / file).read_bytes(), file)
        found, expected = (json.loads((folder / "expected.json").read_text()) for folder in (out, COMMITTED))
        for layout, decisions in expected.items():
            for key in ("frames", "tokens", "durations"):
                self.assertEqual(found[layout][key], decisions[key], layout)
            # Rounding must not decide.
            self.assertGreater(decisions["least_margin"], 0.02, layout)


if __name__ == "__main__":
    unittest.main()
