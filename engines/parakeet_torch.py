"""Parakeet-TDT in PyTorch, of the recipe's layers: what the graphs are held against."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from parakeet_sizes import SUBSAMPLING, Sizes, Weights
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent / "training"))
from fastconformer import Layer, position_table

# Names of the recipe's parts and NeMo's.
INNER = {
    "n1": "norm_feed_forward1",
    "n2": "norm_self_att",
    "n3": "norm_conv",
    "n4": "norm_feed_forward2",
    "n5": "norm_out",
    "f1.a": "feed_forward1.linear1",
    "f1.b": "feed_forward1.linear2",
    "f2.a": "feed_forward2.linear1",
    "f2.b": "feed_forward2.linear2",
    "att.q": "self_attn.linear_q",
    "att.k": "self_attn.linear_k",
    "att.v": "self_attn.linear_v",
    "att.o": "self_attn.linear_out",
    "att.pos": "self_attn.linear_pos",
    "conv.pw1": "conv.pointwise_conv1",
    "conv.dw": "conv.depthwise_conv",
    "conv.bn": "conv.batch_norm",
    "conv.pw2": "conv.pointwise_conv2",
}


class TorchParakeet(nn.Module):
    """The same model of the recipe's layers, batch normalisation and all; no padding."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        c, self.scale = sizes.channels, sizes.dim**0.5 if sizes.scaled else 1.0
        stage = [nn.Conv2d(c, c, 3, 2, 1, groups=c), nn.Conv2d(c, c, 1), nn.ReLU()]
        again = [nn.Conv2d(c, c, 3, 2, 1, groups=c), nn.Conv2d(c, c, 1), nn.ReLU()]
        self.conv = nn.Sequential(nn.Conv2d(1, c, 3, 2, 1), nn.ReLU(), *stage, *again)
        self.out = nn.Linear(c * sizes.mel_bands, sizes.dim)
        self.layers = nn.ModuleList(
            Layer(sizes.dim, sizes.heads, sizes.feed_forward, sizes.kernel, 0.0) for _ in range(sizes.layers)
        )
        for module in self.layers.modules():
            if not sizes.biases and isinstance(module, nn.Linear | nn.Conv1d):
                module.bias = None
        self.embed = nn.Embedding(sizes.pieces + 1, sizes.hidden, padding_idx=sizes.pieces)
        self.lstm = nn.LSTM(sizes.hidden, sizes.hidden, sizes.lstm_layers, batch_first=True)
        self.enc, self.pred = nn.Linear(sizes.dim, sizes.joint), nn.Linear(sizes.hidden, sizes.joint)
        self.join = nn.Linear(sizes.joint, sizes.classes)

    def fill(self, weights: Weights) -> TorchParakeet:
        """Takes weights as its own, without a copy where they are arrays in memory; every name must find its place."""
        state = {}
        for name in weights.shapes:
            key = name.removeprefix("encoder.").removeprefix("pre_encode.").removeprefix("decoder.prediction.")
            key = key.removeprefix("dec_rnn.").removeprefix("joint.").replace("joint_net.2", "join")
            key = key.replace("self_attn.pos_bias_u", "att.u").replace("self_attn.pos_bias_v", "att.w")
            for short, long in INNER.items():
                key = key.replace(f".{long}.", f".{short}.")
            state[key] = torch.from_numpy(weights[name])
        for name in self.state_dict():
            if name.endswith("num_batches_tracked"):
                state[name] = torch.tensor(0)
        self.load_state_dict(state, assign=True)
        return self.eval().requires_grad_(False)

    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[B, mel, T] to [B, dim, T / 8]."""
        length = -(-mel.shape[2] // SUBSAMPLING)
        positions = position_table(length, self.out.out_features)
        frames: np.ndarray = self.forward(torch.from_numpy(mel), positions).numpy()
        return frames

    def forward(self, mel: Tensor, positions: Tensor) -> Tensor:
        """The same on tensors; `positions` is the table for that many frames."""
        x = self.conv(mel.transpose(1, 2)[:, None])
        x = self.out(x.transpose(1, 2).flatten(2)) * self.scale
        for layer in self.layers:
            x = layer(x, positions, None, None)
        return x.transpose(1, 2)

    def decode(self, frames: np.ndarray, tokens: np.ndarray, state: tuple[Tensor, Tensor]) -> list[np.ndarray]:
        """Raw logits [B, T, U, classes], predictions [B, U, hidden] and the next states."""
        y, (h, c) = self.lstm(self.embed(torch.from_numpy(tokens).long()), state)
        x = self.enc(torch.from_numpy(frames).transpose(1, 2))[:, :, None] + self.pred(y)[:, None]
        return [value.numpy() for value in (self.join(F.relu(x)), y, h, c)]
