"""Tests of export: what the graphs answer, how weights are stored, what contract and texts say."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import card
import checkpoint
import export
import make_model
import numpy as np
import onnx
import onnxruntime
import sentencepiece
import torch
from errors import InputError
from model import TdtModel
from onnx import TensorProto, helper, numpy_helper
from sizes import TOY
from store16 import LARGE, split_shared, store16
from vocabulary import write_vocabulary

# The reference has the embedded model's sizes as constants; with those of TOY it reads and runs the toy graphs, too.
REFERENCE = """
import sys
from pathlib import Path
import numpy as np
import model
model.ACOUSTIC_DIM, model.ACOUSTIC_LAYERS, model.ACOUSTIC_HEADS = 32, 1, 2
model.LAYERS, model.HEADS, model.FEED_FORWARD, model.JOINT_HIDDEN = 1, 2, 64, 32
from embedded import EmbeddedModel
folder, work = map(Path, sys.argv[1:])
found = EmbeddedModel(folder)
frames = found.encode(np.load(work / "features.npy"))
_, state = found.predict(512, None)
prediction, _ = found.predict(7, state)
np.savez(work / "found.npz", frames=frames, prediction=prediction, logits=found.joint(frames[3], prediction))
"""


def toy(seed: int = 1) -> TdtModel:
    """A toy model none of whose weights, tables or statistics is what it was made with."""
    torch.manual_seed(seed)
    model = TdtModel(TOY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0.5)
            elif name.endswith("running_var"):
                buffer.uniform_(0.2, 5.0)
            elif name.endswith((".pos", ".band")):
                buffer.normal_(0.0, 0.2)
        # The exporter would keep these two once.
        model.enc.layers[0].n2.weight.copy_(model.enc.layers[0].n1.weight)
        # Blank embeds to zero.
        model.pred.emb.weight[TOY.pieces] = 0.0
    return model.eval()


def save(model: TdtModel, folder: Path) -> None:
    """As a checkpoint of step 7."""
    checkpoint.save(folder, model.state_dict(), model.sizes, {"step": 7, "shards_sha256": {"real_000.npz": "0"}})


class ExportTest(unittest.TestCase):
    """A toy model, exported once."""

    work: Path
    source: Path
    folder: Path
    model: TdtModel
    contract: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.work = Path(temporary.name)
        cls.source, cls.folder = cls.work / "checkpoint", cls.work / "model"
        save(toy(), cls.source)
        with mock.patch("builtins.print"):
            export.export(cls.source, cls.folder, None, export.TOKENIZER)
        # As a checkpoint holds it, in f16.
        cls.model = checkpoint.load(cls.source)
        cls.contract = json.loads((cls.folder / "contract.json").read_text(encoding="utf-8"))

    def session(self, name: str) -> onnxruntime.InferenceSession:
        """One of the graphs."""
        return onnxruntime.InferenceSession(str(self.folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])

    def test_onnx_runtime_answers_as_pytorch_for_every_length(self) -> None:
        encoder, generator = self.session("encoder"), torch.Generator().manual_seed(3)
        for length in (1, 7, 8, 9, 41, 333, 1201):
            features = export.features(length, 80, generator)
            expected = self.model.enc(features)[0].numpy()
            found, lengths = encoder.run(None, {"audio_signal": features.numpy(), "length": np.array([length])})
            with self.subTest(length):
                self.assertEqual(lengths.tolist(), [-(-length // 8)])
                np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0)

    def test_normalisation_is_folded_and_weights_are_stored_as_f16(self) -> None:
        for name in ("encoder", "predictor", "joint"):
            graph = onnx.load(self.folder / f"{name}.onnx").graph
            kinds = {node.op_type for node in graph.node}
            self.assertFalse(kinds & {"BatchNormalization", "Identity", "Dropout"}, name)
            for tensor in graph.initializer:
                if tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16):
                    stored = TensorProto.FLOAT16 if np.prod(tensor.dims) >= LARGE else TensorProto.FLOAT
                    self.assertEqual(tensor.data_type, stored, f"{name}: {tensor.name}")

    def test_contract_and_vocabulary_are_those_of_the_sizes(self) -> None:
        self.assertRegex(self.contract["name"], r"^dictoscope-embedded 7-[0-9a-f]{8}$")
        self.assertEqual(self.contract["encoder"]["dim"], TOY.dim)
        self.assertEqual(self.contract["encoder"]["max_mel_frames"], 3000)
        self.assertEqual(self.contract["predictor"]["hidden"], TOY.hidden)
        self.assertEqual(self.contract["graphs"]["joint"]["outputs"][0]["shape"][3], 518)
        for name, graph in self.contract["graphs"].items():
            session = self.session(name)
            found = [(tensor.name, tensor.shape) for tensor in (*session.get_inputs(), *session.get_outputs())]
            for tensor, (real, shape) in zip((*graph["inputs"], *graph["outputs"]), found, strict=True):
                self.assertEqual((tensor["name"], len(tensor["shape"])), (real, len(shape)))
                # ONNX Runtime says None or a made-up name where an axis is dynamic.
                fixed = [(a, b) for a, b in zip(tensor["shape"], shape) if isinstance(a, int) and isinstance(b, int)]
                self.assertTrue(all(a == b for a, b in fixed), tensor["name"])
        lines = (self.folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(self.folder / "tokenizer.model"))
        self.assertEqual(lines[:-1], [f"{tokenizer.id_to_piece(i)} {i}" for i in range(512)])
        self.assertEqual(lines[-1], "<blk> 512")

    def test_the_reference_reads_the_graphs_and_agrees(self) -> None:
        features = export.features(100, 80, torch.Generator().manual_seed(4))
        np.save(self.work / "features.npy", np.ascontiguousarray(features[0].numpy().T))
        # Its modules have names of those here, so it has a process of its own.
        command = [sys.executable, "-c", REFERENCE, str(self.folder), str(self.work)]
        done = subprocess.run(command, cwd=export.ENGINES / "reference", capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = np.load(self.work / "found.npz")
        frames = self.model.enc(features)[0]
        zero = torch.zeros(1, 1, TOY.hidden)
        prediction = self.model.pred(torch.tensor([[512, 7]]), zero, zero)[0][:, :, 1:]
        logits = self.model.joint(frames[:, :, 3:4], prediction)
        np.testing.assert_allclose(found["frames"], frames[0].numpy().T, atol=1e-3, rtol=0)
        np.testing.assert_allclose(found["prediction"], prediction[0, :, 0].numpy(), atol=1e-5, rtol=0)
        np.testing.assert_allclose(found["logits"], logits[0, 0, 0].numpy(), atol=1e-3, rtol=0)

    def test_graphs_of_other_weights_are_refused(self) -> None:
        with self.assertRaisesRegex(InputError, "expected ONNX Runtime within 0.002, found"):
            export.check(toy(seed=2), self.folder)

    def test_the_same_checkpoint_gives_the_same_files(self) -> None:
        again = self.work / "again"
        with mock.patch("builtins.print"):
            export.export(self.source, again, None, export.TOKENIZER)
        for path in sorted(self.folder.iterdir()):
            self.assertEqual(path.read_bytes(), (again / path.name).read_bytes(), path.name)

    def test_a_tokenizer_of_another_size_is_refused(self) -> None:
        with self.assertRaisesRegex(InputError, "tokenizer.model: expected 500 pieces, found 512"):
            write_vocabulary(export.TOKENIZER, 500, self.work)
        with self.assertRaisesRegex(InputError, "vocab.txt: expected a SentencePiece model"):
            write_vocabulary(self.folder / "vocab.txt", 512, self.work)

    def test_another_tokenizer_than_that_of_the_training_is_refused(self) -> None:
        other = self.work / "other"
        checkpoint.save(other, toy().state_dict(), TOY, {"tokenizer_sha256": "abc"})
        with self.assertRaisesRegex(InputError, "tokenizer.model: expected the tokenizer of the training, SHA-256 abc"):
            export.export(other, self.work / "unused", None, export.TOKENIZER)

    def test_the_card_says_what_the_contract_says(self) -> None:
        notice = card.notice_section(export.ENGINES.parent / "NOTICE")
        self.assertIn("OpenAI Whisper base", notice)
        self.assertNotIn("The recordings in assets/clips", notice)
        about = checkpoint.about(self.source)
        text = card.card(self.contract, about, "abc", (1_500_000, 250_000), notice, scored=False)
        for part in (self.contract["name"], "1.5 M parameters", "step 7", "(shards: 1 real)", "518", "Not measured"):
            self.assertIn(part, text)


class StoreTest(unittest.TestCase):
    """Weights as f16."""

    def graph(self, *tables: np.ndarray) -> onnx.GraphProto:
        """A graph of weights `w0`, `w1`, ... and, for `w0`, a node that hands it on as `again`."""
        weights = [numpy_helper.from_array(table, f"w{i}") for i, table in enumerate(tables)]
        node = helper.make_node("Identity", ["w0"], ["again"])
        return helper.make_graph([node], "test", [], [], weights)

    def test_large_ones_lose_at_most_half_a_unit_and_small_ones_nothing(self) -> None:
        table = np.random.default_rng(1).normal(size=(20, 20)).astype(np.float32)
        graph = self.graph(table, table[0])
        store16(graph)
        arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.assertEqual(arrays["w0_f16"].dtype, np.float16)
        self.assertTrue((np.abs(arrays["w0_f16"] - table) <= np.abs(table) * 2.0**-11 + 2.0**-25).all())
        np.testing.assert_array_equal(arrays["w1"], table[0])
        first = graph.node[0]
        self.assertEqual((first.op_type, [*first.input], [*first.output]), ("Cast", ["w0_f16"], ["w0"]))

    def test_what_f16_cannot_hold_is_refused(self) -> None:
        for value in (1e6, float("nan")):
            with self.assertRaisesRegex(InputError, "w0: expected finite weights"):
                store16(self.graph(np.full(LARGE, value, np.float32)))

    def test_shared_weights_become_two(self) -> None:
        graph = self.graph(np.ones(3, np.float32))
        split_shared(graph)
        self.assertEqual([*graph.node], [])
        self.assertEqual([t.name for t in graph.initializer], ["w0", "again"])


class SwapTest(unittest.TestCase):
    """A new model takes the place of the old one, whole."""

    def test_a_failure_leaves_the_old_model_where_it_was(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            new, place, old = (Path(name) / part for part in ("new", "place", "old"))
            for folder in (new, place):
                folder.mkdir()
                (folder / folder.name).touch()
            with self.assertRaises(FileNotFoundError):
                make_model.swap(Path(name) / "missing", place, old)
            self.assertTrue((place / "place").exists())
            make_model.swap(new, place, old)
            self.assertEqual([p.name for p in place.iterdir()], ["new"])
            self.assertTrue((old / "place").exists())

    def test_a_long_list_of_shards_is_cut_to_its_hash(self) -> None:
        about = {"step": 7, "shards_sha256": {f"real_{i:05}.npz": "0" * 64 for i in range(5000)}}
        short = json.loads(make_model.training_record(about))
        self.assertEqual((short["step"], short["shards_sha256"]["count"]), (7, 5000))
        about["shards_sha256"] = {"real_000.npz": "0"}
        self.assertEqual(json.loads(make_model.training_record(about)), about)


if __name__ == "__main__":
    unittest.main()
