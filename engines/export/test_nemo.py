"""Tests of the export of `.nemo` files: `python -m unittest discover -s engines/export`; tiny ones, made here."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import export
import made_nemo
import numpy as np
import torch
from decode import greedy, path_of
from errors import InputError
from graphs import OnnxModel
from made_nemo import TINY
from parakeet_graph import ExternalData
from parakeet_sizes import Sizes
from torch.nn import functional as F

OTHER = replace(TINY, layers=1, mel_bins=80, kernel=5, lstm_layers=1, durations=(0, 1, 2, 4), biases=True, scaled=True)
FILES = {
    "encoder.onnx",
    "predictor.onnx",
    "joint.onnx",
    "vocab.txt",
    "tokenizer.model",
    "contract.json",
    "probe.safetensors",
}


def from_reference(name: str) -> Any:
    """A module of `reference`, two of which have names of those in `training`."""
    path = export.ENGINES / "reference" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"reference_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Reference:
    """The model by the modules of `reference`, which share nothing with those of the recipe and the writer of graphs."""

    def __init__(self, state: made_nemo.State, sizes: Sizes, contract: dict[str, Any]) -> None:
        self.state, self.sizes, self.contract = state, sizes, contract
        self.modules = from_reference("model")
        self.modules.HEADS, self.modules.FEED_FORWARD = sizes.heads, sizes.feed_forward
        self.modules.KERNEL, self.modules.JOINT_HIDDEN = sizes.kernel, sizes.joint
        self.layers = [self.layer(f"encoder.layers.{n}.") for n in range(sizes.layers)]
        self.predictor = self.modules.Predictor(sizes.pieces, sizes.hidden, sizes.lstm_layers)
        self.fill(self.predictor, "decoder.prediction.", {"emb.": "embed.", "rnn.": "dec_rnn.lstm."})
        self.head = self.modules.Joint(sizes.dim, sizes.hidden, sizes.classes)
        self.fill(self.head, "joint.", {"out.": "joint_net.2."})

    def fill(self, module: torch.nn.Module, scope: str, names: dict[str, str]) -> None:
        """Weights by NeMo's names; a bias that is not there is zero."""
        found = {}
        for key, value in module.state_dict().items():
            ours = next((part for part in names if part in key), "")
            theirs = key.replace(ours, names[ours]) if ours else key
            missing = {scope + theirs: torch.zeros_like(value)} if theirs.endswith("bias") else {}
            found[key] = (missing | self.state)[scope + theirs]
        module.load_state_dict(found)
        module.eval().requires_grad_(False)

    def layer(self, scope: str) -> torch.nn.Module:
        """One layer; batch normalisation goes into the convolution as the textbook says."""
        module = self.modules.ConformerLayer(self.sizes.dim)
        parts = ("feed_forward1", "self_att", "conv", "feed_forward2", "out")
        names = {f"n{n}.": f"norm_{part}." for n, part in enumerate(parts, 1)}
        names |= {"f1.a.": "feed_forward1.linear1.", "f1.b.": "feed_forward1.linear2."}
        names |= {"f2.a.": "feed_forward2.linear1.", "f2.b.": "feed_forward2.linear2."}
        names |= {"att.u": "self_attn.pos_bias_u", "att.w": "self_attn.pos_bias_v", "att.o.": "self_attn.linear_out."}
        names |= {f"att.{part}.": f"self_attn.linear_{part}." for part in ("q", "k", "v", "pos")}
        names |= {"pw1.": "pointwise_conv1.", "pw2.": "pointwise_conv2.", "dw.": "depthwise_conv."}
        self.fill(module, scope, names)
        mean, variance, gain, shift = (
            self.state[f"{scope}conv.batch_norm.{name}"].double()
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        scale = gain / (variance + 1e-5).sqrt()
        convolution = module.conv.dw
        convolution.weight.copy_(convolution.weight.double() * scale[:, None, None])
        convolution.bias.copy_((convolution.bias.double() - mean) * scale + shift)
        return module

    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim]."""
        x = torch.from_numpy(mel)[None, None]
        for numbers in ((0,), (2, 3), (5, 6)):
            for number in numbers:
                weight, bias = (self.state[f"encoder.pre_encode.conv.{number}.{part}"] for part in ("weight", "bias"))
                wide = weight.shape[-1] == 3
                groups = len(weight) if wide and number else 1
                x = F.conv2d(x, weight, bias, stride=2 if wide else 1, padding=1 if wide else 0, groups=groups)
            x = x.relu()
        out = "encoder.pre_encode.out"
        x = F.linear(x[0].permute(1, 0, 2).flatten(1), self.state[f"{out}.weight"], self.state[f"{out}.bias"])
        x = x * self.sizes.dim**0.5 if self.sizes.scaled else x
        # Row r of the positions is frames - 1 - r frames back.
        back = torch.arange(len(x) - 1, -len(x), -1.0, dtype=torch.float64)[:, None]
        angle = back / 10000.0 ** (torch.arange(0, self.sizes.dim, 2) / self.sizes.dim)
        positions = torch.stack([angle.sin(), angle.cos()], 2).flatten(1).float()
        for layer in self.layers:
            x = layer(x, positions)
        return x.numpy()

    def predict(self, token: int, state: Any | None) -> tuple[np.ndarray, Any]:
        """The output [hidden] after `token`, and the next state."""
        zero = torch.zeros(self.sizes.lstm_layers, self.sizes.hidden)
        output, state = self.predictor(torch.tensor([token]), state or (zero, zero))
        return output[0].numpy(), state

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits."""
        return self.head(torch.from_numpy(frame), torch.from_numpy(prediction)).numpy()


def make(path: Path, sizes: Sizes = TINY, **changes: Any) -> Path:
    """A file; `changes` are of the settings, by their place in them with `__` for a dot, or `state`."""
    settings, state = made_nemo.config(sizes), changes.pop("state", None) or made_nemo.state(sizes)
    for key, value in changes.items():
        table, *rest = key.split("__")
        place = settings
        for part in rest:
            place, table = place[table], part
        place[table] = value
    made_nemo.write(path, settings, state, sizes.pieces)
    return path


def run(source: Path, out: Path, *options: str) -> str:
    """The command in this process; what it printed."""
    with mock.patch("sys.argv", ["export.py", str(source), "--out", str(out), *options]):
        with mock.patch("sys.stdout", io.StringIO()) as printed:
            export.main()
    return printed.getvalue()


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


class ExportTest(unittest.TestCase):
    """What comes out."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        make(cls.work / "tiny.nemo")
        cls.printed = run(cls.work / "tiny.nemo", cls.work / "tiny")

    def test_decisions_are_those_of_the_reference_for_both_kinds_of_layers(self) -> None:
        make(self.work / "other.nemo", OTHER)
        for sizes, name, precision in ((TINY, "tiny", "fp32"), (OTHER, "other", "fp32")):
            folder = self.work / f"{name}-{precision}"
            run(self.work / f"{name}.nemo", folder, "--precision", precision)
            model = OnnxModel(folder)
            reference = Reference(made_nemo.state(sizes), sizes, model.contract)
            samples = np.concatenate([export.signals.voice(3.0), export.probe.signal()])
            mel = from_reference("features").log_mel(samples, model.contract)
            expected, found = reference.encode(mel), model.encode(mel)
            np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max(), rtol=0)
            ours, theirs = greedy(model, found), greedy(reference, expected)
            np.testing.assert_array_equal(path_of(ours), path_of(theirs))
            self.assertEqual([d.duration for d in ours], [d.duration for d in theirs])
            self.assertGreater(len({d.token for d in theirs}), 3)

    def test_the_folder_is_whole_and_says_what_the_file_said(self) -> None:
        folder = self.work / "tiny"
        self.assertEqual(set(hashes(folder)), FILES)
        contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
        self.assertEqual((contract["name"], contract["weights"], contract["arithmetic"]), ("tiny", "f16", "f32"))
        self.assertEqual((contract["durations"], contract["max_symbols"]), ([0, 1, 2, 3, 4], 10))
        self.assertEqual(contract["vocabulary"]["size"], TINY.pieces)
        self.assertEqual(contract["encoder"]["max_mel_frames"], 8 * TINY.positions)
        self.assertEqual(contract["front_end"]["normalization"], "per_feature")
        for spec in (*contract["graphs"].values(), contract["vocabulary"], contract["probe"]):
            self.assertEqual(hashes(folder)[spec["file"]], spec["sha256"])
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.assertEqual((lines[0], lines[-1], len(lines)), ("<unk> 0", f"<blk> {TINY.pieces}", TINY.pieces + 1))
        self.assertIn("weights rounded to f16", self.printed)
        self.assertIn("all the same", self.printed)
        self.assertEqual(sorted(p.name for p in self.work.glob(".tiny*")), [])

    def test_weights_are_stored_as_f16_where_that_loses_nothing_more(self) -> None:
        for precision, stored in (("fp16", 1), ("fp32", 0)):
            folder = self.work / f"stored-{precision}"
            run(self.work / "tiny.nemo", folder, "--precision", precision)
            graph = export.int8.onnx.load(folder / "encoder.onnx").graph
            names = [t.name for t in graph.initializer if t.data_type == export.int8.TensorProto.FLOAT16]
            self.assertEqual("onnx::MatMul_layers.0.feed_forward1.linear1.weight_f16" in names, bool(stored))
            self.assertNotIn("LogSoftmax", {node.op_type for node in graph.node})
            self.assertEqual(export.int8.onnx.load(folder / "joint.onnx").opset_import[0].version, 17)

    def test_the_same_file_gives_the_same_hashes(self) -> None:
        (self.work / "again").mkdir()
        run(make(self.work / "again" / "tiny.nemo"), self.work / "again" / "tiny")
        self.assertEqual(hashes(self.work / "again" / "tiny"), hashes(self.work / "tiny"))

    def test_of_a_hybrid_model_the_transducer_is_taken(self) -> None:
        path = self.work / "hybrid.nemo"
        settings, state = made_nemo.hybrid(made_nemo.config(TINY), made_nemo.state(TINY), TINY)
        made_nemo.write(path, settings, state, TINY.pieces)
        run(path, self.work / "hybrid", "--name", "tiny")
        self.assertEqual(hashes(self.work / "hybrid"), hashes(self.work / "tiny"))

    def test_a_joint_without_dropout_has_its_last_linear_elsewhere(self) -> None:
        state = {k.replace("joint_net.2.", "joint_net.1."): v for k, v in made_nemo.state(TINY).items()}
        run(make(self.work / "dry.nemo", state=state), self.work / "dry", "--name", "tiny")
        self.assertEqual(hashes(self.work / "dry"), hashes(self.work / "tiny"))

    def test_large_encoders_have_files_of_weights_below_the_limit(self) -> None:
        limit = 16 << 10
        with mock.patch("parakeet_contract.ExternalData", lambda path: ExternalData(path, limit=limit)):
            run(self.work / "tiny.nemo", self.work / "split", "--precision", "fp32", "--external-over", "1000")
        contract = json.loads((self.work / "split" / "contract.json").read_text(encoding="utf-8"))
        data = contract["graphs"]["encoder"]["data"]
        self.assertGreater(len(data), 2)
        self.assertEqual(
            {entry["file"]: entry["sha256"] for entry in data}.items() - hashes(self.work / "split").items(), set()
        )
        for entry in data:
            self.assertLessEqual((self.work / "split" / entry["file"]).stat().st_size, limit)
        self.assertEqual(set(hashes(self.work / "split")), FILES | {entry["file"] for entry in data})

    def test_a_graph_that_computes_something_else_is_not_let_through(self) -> None:
        # The gates of the LSTM in PyTorch's order.
        with mock.patch("parakeet_layers.GATES", [0, 1, 2, 3]):
            with self.assertRaisesRegex(
                InputError, "noise: predictor: expected ONNX Runtime within 0.001 of PyTorch, found"
            ):
                run(self.work / "tiny.nemo", self.work / "wrong")
        self.assertFalse((self.work / "wrong").exists())
        self.assertEqual(sorted(self.work.glob(".wrong*")), [])

    def test_what_is_there_is_not_written_over(self) -> None:
        with self.assertRaisesRegex(InputError, "--out .*: expected a folder that is not there yet"):
            run(self.work / "tiny.nemo", self.work / "tiny")
        with self.assertRaisesRegex(InputError, "expected a .nemo file or a folder with checkpoint.json"):
            run(self.work, self.work / "unused")
        with self.assertRaisesRegex(InputError, "--int8: expected --calibration"):
            run(self.work / "tiny.nemo", self.work / "unused", "--int8")


if __name__ == "__main__":
    unittest.main()
