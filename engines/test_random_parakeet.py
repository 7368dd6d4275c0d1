"""Tests of random_parakeet: `python -m unittest discover -s engines`; the small size, and a PyTorch model beside it."""

from __future__ import annotations

import hashlib
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime
import random_parakeet
import torch
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from parakeet_graph import ALIGNMENT, ExternalData
from parakeet_sizes import MAX_SYMBOLS, count
from parakeet_torch import TorchParakeet
from random_parakeet_layouts import random_job
from random_parakeet_weights import FULL, SMALL, RandomWeights

SEED = 7
MEL_BINS, LSTM_LAYERS, DURATIONS = SMALL.mel_bins, SMALL.lstm_layers, len(SMALL.durations)
# Largest difference from PyTorch where outputs are of order 1 (encoder, predictor) and 10 (joint).
F32 = 2e-5
# What half precision may lose: root mean square as a share of the encoder's output, least cosine of a frame, largest
# difference of a logit. Two to four times what was found.
F16_RMS, F16_COSINE, F16_LOGITS = 0.004, 0.99999, 0.015
FILES = {
    "onnx-asr": "encoder-model.onnx encoder-model.onnx.data decoder_joint-model.onnx vocab.txt config.json",
    "contract": "encoder.onnx predictor.onnx joint.onnx vocab.txt contract.json",
}


def write(folder: Path, layout: str = "onnx-asr", precision: str = "fp32", seed: int = SEED) -> Path:
    """A small model."""
    with mock.patch("builtins.print"):
        random_parakeet.run(random_job(folder, "small", precision, seed), layout)
    return folder


def small_model() -> TorchParakeet:
    """The one that `write` writes."""
    return TorchParakeet(SMALL).fill(RandomWeights(SMALL, SEED))


def session(path: Path) -> onnxruntime.InferenceSession:
    """One graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def features(frames: int, batch: int = 1) -> np.ndarray:
    """As normalised ones are, f32 [batch, mel, frames]."""
    return np.random.default_rng(frames).standard_normal((batch, MEL_BINS, frames), np.float32)


def ports(values: list[Any]) -> list[str]:
    """Names, element types and shapes of a session's inputs or outputs."""
    return [f"{v.name} {v.type.removeprefix('tensor(').removesuffix(')')} {v.shape}".replace("'", "") for v in values]


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


class CountTest(unittest.TestCase):
    """The full size, of which nothing is allocated."""

    def test_the_full_size_has_the_parameters_of_the_trained_model(self) -> None:
        self.assertEqual(count(FULL), random_parakeet.PARAMETERS)

    def test_pytorchs_layers_of_the_full_size_have_as_many(self) -> None:
        with torch.device("meta"):
            model = TorchParakeet(FULL)
        found = {name: sum(p.numel() for p in module.parameters()) for name, module in model.named_children()}
        expected = random_parakeet.PARAMETERS
        self.assertEqual(found["conv"] + found["out"], expected["pre-encode"])
        self.assertEqual(found["layers"], 24 * expected["one layer"])
        self.assertEqual(found["lstm"], expected["LSTM"])
        self.assertEqual(found["embed"], expected["embedding"])
        self.assertEqual(found["enc"] + found["pred"] + found["join"], expected["joint"])
        self.assertEqual(sum(found.values()), expected["total"])

    def test_a_full_model_of_other_size_is_refused(self) -> None:
        with mock.patch.dict(random_parakeet.PARAMETERS, joint=7), mock.patch("builtins.print"):
            with self.assertRaisesRegex(random_parakeet.InputError, "joint: expected 7 parameters, found 6321158"):
                random_parakeet.check_count(FULL, print)


class GraphTest(unittest.TestCase):
    """Small models, written once."""

    work: Path
    model: TorchParakeet
    encoder: onnxruntime.InferenceSession
    decoder: onnxruntime.InferenceSession

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        for layout in FILES:
            write(cls.work / layout, layout)
        write(cls.work / "half", precision="fp16")
        cls.model = small_model()
        cls.encoder = session(cls.work / "onnx-asr" / "encoder-model.onnx")
        cls.decoder = session(cls.work / "onnx-asr" / "decoder_joint-model.onnx")

    def decode(self, frames: np.ndarray, tokens: list[list[int]], h: np.ndarray, c: np.ndarray) -> list[np.ndarray]:
        """One call of decoder_joint: logits, lengths, next states."""
        targets = np.array(tokens, np.int32)
        lengths = np.full(len(tokens), targets.shape[1], np.int32)
        names = [value.name for value in self.decoder.get_inputs()]
        return self.decoder.run(None, dict(zip(names, (frames, targets, lengths, h, c), strict=True)))

    def test_the_encoder_answers_as_pytorch_for_every_length(self) -> None:
        for length in (1, 2, 7, 8, 9, 16, 17, 100, 333, 8 * SMALL.positions):
            mel = features(length)
            frames, lengths = self.encoder.run(None, {"audio_signal": mel, "length": np.array([length])})
            with self.subTest(length):
                self.assertEqual(lengths.tolist(), [-(-length // 8)])
                self.assertEqual(frames.shape, (1, SMALL.dim, -(-length // 8)))
                np.testing.assert_allclose(frames, self.model.encode(mel), atol=F32, rtol=0)
                self.assertTrue(0.5 < frames.std() < 2.0)

    def test_padding_changes_no_frame_of_an_utterance(self) -> None:
        mel, lengths = features(203, 3), np.array([203, 64, 9])
        frames, found = self.encoder.run(None, {"audio_signal": mel, "length": lengths})
        self.assertEqual(found.tolist(), [26, 8, 2])
        for item, (length, encoded) in enumerate(zip(lengths, found, strict=True)):
            alone = self.model.encode(np.ascontiguousarray(mel[item : item + 1, :, :length]))
            np.testing.assert_allclose(frames[item : item + 1, :, :encoded], alone, atol=F32, rtol=0)

    def test_decoder_and_joint_answer_as_pytorch_and_carry_their_state(self) -> None:
        generator = np.random.default_rng(3)
        frames = generator.standard_normal((2, SMALL.dim, 5), np.float32)
        tokens = [[SMALL.pieces, 3, 4, 200], [SMALL.pieces, 9, 9, 0]]
        h, c = generator.standard_normal((2, LSTM_LAYERS, 2, SMALL.hidden), np.float32) * 0.3
        states = torch.from_numpy(h), torch.from_numpy(c)
        expected, _, *after = self.model.decode(frames, np.array(tokens), states)
        logits, lengths, *found = self.decode(frames, tokens, h, c)
        self.assertEqual(logits.shape, (2, 5, 4, SMALL.pieces + 1 + DURATIONS))
        self.assertEqual(lengths.tolist(), [4, 4])
        np.testing.assert_allclose(logits, expected, atol=F32, rtol=0)
        for number in range(4):
            one, _, h, c = self.decode(frames[:, :, :1], [[row[number]] for row in tokens], h, c)
            np.testing.assert_allclose(one[:, 0, 0], expected[:, 0, number], atol=F32, rtol=0)
        for state, array, carried in zip(after, found, (h, c), strict=True):
            self.assertEqual(array.shape, (LSTM_LAYERS, 2, SMALL.hidden))
            np.testing.assert_allclose(array, state, atol=F32, rtol=0)
            np.testing.assert_allclose(carried, state, atol=F32, rtol=0)

    def test_files_names_types_and_shapes_are_those_of_onnx_asr(self) -> None:
        self.assertEqual(set(hashes(self.work / "onnx-asr")), set(FILES["onnx-asr"].split()))
        dim, hidden, classes = SMALL.dim, SMALL.hidden, SMALL.classes
        inputs = [f"encoder_outputs float [B, {dim}, T]", "targets int32 [B, U]", "target_length int32 [B]"]
        inputs += [f"input_states_{n} float [2, B, {hidden}]" for n in (1, 2)]
        outputs = [f"outputs float [B, T, U, {classes}]", "prednet_lengths int32 [B]"]
        outputs += [f"output_states_{n} float [2, B, {hidden}]" for n in (1, 2)]
        for folder in ("onnx-asr", "half"):
            found = session(self.work / folder / "encoder-model.onnx")
            self.assertEqual(ports(found.get_inputs()), ["audio_signal float [B, 128, T]", "length int64 [B]"])
            expected = [f"outputs float [B, {dim}, T_enc]", "encoded_lengths int64 [B]"]
            self.assertEqual(ports(found.get_outputs()), expected)
            found = session(self.work / folder / "decoder_joint-model.onnx")
            self.assertEqual((ports(found.get_inputs()), ports(found.get_outputs())), (inputs, outputs))
        config = {"model_type": "nemo-conformer-tdt", "features_size": 128, "subsampling_factor": 8}
        self.assertEqual(read(self.work / "onnx-asr" / "config.json"), config | {"max_tokens_per_step": 10})
        listed = [line.split(" ") for line in (self.work / "onnx-asr" / "vocab.txt").read_text("utf-8").splitlines()]
        self.assertEqual([number for _, number in listed], [str(n) for n in range(SMALL.pieces + 1)])
        self.assertEqual(len({piece for piece, _ in listed}), SMALL.pieces + 1)
        self.assertEqual(listed[-1], ["<blk>", str(SMALL.pieces)])

    def test_the_contract_says_what_its_files_are_and_they_answer_as_the_other_layout(self) -> None:
        folder = self.work / "contract"
        contract = read(folder / "contract.json")
        self.assertEqual(set(hashes(folder)), set(FILES["contract"].split()))
        self.assertEqual(contract["front_end"]["normalization"], "per_feature")
        self.assertTrue(contract["encoder"]["length_masks"])
        self.assertEqual((contract["weights"], contract["arithmetic"]), ("f32", "f32"))
        self.assertFalse([name for name, spec in contract["graphs"].items() if "data" in spec])
        types = {"f32": "float", "i64": "int64"}
        for spec in (*contract["graphs"].values(), contract["vocabulary"]):
            self.assertEqual(hashes(folder)[spec["file"]], spec["sha256"])
        sessions = {name: session(folder / spec["file"]) for name, spec in contract["graphs"].items()}
        for name, spec in contract["graphs"].items():
            for side, values in ("inputs", sessions[name].get_inputs()), ("outputs", sessions[name].get_outputs()):
                listed = [f"{port['name']} {types[port['dtype']]} {port['shape']}" for port in spec[side]]
                self.assertEqual(ports(values), [text.replace("'", "") for text in listed])
        feed = {"audio_signal": features(77), "length": np.array([77])}
        frames = sessions["encoder"].run(["encoder_output"], feed)[0]
        np.testing.assert_array_equal(frames, self.encoder.run(["outputs"], feed)[0])
        zero = np.zeros((LSTM_LAYERS, 1, SMALL.hidden), np.float32)
        g, h, c = sessions["predictor"].run(None, {"y": np.array([[SMALL.pieces, 7]]), "h": zero, "c": zero})
        logits = sessions["joint"].run(None, {"encoder_output": frames, "predictor_output": g})[0]
        expected, _, *states = self.decode(frames, [[SMALL.pieces, 7]], zero, zero)
        for found, array in zip((logits, h, c), (expected, *states), strict=True):
            np.testing.assert_allclose(found, array, atol=1e-6, rtol=0)

    def test_half_precision_is_typed_f16_and_stays_within_its_bounds(self) -> None:
        for file in ("encoder-model.onnx", "decoder_joint-model.onnx"):
            onnx.checker.check_model(str(self.work / "half" / file), full_check=True)
            graph = onnx.load(self.work / "half" / file).graph
            for tensor in graph.initializer:
                kept = "norm_" in tensor.name or tensor.name.endswith("_f32")
                allowed = (TensorProto.FLOAT if kept else TensorProto.FLOAT16, TensorProto.INT64)
                self.assertIn(tensor.data_type, allowed, tensor.name)
        feed = {"audio_signal": features(201), "length": np.array([201])}
        expected = self.model.encode(feed["audio_signal"])[0]
        path = self.work / "half" / "encoder-model.onnx"
        # ONNX Runtime may keep f32 between two nodes; the evaluator rounds after each.
        for runner in (session(path), ReferenceEvaluator(str(path))):
            found = runner.run(None, feed)[0][0]
            self.assertEqual(found.dtype, np.float32)
            self.assertLess(np.sqrt(np.square(found - expected).mean() / np.square(expected).mean()), F16_RMS)
            lengths = np.linalg.norm(found, axis=0) * np.linalg.norm(expected, axis=0)
            self.assertGreater(((found * expected).sum(0) / lengths).min(), F16_COSINE)
        # Of this test alone: the others go on with the class's.
        self.decoder = session(self.work / "half" / "decoder_joint-model.onnx")
        zero = np.zeros((LSTM_LAYERS, 1, SMALL.hidden), np.float32)
        logits = self.decode(expected[None], [[SMALL.pieces, 5]], zero, zero)[0]
        exact = self.model.decode(expected[None], np.array([[SMALL.pieces, 5]]), (torch.from_numpy(zero),) * 2)[0]
        np.testing.assert_allclose(logits, exact, atol=F16_LOGITS, rtol=0)

    def test_the_same_seed_makes_the_same_files_and_another_one_others(self) -> None:
        first = hashes(self.work / "half")
        self.assertEqual(hashes(write(self.work / "again", precision="fp16")), first)
        other = hashes(write(self.work / "other", precision="fp16", seed=SEED + 1))
        self.assertEqual({name for name in first if first[name] == other[name]}, {"vocab.txt", "config.json"})

    def test_greedy_decoding_ends_and_chooses_blanks_and_tokens(self) -> None:
        frames = self.encoder.run(["outputs"], {"audio_signal": features(800), "length": np.array([800])})[0]
        h = c = np.zeros((LSTM_LAYERS, 1, SMALL.hidden), np.float32)
        token, frame, on_frame, chosen = SMALL.pieces, 0, 0, []
        while frame < frames.shape[2]:
            logits, _, h_next, c_next = self.decode(frames[:, :, frame : frame + 1], [[token]], h, c)
            best, duration = logits[0, 0, 0, :-DURATIONS].argmax(), int(logits[0, 0, 0, -DURATIONS:].argmax())
            chosen.append(int(best))
            if best == SMALL.pieces:
                duration = max(duration, 1)
            else:
                token, h, c, on_frame = int(best), h_next, c_next, on_frame + 1
                duration = max(duration, on_frame // MAX_SYMBOLS)
            frame, on_frame = frame + duration, 0 if duration else on_frame
            self.assertLess(len(chosen), 11 * frames.shape[2])
        self.assertIn(SMALL.pieces, chosen)
        self.assertGreater(len(set(chosen)), 3)


class FileTest(unittest.TestCase):
    """External data and what is refused."""

    def setUp(self) -> None:
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_weights_are_split_below_the_limit_and_load_again(self) -> None:
        def small(path: Path) -> ExternalData:
            return ExternalData(path, limit=1 << 20)

        with mock.patch("parakeet_contract.ExternalData", small):
            write(self.work)
        parts = sorted(self.work.glob("encoder-model.onnx.data*"))
        self.assertEqual([path.suffix for path in parts], [".data", ".data_1", ".data_2", ".data_3", ".data_4"])
        for path in parts:
            self.assertLessEqual(path.stat().st_size, 1 << 20)
        for tensor in onnx.load(self.work / "encoder-model.onnx", load_external_data=False).graph.initializer:
            entry = {pair.key: pair.value for pair in tensor.external_data}
            self.assertEqual(int(entry.get("offset", 0)) % ALIGNMENT, 0)
        feed = {"audio_signal": features(50), "length": np.array([50])}
        found, expected = (
            session(parts[0].with_suffix("")).run(None, feed)[0],
            small_model().encode(feed["audio_signal"]),
        )
        np.testing.assert_allclose(found, expected, atol=F32, rtol=0)
        # A model with fewer files leaves none of these behind.
        write(self.work)
        self.assertEqual(set(hashes(self.work)), set(FILES["onnx-asr"].split()))

    def test_a_contract_names_files_of_weights_with_their_hashes(self) -> None:
        def small(path: Path) -> ExternalData:
            return ExternalData(path, limit=1 << 20)

        options = ["--size", "small", "--layout", "contract", "--precision", "fp16", "--external-over", "1000"]
        with mock.patch("parakeet_contract.ExternalData", small), mock.patch("builtins.print"):
            with mock.patch("sys.argv", ["random_parakeet.py", str(self.work), *options]):
                random_parakeet.main()
        contract = read(self.work / "contract.json")
        self.assertEqual((contract["weights"], contract["arithmetic"]), ("f16", "f16"))
        data = contract["graphs"]["encoder"]["data"]
        self.assertEqual([entry["file"] for entry in data], [f"encoder.onnx.data{n}" for n in ("", "_1", "_2")])
        self.assertEqual({entry["file"]: entry["sha256"] for entry in data}.items() - hashes(self.work).items(), set())
        self.assertEqual(set(hashes(self.work)), {*FILES["contract"].split(), *(entry["file"] for entry in data)})
        self.assertFalse([name for name in ("predictor", "joint") if "data" in contract["graphs"][name]])
        feed = {"audio_signal": features(50), "length": np.array([50])}
        self.assertEqual(session(self.work / "encoder.onnx").run(None, feed)[0].shape, (1, SMALL.dim, 7))

    def test_an_output_that_is_a_file_and_a_negative_seed_are_refused(self) -> None:
        file = self.work / "file"
        file.write_text("")
        for arguments, message in (
            ([str(file), "--size", "small"], f"error: {file}: expected to write there, found: File exists"),
            ([str(self.work), "--seed", "-1"], "error: --seed: expected 0 or more, found -1"),
        ):
            with mock.patch("sys.argv", ["random_parakeet.py", *arguments]), mock.patch("builtins.print"):
                with self.assertRaises(SystemExit) as raised:
                    random_parakeet.main()
            self.assertEqual(raised.exception.code, message)


if __name__ == "__main__":
    unittest.main()
