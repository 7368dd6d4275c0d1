"""Tests of golden.py: `python -m unittest discover -s engines/reference`."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import golden
import numpy as np
import soundfile
from embedded import EmbeddedModel
from errors import InputError
from test_reference import LOGITS, MODEL, ROOT

CLIPS = ROOT / "assets" / "clips"


class GoldenTest(unittest.TestCase):
    """The embedded model on the shortest clip."""

    model: EmbeddedModel

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = EmbeddedModel(MODEL)

    def write(self, clips: Path, out: Path) -> str:
        """Runs the command; what it prints."""
        printed = io.StringIO()
        with mock.patch("golden.EmbeddedModel", return_value=self.model), contextlib.redirect_stdout(printed):
            golden.main(MODEL, clips, out)
        return printed.getvalue()

    def test_it_writes_what_is_shipped(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            clips, out = Path(name) / "clips", Path(name) / "out"
            clips.mkdir()
            shutil.copy(CLIPS / "short.flac", clips)
            soundfile.write(clips / "long.flac", np.zeros(16_000 * 31), 16_000)
            (clips / "manifest.tsv").write_text("file\tseconds\tspeaker\ttext\nshort.flac\t\t\t\nlong.flac\t\t\t\n")
            printed = self.write(clips, out)
            self.assertIn("long.flac: longer than a window, left out", printed)
            self.assertRegex(printed, r"short.flac: \d+ decisions, the closest by \d+\.\d{4}: ")
            self.assertEqual([path.name for path in out.iterdir()], ["short.jsonl"])
            found = [json.loads(line) for line in (out / "short.jsonl").read_text(encoding="utf-8").splitlines()]
        shipped = (MODEL / "reference" / "short.jsonl").read_text(encoding="utf-8").splitlines()
        for line, expected in zip(found, map(json.loads, shipped), strict=True):
            self.assertEqual(list(line), list(expected))
            for key, value in expected.items():
                numbers = np.asarray(value)
                if numbers.dtype.kind == "f":
                    np.testing.assert_allclose(line[key], numbers, atol=LOGITS, rtol=0, err_msg=key)
                else:
                    self.assertEqual(line[key], value, key)

    def test_what_cannot_be_read_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with self.assertRaisesRegex(InputError, "manifest.tsv: expected a manifest, found"):
                self.write(folder, folder)
            (folder / "manifest.tsv").write_text("file\tseconds\tspeaker\ttext\ntiny.flac\t\t\t\n")
            soundfile.write(folder / "tiny.flac", np.zeros(4000), 16_000)
            with self.assertRaisesRegex(InputError, "tiny.flac: expected more than 5 encoder frames, found 4"):
                self.write(folder, folder)


if __name__ == "__main__":
    unittest.main()
