"""Seeded random weights of Parakeet-TDT-0.6b-v3, by NeMo's names.

Every tensor has a generator of its own, seeded with the run's seed and the tensor's name, so that it is the same in
every layout and precision and can be made when it is needed: nothing holds the whole model.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
from parakeet_sizes import Sizes, parameters, statistics

FULL = Sizes(
    layers=24, dim=1024, heads=8, feed_forward=4096, channels=256, positions=5000, pieces=8192, hidden=640, joint=640
)
SMALL = Sizes(layers=2, dim=128, heads=8, feed_forward=512, channels=32, positions=512, pieces=256, hidden=96, joint=96)


class RandomWeights:
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
