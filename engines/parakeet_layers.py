"""The layers of Parakeet-TDT as ONNX nodes: FastConformer encoder, prediction network and joint.

In half precision softmax is f32, as layer normalisation is: both add up many values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from parakeet_graph import Graph
from parakeet_sizes import folded, position_table

# A masked score: small enough to vanish in the softmax.
MASKED = -1e4
# PyTorch orders the gates of an LSTM as input, forget, cell, output; ONNX as input, output, forget, cell.
GATES = [0, 3, 1, 2]


def halved(g: Graph, lengths: str) -> str:
    """Frames after a convolution of stride 2: floor((n - 1) / 2) + 1, which is 0 for 0."""
    return g.op("Div", "pre_encode", g.op("Add", "pre_encode", lengths, g.ints(1)), g.ints(2))


def inside(g: Graph, frames: str, lengths: str) -> str:
    """[B, frames], true before each one's length."""
    first, step = (g.tensor(f"scalar_{n}", np.array(n, np.int64)) for n in (0, 1))
    numbers = g.op("Range", "", first, g.op("Squeeze", "", frames, g.ints(0)), step)
    return g.op("Less", "", numbers, g.op("Unsqueeze", "", lengths, g.ints(1)))


def subsample(g: Graph, audio: str, lengths: str) -> tuple[str, str]:
    """Features [B, mel, T] to frames [B, T / 8, dim] and their lengths; padding is zero before each convolution."""
    scope, channels = "pre_encode.conv", g.weights.sizes.channels
    x = g.op("Unsqueeze", "pre_encode", g.op("Transpose", "pre_encode", audio, perm=[0, 2, 1]), g.ints(1))
    # Stride 2 and then, but for the first, 1 x 1; numbers as in NeMo's list, in which every ReLU counts.
    for numbers in ((0,), (2, 3), (5, 6)):
        kept = g.op("Cast", scope, inside(g, g.size(x, 2), lengths), to=g.float)
        x = g.op("Mul", scope, x, g.op("Unsqueeze", scope, kept, g.ints(1, 3)))
        lengths = halved(g, lengths)
        for number in numbers:
            weight, bias = (g.parameter(f"{scope}.{number}.{part}") for part in ("weight", "bias"))
            one = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "group": 1}
            two = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "group": channels if number else 1}
            x = g.op("Conv", f"{scope}.{number}", x, weight, bias, **(one if number in (3, 6) else two))
        x = g.op("Relu", f"{scope}.{numbers[-1] + 1}", x)
    # [B, C, T, F] to [B, T, C F].
    x = g.op("Reshape", "pre_encode", g.op("Transpose", "pre_encode", x, perm=[0, 2, 1, 3]), g.ints(0, 0, -1))
    return g.linear("pre_encode.out", x), lengths


def attention(g: Graph, scope: str, x: str, positions: str, shifts: tuple[str, str, str], kept: str) -> str:
    """Attention with relative positions after Transformer-XL (Dai et al., 2019); x [B, T, dim]."""
    heads = g.weights.sizes.heads
    width = g.weights.sizes.dim // heads
    frames, sheared, straight = shifts

    def split(part: str, value: str) -> str:
        return g.op("Reshape", scope, g.linear(f"{scope}.linear_{part}", value), g.ints(0, 0, heads, width))

    def across(value: str, *order: int) -> str:
        return g.op("Transpose", scope, value, perm=list(order))

    q, k, v, p = split("q", x), split("k", x), split("v", x), split("pos", positions)
    with_u, with_v = (across(g.op("Add", scope, q, g.parameter(f"{scope}.pos_bias_{n}")), 0, 2, 1, 3) for n in "uv")
    by_content = g.op("MatMul", scope, with_u, across(k, 0, 2, 3, 1))
    by_position = g.op("MatMul", scope, with_v, across(p, 0, 2, 3, 1))
    # The shift: row i of [T, 2T - 1] moves left by T - 1 - i, so that column j is position i - j.
    by_position = g.op("Pad", scope, by_position, g.ints(0, 0, 0, 1, 0, 0, 0, 0))
    by_position = g.op("Reshape", scope, by_position, sheared)
    by_position = g.op("Slice", scope, by_position, g.ints(1), g.ints(2**31 - 1), g.ints(2))
    by_position = g.op("Reshape", scope, by_position, straight)
    by_position = g.op("Slice", scope, by_position, g.ints(0), frames, g.ints(3))
    scores = g.op("Div", scope, g.op("Add", scope, by_content, by_position), g.number(width**0.5))
    scores = g.op("Where", scope, kept, g.to_f32(scope, scores), g.number(MASKED, single=True))
    shares = g.to_float(scope, g.op("Softmax", scope, scores, axis=-1))
    y = across(g.op("MatMul", scope, shares, across(v, 0, 2, 1, 3)), 0, 2, 1, 3)
    return g.linear(f"{scope}.linear_out", g.op("Reshape", scope, y, g.ints(0, 0, -1)))


def convolution(g: Graph, scope: str, x: str, kept: str) -> str:
    """Pointwise, GLU, depthwise with batch normalisation in it, SiLU, pointwise; x [B, T, dim], `kept` [B, 1, T]."""

    def pointwise(number: int, value: str) -> str:
        name = f"{scope}.pointwise_conv{number}"
        biases = [g.parameter(f"{name}.bias")] if g.has(f"{name}.bias") else []
        return g.op("Conv", name, value, g.parameter(f"{name}.weight"), *biases, kernel_shape=[1])

    halves = g.ops("Split", scope, [pointwise(1, g.op("Transpose", scope, x, perm=[0, 2, 1]))], 2, axis=1)
    y = g.op("Mul", scope, halves[0], g.op("Sigmoid", scope, halves[1]))
    name = f"{scope}.depthwise_conv"
    weight, bias = folded(g.weights, g.root + scope)
    both = (g.tensor(f"onnx::Conv_{name}.{part}", array) for part, array in (("weight", weight), ("bias", bias)))
    kernel = g.weights.sizes.kernel
    size = {"kernel_shape": [kernel], "pads": [kernel // 2] * 2, "group": g.weights.sizes.dim}
    y = g.op("Conv", name, g.op("Mul", scope, y, kept), *both, **size)
    return g.op("Transpose", scope, pointwise(2, g.silu(f"{scope}.activation", y)), perm=[0, 2, 1])


def feed_forward(g: Graph, scope: str, x: str) -> str:
    """Half of two linear layers with SiLU between."""
    y = g.silu(f"{scope}.activation", g.linear(f"{scope}.linear1", x))
    return g.op("Mul", scope, g.linear(f"{scope}.linear2", y), g.number(0.5))


def encode(g: Graph, audio: str, lengths: str, progress: Callable[[int], None]) -> tuple[str, str]:
    """Features [B, mel, T] to frames [B, dim, T / 8] and their lengths; `progress` hears of every finished layer.

    What lies at and after an utterance's length changes no frame before it.
    """
    positions = g.weights.sizes.positions
    x, lengths = subsample(g, audio, lengths)
    if g.weights.sizes.scaled:
        x = g.op("Mul", "pos_enc", x, g.number(g.weights.sizes.dim**0.5))
    frames = g.size(x, 1)
    table = g.tensor("pos_enc.pe", position_table(g.weights.sizes))
    end = g.op("Add", "pos_enc", frames, g.ints(positions - 1))
    table = g.op("Slice", "pos_enc", table, g.op("Sub", "pos_enc", g.ints(positions), frames), end, g.ints(1))
    sheared = g.op("Concat", "", g.ints(0, 0, -1), frames, axis=0)
    straight = g.op("Concat", "", g.ints(0, 0), frames, g.ints(-1), axis=0)
    kept = inside(g, frames, lengths)
    keys = g.op("Unsqueeze", "", kept, g.ints(1, 2))
    times = g.op("Unsqueeze", "", g.op("Cast", "", kept, to=g.float), g.ints(1))
    for layer in range(g.weights.sizes.layers):
        scope = f"layers.{layer}"
        x = g.op("Add", scope, x, feed_forward(g, f"{scope}.feed_forward1", g.norm(f"{scope}.norm_feed_forward1", x)))
        normed = g.norm(f"{scope}.norm_self_att", x)
        y = attention(g, f"{scope}.self_attn", normed, table, (frames, sheared, straight), keys)
        x = g.op("Add", scope, x, y)
        x = g.op("Add", scope, x, convolution(g, f"{scope}.conv", g.norm(f"{scope}.norm_conv", x), times))
        x = g.op("Add", scope, x, feed_forward(g, f"{scope}.feed_forward2", g.norm(f"{scope}.norm_feed_forward2", x)))
        x = g.norm(f"{scope}.norm_out", x)
        progress(layer + 1)
    return g.op("Transpose", "", x, perm=[0, 2, 1]), lengths


def predict(g: Graph, tokens: str, h: str, c: str) -> tuple[str, str, str]:
    """Tokens [B, U] and states [layers, B, hidden] to predictions [B, U, hidden] and the next states."""
    scope = "decoder.prediction.dec_rnn.lstm"
    hidden = g.weights.sizes.hidden
    table = g.parameter("decoder.prediction.embed.weight")
    x = g.op("Gather", "decoder.prediction.embed", table, tokens, axis=0)
    x = g.op("Transpose", scope, x, perm=[1, 0, 2])
    old = [g.ops("Split", scope, [state], g.weights.sizes.lstm_layers, axis=0) for state in (h, c)]
    new: list[list[str]] = [[], []]
    for layer in range(g.weights.sizes.lstm_layers):
        arrays = {}
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            rows = g.weights[f"{g.root}{scope}.{part}_l{layer}"]
            arrays[part] = rows.reshape(4, hidden, -1)[GATES].reshape(1, *rows.shape)
        biases = np.concatenate([arrays.pop("bias_ih"), arrays.pop("bias_hh")], axis=1)
        names = [g.tensor(f"onnx::LSTM_{scope}.{part}_l{layer}", array) for part, array in arrays.items()]
        names.append(g.tensor(f"onnx::LSTM_{scope}.bias_l{layer}", biases))
        inputs = [x, *names, "", old[0][layer], old[1][layer]]
        y, *states = g.ops("LSTM", scope, inputs, 3, hidden_size=hidden)
        # [U, directions, B, hidden]; there is one direction.
        x = g.op("Squeeze", scope, y, g.ints(1))
        for found, state in zip(new, states, strict=True):
            found.append(state)
    h_next, c_next = (g.op("Concat", scope, *states, axis=0) for states in new)
    return g.op("Transpose", scope, x, perm=[1, 0, 2]), h_next, c_next


def join(g: Graph, frames: str, predictions: str) -> str:
    """Frames [B, dim, T] and predictions [B, U, hidden] to raw logits [B, T, U, classes], every one with every one."""
    f = g.linear("joint.enc", g.op("Transpose", "joint", frames, perm=[0, 2, 1]))
    p = g.linear("joint.pred", predictions)
    both = g.op("Add", "joint", g.op("Unsqueeze", "joint", f, g.ints(2)), g.op("Unsqueeze", "joint", p, g.ints(1)))
    return g.linear("joint.joint_net.2", g.op("Relu", "joint.joint_net.0", both))
