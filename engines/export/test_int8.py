"""Tests of 8-bit encoders, and of the export of the recipe's own checkpoints."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import export
import int8
import made_nemo
import numpy as np
import onnx
import probe
import selfcheck
import soundfile
from errors import InputError
from graphs import OnnxModel
from made_nemo import TINY
from onnx import TensorProto
from parakeet_graph import ExternalData
from test_nemo import FILES, hashes, make, run

CLIPS = export.ENGINES.parent / "assets" / "clips"
LINEAR2 = "/layers.0/feed_forward1/linear2/MatMul"

# A toy checkpoint; the recipe's modules have names of those here, so it is made in a process of its own.
CHECKPOINT = """
import sys
from pathlib import Path
import checkpoint, torch
from model import TdtModel
from sizes import TOY
torch.manual_seed(1)
model = TdtModel(TOY)
model.enc.layers[0].conv.bn.running_var.uniform_(0.2, 5.0)
checkpoint.save(Path(sys.argv[1]), model.state_dict(), TOY, {"step": 7})
"""


def with_peaks(state: made_nemo.State) -> made_nemo.State:
    """The same model, but one unit of a feed-forward layer is loud and what reads it is quiet: no range fits it."""
    first, second = (f"encoder.layers.0.feed_forward1.linear{n}.weight" for n in (1, 2))
    # The same where SiLU is straight, at large values.
    loud, quiet = state[first].clone(), state[second].clone()
    loud[3] *= 300.0
    quiet[:, 3] /= 300.0
    return state | {first: loud, second: quiet}


class Int8Test(unittest.TestCase):
    """A tiny model on the project's clips."""

    work: Path
    recordings: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source, cls.recordings = make(cls.work / "tiny.nemo"), cls.work / "recordings"
        cls.recordings.mkdir()
        for name in ("short", "question", "river"):
            (cls.recordings / f"{name}.flac").write_bytes((CLIPS / f"{name}.flac").read_bytes())
        run(cls.source, cls.work / "plain", "--precision", "fp32")
        cls.printed = run(cls.source, cls.work / "products", "--int8", "--calibration", str(cls.recordings))
        run(cls.source, cls.work / "weights", "--int8-weights")

    def turned(self, folder: str) -> tuple[int, int]:
        """Decisions on the clips, and how many are not those of f32."""
        plain, other = OnnxModel(self.work / "plain"), OnnxModel(self.work / folder)
        found = []
        for samples in int8.read_recordings(CLIPS).values():
            mel = probe.features(samples[: 8 * TINY.positions * 160], plain.contract)
            found.append(selfcheck.compare(plain, other, mel))
        return sum(one.decisions for one in found), sum(len(one.turned) for one in found)

    def test_decisions_are_mostly_kept(self) -> None:
        for folder, share in (("products", 0.04), ("weights", 0.02)):
            decisions, turned = self.turned(folder)
            self.assertGreater(decisions, 200)
            self.assertLessEqual(turned, share * decisions, folder)

    def test_products_or_weights_are_8_bit_and_the_rest_is_stored_as_asked(self) -> None:
        expected = {"products": ("MatMulInteger", "f16"), "weights": ("MatMul", "f32")}
        for folder, (kind, arithmetic) in expected.items():
            contract = json.loads((self.work / folder / "contract.json").read_text(encoding="utf-8"))
            self.assertEqual((contract["weights"], contract["arithmetic"]), ("int8", arithmetic))
            self.assertEqual(contract["graphs"]["encoder"]["sha256"], hashes(self.work / folder)["encoder.onnx"])
            self.assertEqual(set(hashes(self.work / folder)), FILES)
            graph = onnx.load(self.work / folder / "encoder.onnx").graph
            eight = [
                tensor for tensor in graph.initializer if tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 2
            ]
            self.assertEqual(len(eight), 9 * TINY.layers + 1)
            self.assertIn(kind, {node.op_type for node in graph.node})
            self.assertIn(TensorProto.FLOAT16, {tensor.data_type for tensor in graph.initializer})
        self.assertIn("int8: 19 of 19 products", self.printed)

    def test_an_encoder_with_files_of_weights_becomes_one_file(self) -> None:
        large = ("--external-over", "1000")
        for folder, options in (
            ("products", ("--int8", "--calibration", str(self.recordings))),
            ("weights", ("--int8-weights",)),
        ):
            with mock.patch("parakeet_contract.ExternalData", lambda path: ExternalData(path, limit=16 << 10)):
                run(self.source, self.work / f"large-{folder}", *options, *large)
            self.assertEqual(set(hashes(self.work / f"large-{folder}")), FILES)
            self.assertEqual(self.turned(f"large-{folder}"), self.turned(folder))

    def test_the_same_recordings_give_the_same_files(self) -> None:
        run(self.source, self.work / "again", "--int8", "--calibration", str(self.recordings))
        self.assertEqual(hashes(self.work / "again"), hashes(self.work / "products"))

    def test_products_that_come_out_too_coarse_stay(self) -> None:
        peaks = make(self.work / "peaks.nemo", state=with_peaks(made_nemo.state(TINY)))
        run(peaks, self.work / "peaks", "--precision", "fp32")
        encoder = self.work / "peaks" / "encoder.onnx"
        contract = OnnxModel(self.work / "peaks").contract
        features = [
            probe.features(samples[:80_000], contract) for samples in int8.read_recordings(self.recordings).values()
        ]
        with self.assertRaisesRegex(InputError, "expected products within 0, found none"):
            int8.quantise(encoder, features, 0.0)
        done = int8.quantise(encoder, features, 0.1)
        self.assertEqual(done.kept, [LINEAR2])
        self.assertGreater(done.errors[LINEAR2], 0.1)
        graph = onnx.load(encoder).graph
        with_weights = [node.name for node in int8.products(graph)]
        self.assertEqual(with_weights, [LINEAR2])
        self.assertEqual(sum(node.op_type == "MatMulInteger" for node in graph.node), len(done.errors) - 1)

    def test_8_bits_hold_a_range_with_zero_in_it(self) -> None:
        values = np.array([[2.0, 5.0, 1.0]], np.float32)
        np.testing.assert_allclose(int8.rounded_activation(values), values, atol=5.0 / 255 / 2 + 1e-6)
        np.testing.assert_array_equal(int8.rounded_activation(np.zeros((1, 3), np.float32)), 0.0)
        weight = np.array([[1.0, -0.011], [0.5, 0.02]], np.float32)
        values8, scale = int8.eight_bits(weight)
        self.assertEqual(values8.tolist(), [[127, -70], [64, 127]])
        np.testing.assert_allclose(values8 * scale, weight, atol=0.5 * scale.max())

    def test_recordings_that_are_none_are_refused(self) -> None:
        for name, rate, length, words in (
            ("none", None, 0, "expected a folder of recordings, found none"),
            ("empty", 0, 0, "expected recordings (.flac, .wav, .ogg), found none"),
            ("rate", 8000, 8000, "x.wav: expected 16000 Hz, found 8000 Hz"),
            ("short", 16000, 800, "x.wav: expected half a second or more, found 800 samples"),
            ("bad", -1, 0, "x.wav: expected a recording, found"),
        ):
            folder = self.work / f"recordings-{name}"
            if rate is not None:
                folder.mkdir()
            if rate == -1:
                (folder / "x.wav").write_bytes(b"RIFF nothing")
            elif rate:
                soundfile.write(folder / "x.wav", np.zeros(length), rate)
            with self.subTest(name), self.assertRaises(InputError) as raised:
                run(self.source, self.work / "unused", "--int8", "--calibration", str(folder))
            self.assertIn(words, str(raised.exception))
        with self.assertRaisesRegex(InputError, "expected it or --int8, found both"):
            run(self.source, self.work / "unused", "--int8", "--int8-weights", "--calibration", str(self.recordings))
        self.assertFalse((self.work / "unused").exists())


class CheckpointTest(unittest.TestCase):
    """What the recipe trained goes the same way."""

    def test_a_checkpoint_of_the_recipe_is_exported_and_checked(self) -> None:
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        command = [sys.executable, "-c", CHECKPOINT, str(work / "checkpoint")]
        subprocess.run(command, cwd=export.ENGINES / "training", check=True)
        printed = run(work / "checkpoint", work / "model", "--name", "toy")
        self.assertIn("voice: ONNX Runtime against PyTorch: encoder", printed)
        self.assertEqual(set(hashes(work / "model")), FILES)
        contract = json.loads((work / "model" / "contract.json").read_text(encoding="utf-8"))
        self.assertEqual((contract["name"], contract["weights"]), ("toy", "f16"))
        (work / "checkpoint" / "weights.safetensors").write_bytes(b"nothing")
        with self.assertRaisesRegex(InputError, "weights.safetensors: expected weights"):
            run(work / "checkpoint", work / "unused")


if __name__ == "__main__":
    unittest.main()
