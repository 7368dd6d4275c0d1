#!/usr/bin/env python3
"""Exports a checkpoint as a model folder: three ONNX graphs, the vocabulary, the tokenizer and contract.json.

Weights are stored as f16 (or f32, with --precision fp32) and computed with as f32; batch normalisation becomes part of
the convolution before it. Then ONNX Runtime runs every graph and must answer as PyTorch does, or the export fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import checkpoint
import errors
import numpy as np
import onnx
import onnxruntime
import shards
import torch
from errors import InputError
from model import TdtModel
from store16 import split_shared, store16
from torch import Tensor, nn
from vocabulary import write_vocabulary

ENGINES = Path(__file__).resolve().parent.parent
TOKENIZER = ENGINES.parent / "assets" / "model" / "tokenizer.model"
OPSET = 17
# Mel frames of an encoder frame.
SUBSAMPLING = 8
# Lengths in mel frames for which the encoder is checked; the last is the longest that the program gives.
CHECKED = (40, 333, 1201, 3000)
# Largest difference between ONNX Runtime and PyTorch, as a share of the output's root mean square. Folded convolutions
# rounded to f16 made 5e-4 with random weights; everything else is of the order of 1e-6.
TOLERANCE = 2e-3
SEED = 1
# What contracts call a precision of stored weights.
STORED = {"fp16": "f16", "fp32": "f32"}


class WithLengths(nn.Module):
    """The encoder with the lengths that its interface asks for. `e` becomes the outermost scope in the graph."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.e = encoder

    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Nothing is masked by `length`: a call has one unpadded utterance."""
        return self.e(audio_signal)[0], (length + (SUBSAMPLING - 1)) // SUBSAMPLING


def features(frames: int, mel_bins: int, generator: torch.Generator) -> Tensor:
    """Random features with about the mean and spread of real ones, [1, mel_bins, frames]."""
    return torch.randn(1, mel_bins, frames, generator=generator) * 4.0 - 11.0


def write_graph(
    module: nn.Module, inputs: tuple[Tensor, ...], path: Path, axes: dict[str, dict[int, str]], outputs: int, half: bool
) -> None:
    """One graph; `axes` names its tensors in order, inputs first, each with its dynamic axes."""
    names = list(axes)
    with warnings.catch_warnings():
        # The exporter over TorchScript is deprecated; its node names tell the module of each weight, which the
        # reference goes by, and the tracer's warnings are about shapes that the check below runs through.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=names[: len(inputs)],
            output_names=names[len(inputs) :],
            dynamic_axes={name: named for name, named in axes.items() if named},
            opset_version=OPSET,
            dynamo=False,
        )
    assert len(names) == len(inputs) + outputs
    proto = onnx.load(path)
    split_shared(proto.graph)
    if half:
        store16(proto.graph)
    onnx.save(proto, path)


def write_graphs(model: TdtModel, folder: Path, half: bool) -> None:
    """encoder.onnx, predictor.onnx and joint.onnx; large weights stored as f16 if `half`."""
    sizes, generator = model.sizes, torch.Generator().manual_seed(SEED)
    mel = features(333, len(model.enc.band), generator)
    write_graph(
        WithLengths(model.enc),
        (mel, torch.tensor([333])),
        folder / "encoder.onnx",
        {
            "audio_signal": {0: "B", 2: "T"},
            "length": {0: "B"},
            "encoder_output": {0: "B", 2: "T_enc"},
            "encoded_lengths": {0: "B"},
        },
        outputs=2,
        half=half,
    )
    state, batch = torch.zeros(1, 1, sizes.hidden), {1: "B"}
    write_graph(
        model.pred,
        (torch.tensor([[sizes.pieces]]), state, state.clone()),
        folder / "predictor.onnx",
        {"y": {0: "B", 1: "U"}, "h": batch, "c": batch, "g": {0: "B", 2: "U"}, "h_out": batch, "c_out": batch},
        outputs=3,
        half=half,
    )
    write_graph(
        model.joint,
        (torch.zeros(1, sizes.dim, 3), torch.zeros(1, sizes.hidden, 1)),
        folder / "joint.onnx",
        {
            "encoder_output": {0: "B", 2: "T"},
            "predictor_output": {0: "B", 2: "U"},
            "joint_output": {0: "B", 1: "T", 2: "U"},
        },
        outputs=1,
        half=half,
    )


def difference(expected: Tensor, found: np.ndarray) -> float:
    """The largest difference as a share of the root mean square of `expected`."""
    reference = expected.numpy()
    if reference.shape != found.shape:
        raise InputError(f"ONNX Runtime: expected an output of shape {reference.shape}, found {found.shape}")
    return float(np.abs(reference - found).max() / np.sqrt(np.square(reference).mean()))


def check(model: TdtModel, folder: Path) -> dict[str, float]:
    """What ONNX Runtime answers against PyTorch: the difference of each case. Fails if one is over the tolerance."""
    session = {
        name: onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        for name in ("encoder", "predictor", "joint")
    }
    sizes, generator = model.sizes, torch.Generator().manual_seed(SEED)
    found: dict[str, float] = {}
    with torch.inference_mode():
        frames = torch.empty(0)
        for length in (n for n in CHECKED if n <= longest(model)):
            mel = features(length, len(model.enc.band), generator)
            frames, _ = model.enc(mel)
            feed = {"audio_signal": mel.numpy(), "length": np.array([length])}
            output, lengths = session["encoder"].run(None, feed)
            found[f"encoder, {length} mel frames"] = difference(frames, output)
            if lengths.tolist() != [frames.shape[2]]:
                raise InputError(f"encoder.onnx: encoded_lengths: expected {frames.shape[2]}, found {lengths}")
        h = c = torch.zeros(1, 1, sizes.hidden)
        # Blank, which starts an utterance, and then some pieces.
        tokens = torch.tensor([[sizes.pieces, *range(0, sizes.pieces, max(1, sizes.pieces // 20))]])
        predictions, h_next, c_next = model.pred(tokens, h, c)
        feed = {"y": tokens.numpy(), "h": h.numpy(), "c": c.numpy()}
        for name, expected, output in zip(
            ("predictor", "predictor's h", "predictor's c"),
            (predictions, h_next, c_next),
            session["predictor"].run(None, feed),
            strict=True,
        ):
            found[name] = difference(expected, output)
        feed = {"encoder_output": frames.numpy(), "predictor_output": predictions.numpy()}
        found["joint"] = difference(model.joint(frames, predictions), session["joint"].run(None, feed)[0])
    worst = max(found, key=lambda case: found[case])
    if not found[worst] <= TOLERANCE:
        raise InputError(f"{folder}: {worst}: expected ONNX Runtime within {TOLERANCE}, found {found[worst]:.2e}")
    return found


def longest(model: TdtModel) -> int:
    """Mel frames that the tables of positions have room for."""
    return min(2 * model.sizes.acoustic_positions, SUBSAMPLING * model.sizes.positions)


def default_name(folder: Path, about: dict[str, Any]) -> str:
    """A name that tells which checkpoint it was: training step and the beginning of the weights' hash."""
    step = f"{about['step']}-" if "step" in about else ""
    return f"dictoscope-embedded {step}{shards.sha256(folder / checkpoint.WEIGHTS)[:8]}"


def export(source: Path, folder: Path, name: str | None, tokenizer: Path, precision: str = "fp16") -> None:
    """The whole export; prints what was measured."""
    about, model = checkpoint.about(source), checkpoint.load(source)
    expected = about.get("tokenizer_sha256")
    if tokenizer.is_file() and expected not in (None, found := shards.sha256(tokenizer)):
        raise InputError(f"{tokenizer}: expected the tokenizer of the training, SHA-256 {expected}, found {found}")
    name = name or default_name(source, about)
    folder.mkdir(parents=True, exist_ok=True)
    write_graphs(model, folder, precision == "fp16")
    sizes = model.sizes
    write_vocabulary(tokenizer, sizes.pieces, folder)
    for case, value in check(model, folder).items():
        print(f"export: {case}: ONNX Runtime differs from PyTorch by {value:.1e} of the output's root mean square")
    numbers = {
        "--dim": sizes.dim,
        "--hidden": sizes.hidden,
        "--pieces": sizes.pieces,
        "--durations": sizes.durations,
        "--max-mel-frames": longest(model),
        "--weights": STORED[precision],
    }
    arguments = [str(part) for pair in numbers.items() for part in pair]
    subprocess.run([sys.executable, str(ENGINES / "contract.py"), str(folder), name, *arguments], check=True)
    print(f"export: {name} in {folder}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of weights.safetensors and checkpoint.json")
    parser.add_argument("out", type=Path, help="folder for the model")
    parser.add_argument("--name", help="name in the contract (default: from the checkpoint's step and hash)")
    parser.add_argument("--tokenizer", type=Path, default=TOKENIZER, help="SentencePiece model (default: %(default)s)")
    parser.add_argument("--precision", choices=STORED, default="fp16", help="of stored weights (default: %(default)s)")
    options = parser.parse_args()
    export(options.checkpoint, options.out, options.name, options.tokenizer, options.precision)


if __name__ == "__main__":
    errors.run(main)
