#!/usr/bin/env python3
"""Writes tests/data/models: one tiny random transducer in every layout that the program reads, and how it decodes.

usage: engines/tiny_models.py OUT

The same weights (`random_parakeet_weights.py`, seed 7) each time:

onnx-asr       encoder-model.onnx with weights in .data, decoder_joint-model.onnx, vocab.txt, config.json
onnx-asr-int8  the same, quantised by ONNX Runtime: encoder-model.int8.onnx, decoder_joint-model.int8.onnx
sherpa         encoder.onnx with weights in encoder.weights, decoder.onnx, joiner.onnx, tokens.txt, notes in the graph
split          encoder.onnx [batch, time, dim], predictor.onnx, joint.onnx on two axes, model_meta.json, vocab.txt
fused          as onnx-asr, but scores also depend on the last token past the LSTM, so that the two cannot be parted
exported       a folder with contract.json, as export/export.py makes it of a .nemo file, but for the probe, whose last digits differ
               between processors

Beside them expected.json: for each layout the decisions of the reference loop (`reference/decode.py`) with ONNX Runtime running
the graphs as they are. export/setup.sh makes an environment with the packages.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from parakeet_contract import Job, Port, give, state_ports, take, write_encoder
from parakeet_layers import encode, join, predict
from parakeet_sizes import MAX_SYMBOLS, Sizes
from random_parakeet_layouts import NAMES, SIZES, random_job, write_onnx_asr, write_vocabulary

for part in ("export", "training", "reference"):
    sys.path.append(str(Path(__file__).parent / part))
import made_nemo  # noqa: E402
from decode import greedy  # noqa: E402
from sources import Nemo  # noqa: E402

TINY = Sizes(layers=1, dim=16, heads=2, feed_forward=32, channels=4, positions=64, pieces=30, hidden=12, joint=12)
SEED, MEL_FRAMES = 7, 333
SIZES["tiny"], NAMES["tiny"] = TINY, "tiny transducer"


def features() -> np.ndarray:
    """Noise of a linear congruential generator, exact in f32, [MEL_FRAMES, mel]."""
    state, out = 12345, np.empty(MEL_FRAMES * TINY.mel_bins, np.float32)
    for n in range(len(out)):
        state = (state * 1664525 + 1013904223) % 2**32
        out[n] = ((state >> 8) / 8388608.0 - 1.0) * 1.75
    return out.reshape(MEL_FRAMES, TINY.mel_bins)


def write_int8(job: Job) -> None:
    """The layout of onnx-asr with 8-bit products."""
    write_onnx_asr(job)
    for stem in ("encoder-model", "decoder_joint-model"):
        plain = job.folder / f"{stem}.onnx"
        quantize_dynamic(plain, job.folder / f"{stem}.int8.onnx", weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "LSTM"])
        for path in job.folder.glob(f"{stem}.onnx*"):
            path.unlink()


def write_sherpa(job: Job) -> None:
    """Encoder, decoder, joiner; names of states are whatever the exporter had."""
    sizes = job.sizes
    write_encoder(job, "encoder.onnx", "outputs", external=True)
    rename_weights(job.folder)
    graph = job.graph("decoder.onnx")
    inputs = [
        Port("token", "targets", "i32", ("B", 1), ""),
        Port("length", "target_length", "i32", ("B",), ""),
        *state_ports(sizes, ("h", "states.1"), ("c", "onnx::Slice_3")),
    ]
    prediction = Port("prediction", "outputs", "f32", ("B", sizes.hidden, 1), "")
    outputs = [
        prediction,
        Port("length", "prednet_lengths", "i32", ("B",), ""),
        *state_ports(sizes, ("h", "states"), ("c", "162")),
    ]
    tokens, lengths, *states = take(graph, inputs)
    predictions, *states = predict(graph, tokens, *states)
    give(graph, outputs, [graph.op("Transpose", "", predictions, perm=[0, 2, 1]), lengths, *states])
    job.save(graph, "decoder.onnx")

    graph = job.graph("joiner.onnx")
    inputs = [
        Port("frame", "encoder_outputs", "f32", ("B", sizes.dim, 1), ""),
        Port("prediction", "decoder_outputs", "f32", ("B", sizes.hidden, 1), ""),
    ]
    frames, predictions = take(graph, inputs)
    logits = join(graph, frames, graph.op("Transpose", "", predictions, perm=[0, 2, 1]))
    give(graph, [Port("logits", "outputs", "f32", ("B", 1, 1, sizes.classes), "")], [logits])
    job.save(graph, "joiner.onnx")
    write_vocabulary(job)
    (job.folder / "vocab.txt").rename(job.folder / "tokens.txt")


def rename_weights(folder: Path) -> None:
    """The encoder's weights as sherpa-onnx calls them, and its notes."""
    import onnx

    path = folder / "encoder.onnx"
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "encoder.weights"
    notes = {
        "vocab_size": TINY.pieces,
        "normalize_type": "per_feature",
        "pred_rnn_layers": TINY.lstm_layers,
        "pred_hidden": TINY.hidden,
        "subsampling_factor": 8,
        "model_type": "EncDecRNNTBPEModel",
        "feat_dim": TINY.mel_bins,
    }
    for key, value in notes.items():
        model.metadata_props.add(key=key, value=str(value))
    path.write_bytes(model.SerializeToString(deterministic=True))
    (folder / "encoder.onnx.data").rename(folder / "encoder.weights")


def write_split(job: Job) -> None:
    """Three graphs with other axes: frames time first, joint on [batch, values]."""
    sizes = job.sizes
    graph = job.graph("encoder.onnx", "encoder.")
    inputs = [Port("", "audio_signal", "f32", ("B", TINY.mel_bins, "T"), ""), Port("", "length", "i64", ("B",), "")]
    frames, lengths = encode(graph, *take(graph, inputs), lambda _: None)
    outputs = [
        Port("", "encoder_output", "f32", ("B", "T_enc", sizes.dim), ""),
        Port("", "encoded_lengths", "i64", ("B",), ""),
    ]
    give(graph, outputs, [graph.op("Transpose", "", frames, perm=[0, 2, 1]), lengths])
    job.save(graph, "encoder.onnx")

    graph = job.graph("predictor.onnx")
    inputs = [Port("", "y", "i64", ("B", "U"), ""), *state_ports(sizes, ("h", "h"), ("c", "c"))]
    outputs = [
        Port("", "g", "f32", ("B", "U", sizes.hidden), ""),
        *state_ports(sizes, ("h", "h_out"), ("c", "c_out")),
    ]
    predictions, *states = predict(graph, *take(graph, inputs))
    give(graph, outputs, [predictions, *states])
    job.save(graph, "predictor.onnx")

    graph = job.graph("joint.onnx")
    # The prediction first: sizes must tell them apart.
    inputs = [
        Port("", "predictor_output", "f32", ("B", sizes.hidden), ""),
        Port("", "encoder_output", "f32", ("B", sizes.dim), ""),
    ]
    prediction, frame = take(graph, inputs)
    frames = graph.op("Unsqueeze", "", frame, graph.ints(2))
    logits = join(graph, frames, graph.op("Unsqueeze", "", prediction, graph.ints(1)))
    logits = graph.op("Reshape", "", logits, graph.ints(-1, sizes.classes))
    give(graph, [Port("", "joint_output", "f32", ("B", sizes.classes), "")], [logits])
    job.save(graph, "joint.onnx")
    write_vocabulary(job)
    # As the split export has it: pieces alone, no blank.
    path = job.folder / "vocab.txt"
    pieces = [line.rsplit(" ", 1)[0] for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(f"{piece}\n" for piece in pieces[:-1]), encoding="utf-8")
    meta = {
        "sample_rate": 16000,
        "blank_id": sizes.pieces,
        "tokenizer_vocab_size": sizes.pieces,
        "duration_values": list(TINY.durations),
        "features": {"type": "log-mel", "n_fft": 512, "n_mels": TINY.mel_bins, "hop_length": 160},
    }
    (job.folder / "model_meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def write_fused(job: Job) -> None:
    """The layout of onnx-asr with a path from the token to the scores that goes around the LSTM."""
    write_onnx_asr(job)
    sizes = job.sizes
    graph = job.graph("decoder_joint-model.onnx")
    inputs = [
        Port("", "encoder_outputs", "f32", ("B", sizes.dim, "T"), ""),
        Port("", "targets", "i32", ("B", "U"), ""),
        Port("", "target_length", "i32", ("B",), ""),
        *state_ports(sizes, ("h", "input_states_1"), ("c", "input_states_2")),
    ]
    outputs = [
        Port("", "outputs", "f32", ("B", "T", "U", sizes.classes), ""),
        Port("", "prednet_lengths", "i32", ("B",), ""),
        *state_ports(sizes, ("h", "output_states_1"), ("c", "output_states_2")),
    ]
    frames, tokens, lengths, *states = take(graph, inputs)
    predictions, *states = predict(graph, tokens, *states)
    table = np.random.default_rng(SEED).standard_normal((sizes.pieces + 1, sizes.classes), np.float32)
    bigrams = graph.op("Gather", "bigrams", graph.tensor("bigrams.weight", table), tokens, axis=0)
    bigrams = graph.op("Unsqueeze", "bigrams", bigrams, graph.ints(1))
    logits = graph.op("Add", "bigrams", join(graph, frames, predictions), bigrams)
    give(graph, outputs, [logits, lengths, *states])
    job.save(graph, "decoder_joint-model.onnx")


def write_exported(job: Job) -> None:
    """What becomes of a `.nemo` file with these weights."""
    for stale in job.folder.iterdir():
        stale.unlink()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "tiny.nemo"
        made_nemo.write(path, made_nemo.config(TINY), made_nemo.state(TINY, SEED), TINY.pieces)
        Nemo(path, Path(name), None).write(job.folder, "fp16", single=False)


LAYOUTS: dict[str, Callable[[Job], None]] = {
    "onnx-asr": write_onnx_asr,
    "onnx-asr-int8": write_int8,
    "sherpa": write_sherpa,
    "split": write_split,
    "fused": write_fused,
    "exported": write_exported,
}


class Runner:
    """A layout's graphs as they are, behind what the reference loop calls. States are pairs of [layers, 1, hidden]."""

    contract = {
        "vocabulary": {"blank": TINY.pieces},
        "durations": list(TINY.durations),
        "max_symbols": MAX_SYMBOLS,
    }

    def __init__(self, folder: Path) -> None:
        def session(stem: str) -> onnxruntime.InferenceSession | None:
            found = sorted(folder.glob(f"{stem}*.onnx"))
            return onnxruntime.InferenceSession(str(found[0]), providers=["CPUExecutionProvider"]) if found else None

        self.encoder, self.fused = session("encoder"), session("decoder_joint")
        self.predictor = None if self.fused else session("decoder") or session("predictor")
        self.joiner = None if self.fused else session("joiner") or session("joint")

    @staticmethod
    def run(session: Any, *values: np.ndarray) -> list[np.ndarray]:
        """A graph on its inputs by position."""
        return list(session.run(None, dict(zip([i.name for i in session.get_inputs()], values, strict=True))))

    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel] to [encoder_frames, dim]."""
        frames, lengths = self.run(self.encoder, np.ascontiguousarray(mel.T)[None], np.array([len(mel)]))
        assert lengths[0] == -(-len(mel) // 8)
        first = frames[0] if frames.shape[2] == TINY.dim else frames[0].T
        return np.ascontiguousarray(first)

    def predict(self, token: int, state: Any | None) -> tuple[Any, Any]:
        """A fused graph's prediction is what the graph will be fed: token and state before."""
        zero = np.zeros((TINY.lstm_layers, 1, TINY.hidden), np.float32)
        h, c = state or (zero, zero)
        if self.fused:
            prediction = (token, h, c)
            frame = np.zeros((1, TINY.dim, 1), np.float32)
            return prediction, tuple(self.run_fused(frame, prediction)[2:])
        kind = np.int64 if "int64" in self.predictor.get_inputs()[0].type else np.int32
        length = [np.array([1], kind)] if len(self.predictor.get_inputs()) == 4 else []
        found = self.run(self.predictor, np.array([[token]], kind), *length, h, c)
        return found[0], (found[-2], found[-1])

    def run_fused(self, frame: np.ndarray, prediction: Any) -> list[np.ndarray]:
        """Logits, lengths and states of a graph with both."""
        token, h, c = prediction
        return self.run(self.fused, frame, np.array([[token]], np.int32), np.array([1], np.int32), h, c)

    def joint(self, frame: np.ndarray, prediction: Any) -> np.ndarray:
        """[dim] to [classes]."""
        if self.fused:
            return self.run_fused(frame[None, :, None], prediction)[0].reshape(-1)
        feed = [frame if value.name.startswith("encoder") else prediction for value in self.joiner.get_inputs()]
        # With an axis of time or tokens, or without.
        ranks = [len(value.shape) for value in self.joiner.get_inputs()]
        feed = [array.reshape((1, -1, 1)[:rank]) for array, rank in zip(feed, ranks, strict=True)]
        return self.run(self.joiner, *feed)[0].reshape(-1)


def main(out: Path) -> None:
    """Everything."""
    expected: dict[str, Any] = {}
    mel = features()
    for name, write in LAYOUTS.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        write(random_job(folder, "tiny", "fp32", SEED))
        runner = Runner(folder)
        decisions = greedy(runner, runner.encode(mel))
        expected[name] = {
            "frames": [d.frame for d in decisions],
            "tokens": [d.token for d in decisions],
            "durations": [d.duration for d in decisions],
            "least_margin": min(min(d.token_margin, d.duration_margin) for d in decisions),
        }
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(what)}" for name, what in expected.items())
    (out / "expected.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
