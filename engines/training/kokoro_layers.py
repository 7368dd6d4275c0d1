"""Parts of Kokoro in plain PyTorch: its weights, normalisation by style, and the two kinds of residual block.

Arrays are f32 of one utterance, [1, channels, time] unless said otherwise. A style says how a voice sounds: [1, 128].
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from errors import InputError
from torch import Tensor, nn

Weights = dict[str, Tensor]
# Scale and shift, [channels] each, of every normalisation by style, under the name of its module.
Style = dict[str, tuple[Tensor, Tensor]]
# x + sin(a x)^2 / a of x, a and 1 / a
Snake = Callable[[Tensor, Tensor, Tensor], Tensor]

SNAKE_KERNEL = """
template <typename T> T snake(T x, T a, T inverse) { T s = sin(a * x); return x + inverse * s * s; }
"""


def dequantise(values: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> Tensor:
    """(values - zero) * scale, f32; scale and zero are one number each or one for each row of `values`."""
    shape = [-1] + [1] * (values.ndim - 1)
    zeros = torch.from_numpy(np.atleast_1d(zero)).float().view(shape)
    return (torch.from_numpy(values).float() - zeros) * torch.from_numpy(np.atleast_1d(scale)).view(shape)


def load_weights(path: Path, device: torch.device) -> Weights:
    """The arrays that `kokoro_convert.py` wrote, dequantised once."""
    weights: Weights = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                name, _, part = key.partition("|")
                if part == "q":
                    weights[name] = dequantise(arrays[key], arrays[f"{name}|s"], arrays[f"{name}|z"])
                elif not part:
                    weights[name] = torch.from_numpy(np.ascontiguousarray(arrays[key])).float()
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected Kokoro's arrays (kokoro_convert.py), found: {error}") from None
    return {name: tensor.to(device) for name, tensor in weights.items()}


class StyleProjections:
    """The linear layers from a style to scale and shift, of every norm under a prefix, as one matrix."""

    def __init__(self, weights: Weights, prefix: str) -> None:
        end = ".fc.weight"
        self.names = [key.removesuffix(end) for key in weights if key.startswith(prefix) and key.endswith(end)]
        # [128, all scales and shifts]
        self.matrix = torch.cat([weights[f"{name}.fc.weight"] for name in self.names]).t().contiguous()
        self.bias = torch.cat([weights[f"{name}.fc.bias"] for name in self.names]).clone()
        self.sizes: list[int] = []
        start = 0
        for name in self.names:
            channels = weights[f"{name}.fc.weight"].shape[0] // 2
            # The layer gives the scale less 1.
            self.bias[start : start + channels] += 1.0
            start += 2 * channels
            self.sizes += [channels, channels]

    def __call__(self, style: Tensor) -> Style:
        parts = torch.addmm(self.bias, style, self.matrix)[0].split(self.sizes)
        return {name: (parts[2 * i], parts[2 * i + 1]) for i, name in enumerate(self.names)}


def normalise(x: Tensor, scale_shift: tuple[Tensor, Tensor]) -> Tensor:
    """Instance norm: of one utterance it is batch norm over time, which is one kernel."""
    return torch.native_batch_norm(x, scale_shift[0], scale_shift[1], None, None, True, 0.0, 1e-5)[0]


def plain_snake(x: Tensor, a: Tensor, inverse: Tensor) -> Tensor:
    """The snake out of PyTorch's own operations."""
    sine = torch.sin_(a * x)
    return torch.addcmul(x, inverse * sine, sine)


def make_snake(device: torch.device) -> Snake:
    """The snake as one kernel where PyTorch can compile it, which is a GPU's; else `plain_snake`."""
    if device.type != "cuda":
        return plain_snake
    try:
        fused = torch.cuda.jiterator._create_jit_fn(SNAKE_KERNEL)
        # An odd length, so that the kernel's remainder is checked too.
        x, a = torch.randn(1, 64, 333, device=device), torch.rand(1, 64, 1, device=device) + 0.5
        difference = (fused(x, a, 1 / a) - plain_snake(x, a, 1 / a)).abs().max().item()
        if difference < 1e-4:
            return fused
        print(f"kokoro: the compiled snake differs by {difference:g}: not used", file=sys.stderr)
    except (AttributeError, RuntimeError) as error:
        print(f"kokoro: the snake is slower, as it could not be compiled: {error}", file=sys.stderr)
    return plain_snake


def make_lstm(weights: Weights, name: str, inputs: int, device: torch.device) -> nn.LSTM:
    """A bidirectional LSTM of 2 x 256, [1, time, inputs] to [1, time, 512]."""
    lstm = nn.LSTM(inputs, 256, batch_first=True, bidirectional=True)
    lstm.load_state_dict({key: weights[f"{name}.{key}"] for key in lstm.state_dict()})
    lstm = lstm.to(device).eval()
    lstm.requires_grad_(False)
    lstm.flatten_parameters()
    return lstm


class Doubling:
    """A depthwise transposed convolution (kernel 3, stride 2, padding 1, output padding 1): twice as long.

    Written out, as cuDNN is slow with one group for each channel.
    """

    def __init__(self, weights: Weights, name: str) -> None:
        # [3, 1, channels, 1]
        self.taps = weights[f"{name}.weight"][:, 0].t()[:, None, :, None]
        self.bias = weights[f"{name}.bias"][None, :, None]

    def __call__(self, x: Tensor) -> Tensor:
        following = F.pad(x, (0, 1))[:, :, 1:]
        even = torch.addcmul(self.bias, x, self.taps[1])
        odd = torch.addcmul(torch.addcmul(self.bias, x, self.taps[2]), following, self.taps[0])
        return torch.stack([even, odd], 3).flatten(2)


class LeakyBlock:
    """The residual block of the prosody and of the decoder; with `pool` among its weights it doubles the length."""

    def __init__(self, weights: Weights, name: str) -> None:
        self.norms = (f"{name}.norm1", f"{name}.norm2")
        self.convolutions = [(weights[f"{name}.conv{i}.weight"], weights[f"{name}.conv{i}.bias"]) for i in (1, 2)]
        self.doubling = Doubling(weights, f"{name}.pool") if f"{name}.pool.weight" in weights else None
        # Where the number of channels changes.
        self.shortcut = weights.get(f"{name}.conv1x1.weight")

    def __call__(self, x: Tensor, style: Style) -> Tensor:
        y = F.leaky_relu(normalise(x, style[self.norms[0]]), 0.2)
        if self.doubling is not None:
            y = self.doubling(y)
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        y = F.conv1d(y, *self.convolutions[0], 1, 1)
        y = F.leaky_relu_(normalise(y, style[self.norms[1]]), 0.2)
        y = F.conv1d(y, *self.convolutions[1], 1, 1)
        if self.shortcut is not None:
            x = F.conv1d(x, self.shortcut)
        return y.add_(x).mul_(0.7071067811865475)


class SnakeBlock:
    """The residual block of the generator: three rounds, the first convolution of each dilated by 1, 3 and 5."""

    def __init__(self, weights: Weights, name: str, snake: Snake) -> None:
        self.snake = snake
        self.rounds = []
        for i, dilation in enumerate((1, 3, 5)):
            steps = []
            for j, spread in ((1, dilation), (2, 1)):
                a, weight = weights[f"{name}.alpha{j}.{i}"], weights[f"{name}.convs{j}.{i}.weight"]
                padding = (weight.shape[2] - 1) // 2 * spread
                convolution = (weight, weights[f"{name}.convs{j}.{i}.bias"], 1, padding, spread)
                steps.append((f"{name}.adain{j}.{i}", a, 1 / a, convolution))
            self.rounds.append(steps)

    def __call__(self, x: Tensor, style: Style) -> Tensor:
        for steps in self.rounds:
            y = x
            for norm, a, inverse, convolution in steps:
                y = F.conv1d(self.snake(normalise(y, style[norm]), a, inverse), *convolution)
            x = y.add_(x)
        return x
