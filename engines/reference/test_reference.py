"""Tests of the reference: `python -m unittest discover -s engines/reference`."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import run
import torch
import weights
from embedded import EmbeddedModel, load_contract
from errors import InputError
from model import POSITIONS, Encoder
from onnx import numpy_helper
from trace_file import signs, sketch, sketch_distance
from words import Vocabulary, words

import features
from decode import follow, greedy, path_of

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
MODEL = ROOT / "assets" / "model"

# onnx-asr's own tests use the same against NeMo.
FEATURES_ABSOLUTE, FEATURES_RELATIVE = 5e-4, 1e-4
# The golden decodes were made before some tables were rounded to f16.
LOGITS = 2e-3


def data(name: str) -> Any:
    """A file of tests/data."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def lcg(samples: int) -> np.ndarray:
    """The signal that the feature vectors were made from."""
    state, out = 12345, np.empty(samples, np.float32)
    for n in range(samples):
        state = (state * 1664525 + 1013904223) % 2**32
        out[n] = ((state >> 8) / 8388608.0 - 1.0) * (((n // 800) % 8 + 1) / 64.0)
    return out


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The f32 tensors of a file: its header is JSON after eight bytes of length."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    entries = {name: entry for name, entry in json.loads(raw[8:start]).items() if name != "__metadata__"}
    return {
        name: np.frombuffer(raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], np.float32)
        .reshape(entry["shape"])
        .copy()
        for name, entry in entries.items()
    }


def parakeet() -> dict[str, Any]:
    """The front-end of the feature vectors."""
    contract = load_contract(MODEL)
    contract["front_end"] |= {"mel_bins": 128, "normalization": "per_feature"}
    return contract


class Scripted:
    """A model whose joint says what a script says at (frame, tokens so far); the state counts the tokens."""

    def __init__(self, script: dict[tuple[int, int], tuple[int, int]], blank: int, max_symbols: int) -> None:
        vocabulary = {"blank": blank, "size": blank}
        self.contract: dict[str, Any] = {
            "vocabulary": vocabulary,
            "durations": [0, 1, 2, 3, 4],
            "max_symbols": max_symbols,
        }
        self.script = script
        self.calls: list[list[int]] = []

    def predict(self, token: int, state: int | None) -> tuple[np.ndarray, int]:
        """The number of tokens so far."""
        count = 0 if state is None else state + 1
        return np.array([count], np.float32), count

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """1 for what the script chooses, 0 for the rest."""
        at = int(frame[0]), int(prediction[0])
        token, duration = self.script[at]
        self.calls.append([*at, token, duration])
        blank = self.contract["vocabulary"]["blank"]
        logits = np.zeros(blank + 6, np.float32)
        logits[[token, blank + 1 + duration]] = 1.0
        return logits


class DecodeTest(unittest.TestCase):
    """The loop against NeMo's label looping on scripted joints."""

    def test_the_loop_makes_the_calls_and_tokens_of_label_looping(self) -> None:
        for name, case in data("tdt_scripted.json").items():
            expected = case["label_looping"]
            script = {(t, u): (token, duration) for t, u, token, duration in expected["joint_calls"]}
            model = Scripted(script, case["blank"], case["max_symbols"])
            frames = np.arange(case["T"], dtype=np.float32)[:, None]
            decisions = greedy(model, frames)
            tokens = [d for d in decisions if not d.is_blank]
            with self.subTest(name):
                self.assertEqual(model.calls, expected["joint_calls"])
                self.assertEqual([d.token for d in tokens], expected["tokens"])
                self.assertEqual([d.frame for d in tokens], expected["frames"])
                self.assertEqual([d.duration for d in tokens], expected["durations"])
                end = decisions[-1].frame + decisions[-1].advance
                self.assertEqual(end - case["T"], expected["time_jumps"][-1])
                predictions, logits = follow(model, frames, path_of(decisions))
                self.assertEqual(predictions[:, 0].tolist(), list(range(len(tokens) + 1)))
                self.assertEqual(len(logits), len(decisions))

    def test_ties_go_to_the_lowest_index_and_a_step_limit_holds(self) -> None:
        model = Scripted({(t, u): (1, 0) for t in range(3) for u in range(31)}, 4, 10)
        decisions = greedy(model, np.arange(3, dtype=np.float32)[:, None], top_k=4, max_steps=12)
        self.assertEqual(len(decisions), 12)
        self.assertEqual([i for i, _ in decisions[0].token_top], [1, 0, 2, 3])
        self.assertEqual([d.step for d in decisions if d.forced], [9])
        self.assertAlmostEqual(decisions[0].token_lse, np.log(np.e + 4.0), places=6)


class SketchTest(unittest.TestCase):
    """Sketches are the same in every program that writes traces."""

    def test_the_fixed_values_are_found(self) -> None:
        for case in data("sketch.json")["cases"]:
            n = case["values"]
            x = np.array([((i * 7919) % 1000) / 1000 - 0.5 for i in range(n)], np.float32)
            found = sketch(x)
            with self.subTest(n):
                np.testing.assert_allclose(found["norm"], case["norm"], rtol=1e-6)
                np.testing.assert_allclose(found["projections"], case["projections"], rtol=1e-6, atol=1e-6)

    def test_the_signs_follow_the_hash(self) -> None:
        for i in (0, 1, 319, 70000):
            h = (i * 0x9E3779B1 + 0x7F4A7C15) % 2**32
            h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
            h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
            h ^= h >> 16
            self.assertEqual(signs(70001)[:, i].tolist(), [-1.0 if h >> k & 1 else 1.0 for k in range(8)])

    def test_distances_are_estimated_within_a_factor_of_two_and_a_half(self) -> None:
        generator = np.random.default_rng(7)
        base = generator.standard_normal(4000).astype(np.float32)
        ratios = []
        for scale in (1.0, 0.1, 0.01, 0.001) * 10:
            other = (base + scale * generator.standard_normal(4000)).astype(np.float32)
            real = float(np.linalg.norm(base.astype(np.float64) - other))
            ratios.append(sketch_distance(sketch(base), sketch(other)) / real)
        self.assertGreater(min(ratios), 0.4)
        self.assertLess(max(ratios), 2.5)
        self.assertAlmostEqual(float(np.mean(np.square(ratios))), 1.0, delta=0.3)


class FeaturesTest(unittest.TestCase):
    """The front-end against arrays of NeMo's own code."""

    def test_raw_and_normalised_features_are_those_of_nemo(self) -> None:
        for length, case in data("features_nemo.json")["cases"].items():
            for kind, key in (("none", "raw_logmel"), ("per_feature", "norm")):
                contract = parakeet()
                contract["front_end"]["normalization"] = kind
                expected = np.array(case[key])[:, : case["valid"]].T
                found = features.log_mel(lcg(int(length)), contract)
                with self.subTest(samples=length, normalization=kind):
                    np.testing.assert_allclose(found, expected, atol=FEATURES_ABSOLUTE, rtol=FEATURES_RELATIVE)

    def test_less_than_a_frame_is_refused(self) -> None:
        with self.assertRaisesRegex(InputError, "expected at least 160 samples, found 159"):
            features.log_mel(np.zeros(159, np.float32), parakeet())

    @unittest.skipUnless("probe" in load_contract(MODEL), "the model has no probe")
    def test_the_probe_holds_what_this_front_end_and_model_say(self) -> None:
        probe = read_safetensors(MODEL / load_contract(MODEL)["probe"]["file"])
        model = EmbeddedModel(MODEL)
        np.testing.assert_allclose(model.features(lcg(32000)), probe["features"], atol=1e-4)
        encoded = model.encode(probe["features"])
        np.testing.assert_allclose(encoded, probe["encoder"], atol=1e-3)
        start, state = model.predict(model.contract["vocabulary"]["blank"], None)
        np.testing.assert_allclose(np.stack([start, model.predict(5, state)[0]]), probe["prediction"], atol=1e-5)
        joint = np.stack([model.joint(frame, start) for frame in probe["encoder"]])
        np.testing.assert_allclose(joint, probe["joint"], atol=1e-3)


class WeightsTest(unittest.TestCase):
    """Every weight of the graphs finds its place."""

    def test_the_tables_are_what_the_architecture_says(self) -> None:
        state = weights.read(MODEL / "encoder.onnx", "e")
        position = torch.arange(POSITIONS - 1, -POSITIONS, -1.0, dtype=torch.float64)[:, None]
        pairs = state["pe"].shape[1] // 2
        rate = torch.exp(torch.arange(pairs, dtype=torch.float64) * (-np.log(10000.0) / pairs))
        table = torch.stack([torch.sin(position * rate), torch.cos(position * rate)], 2).flatten(1)
        self.assertLess(float((state["pe"] - table).abs().max()), 1e-4)
        blank = load_contract(MODEL)["vocabulary"]["blank"]
        self.assertEqual(float(weights.read(MODEL / "predictor.onnx")["emb.weight"][blank].abs().max()), 0.0)

    def test_a_weight_that_nothing_uses_and_one_that_is_missing_are_named(self) -> None:
        graph = onnx.load(MODEL / "joint.onnx")
        graph.graph.initializer.append(numpy_helper.from_array(np.zeros(300, np.float16), "stray"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "joint.onnx"
            onnx.save(graph, path)
            with self.assertRaisesRegex(InputError, "stray: expected one node that uses it, found none"):
                weights.read(path)
        with self.assertRaisesRegex(InputError, r"expected the weights of Encoder: not found .*band"):
            weights.fill(Encoder(80, 384, 3000), MODEL / "joint.onnx")


def of_decisions(trace: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The decision lines of a trace."""
    return [line for line in trace if line["type"] == "decision"]


class EmbeddedModelTest(unittest.TestCase):
    """The embedded model on the clips."""

    model: EmbeddedModel

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = EmbeddedModel(MODEL)

    def test_every_decision_is_that_of_the_golden_decodes(self) -> None:
        files = sorted((MODEL / "reference").glob("*.jsonl"))
        self.assertEqual(len(files), 12)
        for file in files:
            header, *golden = map(json.loads, file.read_text(encoding="utf-8").splitlines())
            audio = run.load_audio(ROOT / "assets" / "clips" / header["clip"], 16000)
            encoded = self.model.encode(self.model.features(audio))
            decisions = greedy(self.model, encoded)
            with self.subTest(file.stem):
                keys = ("step", "frame", "token", "duration", "advance", "forced")
                found = [tuple(getattr(d, key) for key in keys) for d in decisions]
                self.assertEqual(found, [tuple(line[key] for key in keys) for line in golden])
                for d, line in zip(decisions, golden, strict=True):
                    logits = [*(logit for _, logit in d.token_top), *d.duration_logits, d.token_lse, d.duration_lse]
                    expected = [
                        *line["token_logits"],
                        *line["duration_logits"],
                        line["token_lse"],
                        line["duration_lse"],
                    ]
                    np.testing.assert_allclose(logits, expected, atol=LOGITS, rtol=0)
                text = " ".join(w["text"] for w in words(decisions, Vocabulary(self.model.pieces), len(encoded)))
                self.assertEqual(text, header["text"])

    def decode(self, folder: Path, *arguments: str) -> list[dict[str, Any]]:
        """Runs the command line on the shortest clip, or on what `arguments` say; returns the trace's lines."""
        source = [] if "--features" in arguments else ["--audio", str(ROOT / "assets" / "clips" / "short.flac")]
        trace = folder / "run.jsonl"
        options = run.parse_arguments(["--model", str(MODEL), *source, "--trace", str(trace), *arguments])
        with mock.patch("run.EmbeddedModel", return_value=self.model):
            run.decode(options)
        return [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]

    def test_a_trace_and_its_tensors_hold_what_the_format_says(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tensors = folder / "run.tensors"
            trace = self.decode(folder, "--tensors", str(tensors), "--top-k", "3")
            array = {file.stem: np.load(file) for file in tensors.glob("*.npy")}
        header, start, hop, *rest = trace
        decisions = of_decisions(trace)
        self.assertEqual([line["type"] for line in rest[len(decisions) :]], ["committed", "utterance_end", "end"])
        self.assertEqual((header["type"], header["format"]), ("header", "dictoscope-trace-1"))
        self.assertEqual((header["input"], header["tensors"]["folder"]), ("audio", "run.tensors"))
        self.assertEqual(start, {"type": "utterance_start", "frame": 0})
        self.assertEqual((hop["window"]["end"], hop["features"]["frames"], hop["audio"]["values"]), (30, 235, 37600))
        self.assertEqual(rest[-1], {"type": "end", "hops": 1, "decisions": len(decisions)})
        self.assertEqual([w["text"] for w in rest[-3]["words"]], ["Yes,", "of", "course."])
        self.assertEqual([w["glued"] for w in rest[-3]["words"]], [False] * 3)
        for d in decisions:
            self.assertEqual(len(d["token_top"]), 3)
            self.assertEqual(d["secs"], round(d["frame"] * 0.08, 10))
            self.assertAlmostEqual(
                d["token_probability"], np.exp(d["token_top"][0]["logit"] - d["token_lse"]), places=5
            )
        self.assertEqual(array["path"].tolist(), [[d["frame"], d["token"]] for d in decisions])
        tokens = sum(not d["is_blank"] for d in decisions)
        self.assertEqual(array["predictor"].shape, (1 + tokens, 320))
        self.assertEqual(array["joint"].shape, (len(decisions), 518))
        np.testing.assert_array_equal(array["joint"][:, :513].argmax(1), array["path"][:, 1])
        self.assertEqual({k: v.dtype.str for k, v in array.items() if v.dtype.str != "<f4"}, {"path": "<i4"})
        self.assertEqual(hop["encoder"]["sketch"], sketch(array["encoder"]))

    def test_features_and_a_given_path_are_taken_and_wrong_ones_refused(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            whole = self.decode(folder, "--tensors", str(folder / "a"))
            mel, path = folder / "a" / "features.npy", folder / "path.npy"
            np.save(path, np.array([[0, 512], [3, 7], [3, 512]], np.int32))
            fed = self.decode(folder, "--features", str(mel), "--tensors", str(folder / "b"), "--path", str(path))
            self.assertEqual((fed[0]["input"], fed[0]["tensors"], fed[2]["audio"]), ("features", None, None))
            self.assertEqual(of_decisions(fed), of_decisions(whole))
            np.testing.assert_array_equal(np.load(folder / "b" / "path.npy"), np.load(path))
            self.assertEqual(np.load(folder / "b" / "predictor.npy").shape, (2, 320))
            self.assertFalse((folder / "b" / "audio.npy").exists())

            turned = folder / "turned.npy"
            np.save(turned, np.ascontiguousarray(np.load(mel).T))
            with self.assertRaisesRegex(InputError, r"expected \[mel frames, 80\], found shape \[80, 235\]"):
                self.decode(folder, "--features", str(turned))
            again = self.decode(folder, "--features", str(turned), "--channel-major")
            self.assertEqual(of_decisions(again), of_decisions(whole))

            np.save(path, np.array([[30, 512]], np.int32))
            with self.assertRaisesRegex(InputError, "expected encoder frames 0 to 29, found 30 to 30"):
                self.decode(folder, "--tensors", str(folder / "c"), "--path", str(path))
            np.save(turned, np.zeros((3001, 80), np.float32))
            with self.assertRaisesRegex(InputError, "expected 1 to 3000 mel frames in one window, found 3001"):
                self.decode(folder, "--features", str(turned))


class WordsTest(unittest.TestCase):
    """The text of pieces."""

    def test_text_follows_sentencepiece_and_punctuation_closes_up(self) -> None:
        for pieces, text in (
            (["▁Yes", ",", "▁of", "▁c", "our", "se", "."], "Yes, of course."),
            (["▁a", "▁", ".", "."], "a.."),
            (["▁said", '▁"', "No", '"', "▁(", "so", ")"], 'said "No" (so)'),
            (["<|en|>", "<unk>", "▁a", "<pad>", "b"], "ab"),
            (["▁", "<0xC5>", "<0x82>"], "ł"),
        ):
            self.assertEqual(Vocabulary([*pieces, "<blk>"]).text(list(range(len(pieces)))), text)


if __name__ == "__main__":
    unittest.main()
