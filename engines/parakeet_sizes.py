"""Sizes of a Parakeet-TDT model, and the names and shapes of its weights as NeMo has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Mel frames of an encoder frame: three convolutions of stride 2.
SUBSAMPLING = 8
BATCH_NORM_EPSILON = 1e-5
# Frame durations may be 0; more tokens than this on one frame force a step of 1.
MAX_SYMBOLS = 10

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """What differs between models. The last ones have the values of Parakeet-TDT-0.6b-v3."""

    layers: int
    dim: int
    heads: int
    feed_forward: int
    # Channels of the subsampling convolutions.
    channels: int
    # Longest window in encoder frames: half the table of relative positions.
    positions: int
    # Pieces of the vocabulary, without blank.
    pieces: int
    # Units of each LSTM layer.
    hidden: int
    joint: int
    mel_bins: int = 128
    # Of the depthwise convolution, in encoder frames.
    kernel: int = 9
    lstm_layers: int = 2
    # Entries of the duration head, in encoder frames.
    durations: tuple[int, ...] = (0, 1, 2, 3, 4)
    # Whether the layers' linears and convolutions have biases (`use_bias`).
    biases: bool = False
    # Whether the layers get their input times the root of `dim` (`xscaling`).
    scaled: bool = False

    @property
    def classes(self) -> int:
        """The joint's outputs: pieces, blank, durations."""
        return self.pieces + 1 + len(self.durations)

    @property
    def mel_bands(self) -> int:
        """Mel bins left after the subsampling convolutions."""
        bins = self.mel_bins
        for _ in range(3):
            bins = (bins - 1) // 2 + 1
        return bins


def parameters(sizes: Sizes) -> dict[str, Shape]:
    """Names and shapes of all trained parameters, as PyTorch stores them."""
    channels, dim, inner, hidden = sizes.channels, sizes.dim, sizes.feed_forward, sizes.hidden
    found: dict[str, Shape] = {"encoder.pre_encode.conv.0.weight": (channels, 1, 3, 3)}
    for number in (2, 5):
        found[f"encoder.pre_encode.conv.{number}.weight"] = (channels, 1, 3, 3)
        found[f"encoder.pre_encode.conv.{number + 1}.weight"] = (channels, channels, 1, 1)
    found["encoder.pre_encode.out.weight"] = (dim, channels * sizes.mel_bands)
    for name in list(found):
        found[name.replace(".weight", ".bias")] = found[name][:1]
    for layer in range(sizes.layers):
        scope = f"encoder.layers.{layer}"
        for part in ("feed_forward1", "self_att", "conv", "feed_forward2", "out"):
            found[f"{scope}.norm_{part}.weight"] = found[f"{scope}.norm_{part}.bias"] = (dim,)
        for number in (1, 2):
            found[f"{scope}.feed_forward{number}.linear1.weight"] = (inner, dim)
            found[f"{scope}.feed_forward{number}.linear2.weight"] = (dim, inner)
        for part in ("q", "k", "v", "out", "pos"):
            found[f"{scope}.self_attn.linear_{part}.weight"] = (dim, dim)
        for part in ("u", "v"):
            found[f"{scope}.self_attn.pos_bias_{part}"] = (sizes.heads, dim // sizes.heads)
        found[f"{scope}.conv.pointwise_conv1.weight"] = (2 * dim, dim, 1)
        found[f"{scope}.conv.depthwise_conv.weight"] = (dim, 1, sizes.kernel)
        found[f"{scope}.conv.batch_norm.weight"] = found[f"{scope}.conv.batch_norm.bias"] = (dim,)
        found[f"{scope}.conv.pointwise_conv2.weight"] = (dim, dim, 1)
        if sizes.biases:
            biased = [name for name in found if name.startswith(f"{scope}.") and is_biased(name)]
            found |= {name.replace(".weight", ".bias"): found[name][:1] for name in biased}
    found["decoder.prediction.embed.weight"] = (sizes.pieces + 1, hidden)
    for layer in range(sizes.lstm_layers):
        for part in ("ih", "hh"):
            found[f"decoder.prediction.dec_rnn.lstm.weight_{part}_l{layer}"] = (4 * hidden, hidden)
            found[f"decoder.prediction.dec_rnn.lstm.bias_{part}_l{layer}"] = (4 * hidden,)
    for name, shape in (
        ("enc", (sizes.joint, dim)),
        ("pred", (sizes.joint, hidden)),
        ("joint_net.2", (sizes.classes, sizes.joint)),
    ):
        found[f"joint.{name}.weight"], found[f"joint.{name}.bias"] = shape, shape[:1]
    return found


def statistics(sizes: Sizes) -> dict[str, Shape]:
    """Names and shapes of what batch normalisation has gathered; not parameters."""
    names = ("running_mean", "running_var")
    layers = range(sizes.layers)
    return {f"encoder.layers.{n}.conv.batch_norm.{name}": (sizes.dim,) for n in layers for name in names}


def count(sizes: Sizes) -> dict[str, int]:
    """Parameters of each part; nothing is allocated."""
    parts = {
        "pre-encode": "encoder.pre_encode.",
        "one layer": "encoder.layers.0.",
        "encoder": "encoder.",
        "LSTM": "decoder.prediction.dec_rnn.",
        "embedding": "decoder.prediction.embed.",
        "joint": "joint.",
        "total": "",
    }
    each = {name: math.prod(shape) for name, shape in parameters(sizes).items()}
    return {part: sum(n for name, n in each.items() if name.startswith(scope)) for part, scope in parts.items()}


def is_biased(name: str) -> bool:
    """Whether `use_bias` gives a layer's weight a bias: its linears but that of the positions, and its convolutions."""
    return name.endswith(".weight") and "norm" not in name and not name.endswith("linear_pos.weight")


class Weights(Protocol):
    """Arrays by name, f32, in `shapes`. What is asked for may be made or read at each call: nothing need hold all."""

    sizes: Sizes
    shapes: dict[str, Shape]

    def __getitem__(self, name: str) -> np.ndarray:
        """One of them."""


def folded(weights: Weights, scope: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a layer's depthwise convolution with batch normalisation in them, as exporters do it."""
    norm, name = f"{scope}.batch_norm", f"{scope}.depthwise_conv"
    factor = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + np.float32(BATCH_NORM_EPSILON))
    mean = weights[f"{norm}.running_mean"]
    if f"{name}.bias" in weights.shapes:
        mean = mean - weights[f"{name}.bias"]
    return weights[f"{name}.weight"] * factor[:, None, None], weights[f"{norm}.bias"] - mean * factor


def position_table_size(sizes: Sizes) -> int:
    """Values in the table of relative positions."""
    return (2 * sizes.positions - 1) * sizes.dim


def position_table(sizes: Sizes) -> np.ndarray:
    """Sines and cosines of relative positions, the farthest ahead first, f32 [1, 2 positions - 1, dim]."""
    positions = np.arange(sizes.positions - 1, -sizes.positions, -1.0)[:, None]
    rates = np.exp(np.arange(0, sizes.dim, 2) * -(math.log(10000.0) / sizes.dim))
    table = np.empty((1, len(positions), sizes.dim), np.float32)
    table[0, :, 0::2], table[0, :, 1::2] = np.sin(positions * rates), np.cos(positions * rates)
    return table
