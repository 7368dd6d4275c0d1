"""Sizes and seeded random weights of Parakeet-TDT-0.6b-v3, by NeMo's names.

Every tensor has a generator of its own, seeded with the run's seed and the tensor's name, so that it is the same in
every layout and precision and can be made when it is needed: nothing holds the whole model.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

MEL_BINS = 128
# Mel frames of an encoder frame: three convolutions of stride 2.
SUBSAMPLING = 8
KERNEL = 9
LSTM_LAYERS = 2
DURATIONS = 5
BATCH_NORM_EPSILON = 1e-5
# Frame durations may be 0; more tokens than this on one frame force a step of 1.
MAX_SYMBOLS = 10

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """What differs between the full model and the small one."""

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

    @property
    def classes(self) -> int:
        """The joint's outputs: pieces, blank, durations."""
        return self.pieces + 1 + DURATIONS

    @property
    def mel_bands(self) -> int:
        """Mel bins left after the subsampling convolutions."""
        return MEL_BINS // SUBSAMPLING


FULL = Sizes(
    layers=24, dim=1024, heads=8, feed_forward=4096, channels=256, positions=5000, pieces=8192, hidden=640, joint=640
)
SMALL = Sizes(layers=2, dim=128, heads=8, feed_forward=512, channels=32, positions=512, pieces=256, hidden=96, joint=96)


def parameters(sizes: Sizes) -> dict[str, Shape]:
    """Names and shapes of all trained parameters, as PyTorch stores them. The layers' linears have no biases."""
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
        found[f"{scope}.conv.depthwise_conv.weight"] = (dim, 1, KERNEL)
        found[f"{scope}.conv.batch_norm.weight"] = found[f"{scope}.conv.batch_norm.bias"] = (dim,)
        found[f"{scope}.conv.pointwise_conv2.weight"] = (dim, dim, 1)
    found["decoder.prediction.embed.weight"] = (sizes.pieces + 1, hidden)
    for layer in range(LSTM_LAYERS):
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


class Weights:
    """The arrays of one seed, f32, by name."""

    def __init__(self, sizes: Sizes, seed: int) -> None:
        self.sizes, self.seed = sizes, seed
        self.shapes = parameters(sizes) | statistics(sizes)

    def __getitem__(self, name: str) -> np.ndarray:
        """Made anew at each call, always the same."""
        shape = self.shapes[name]
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        values = generator.standard_normal(shape, np.float32)
        kind = name.rpartition(".")[2]
        if kind == "running_var":
            # About the variance that a gated, convolved unit normal has; the factor makes it differ by channel.
            variances: np.ndarray = np.float32(0.3) * np.exp(np.float32(0.3) * values)
            return variances
        if kind == "running_mean" or kind.startswith("pos_bias"):
            return np.float32(0.2) * values
        if kind == "bias" or kind.startswith("bias_"):
            values *= np.float32(0.1)
            if name == "joint.joint_net.2.bias":
                values[self.sizes.pieces] += self.blank_bias()
            return values
        if "norm" in name:
            return 1 + np.float32(0.1) * values
        if name == "decoder.prediction.embed.weight":
            values[-1] = 0.0
            return values
        return self.scaled(name, values)

    def blank_bias(self) -> float:
        """What lets blank win on about every other frame: the expected highest of so many normal logits."""
        root = math.sqrt(2.0 * math.log(self.sizes.pieces))
        return LOGITS * (root - (2.0 * math.log(root) + math.log(2.0 * math.pi)) / (2.0 * root) + EULER / root)

    def scaled(self, name: str, values: np.ndarray) -> np.ndarray:
        """A linear layer or convolution whose output has about the spread of its input."""
        values *= np.float32(gain(name) / math.sqrt(math.prod(values.shape[1:])))
        if name.endswith(CENTRED):
            values -= values.mean(axis=1, keepdims=True)
        return values

    def folded(self, scope: str) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of a layer's depthwise convolution with batch normalisation in them, as exporters do it."""
        norm = f"{scope}.batch_norm"
        factor = self[f"{norm}.weight"] / np.sqrt(self[f"{norm}.running_var"] + np.float32(BATCH_NORM_EPSILON))
        weight = self[f"{scope}.depthwise_conv.weight"] * factor[:, None, None]
        return weight, self[f"{norm}.bias"] - self[f"{norm}.running_mean"] * factor


# The constant of Euler and Mascheroni: the mean of the Gumbel distribution.
EULER = 0.5772
# Spread of the logits: wide enough that most decisions are no ties.
LOGITS = 3.0
# What ReLU and SiLU give has a mean that is the same on every frame. Rows of mean 0 take it out; with it, and with all
# that attention averages over the frames, frames would look alike and decoding would choose one token for ever.
CENTRED = ("conv.3.weight", "conv.6.weight", "pre_encode.out.weight", "linear2.weight", "conv2.weight", "net.2.weight")
# What the output of a weight spreads, as a multiple of its input's spread, where that is not 1.
GAINS = {
    # He et al. (2015): half of what goes into a ReLU is lost.
    "pre_encode.conv.0.weight": 2.0**0.5,
    "pre_encode.conv.3.weight": 2.0**0.5,
    "pre_encode.conv.6.weight": 2.0**0.5,
    "self_attn.linear_out.weight": 0.3,
    # The LSTM gives about 0.13; both of the joint's inputs shall weigh about the same.
    "joint.pred.weight": 8.0,
    # About 0.6 of a ReLU's input is left when its mean is taken out.
    "joint.joint_net.2.weight": LOGITS / 0.6,
}


def gain(name: str) -> float:
    """What a weight multiplies the spread of its input by."""
    return next((value for end, value in GAINS.items() if name.endswith(end)), 1.0)


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
