#!/usr/bin/env python3
"""Whisper's encoder in PyTorch, and its weights out of CTranslate2's `model.bin`.

usage: whisper.py model.bin OUT.safetensors   the encoder alone, f16, a quarter of the file
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

import errors
import numpy as np
import torch
from errors import InputError
from safetensors.torch import load_file, save_file
from sizes import EMBEDDED, Sizes
from torch import Tensor, nn
from torch.nn import functional as F

# CTranslate2's numbers for element types (`include/ctranslate2/types.h`).
DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
VERSION = 6


class Layer(nn.Module):
    """One pre-norm Transformer layer. No dropout: Whisper was trained without."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.o = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.a, self.b = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`x` [B, frames, dim]; `mask` [B, 1, 1, frames], true where there is audio."""
        batch, frames, dim = x.shape
        q, k, v = self.qkv(self.n1(x)).view(batch, frames, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.o(y.transpose(1, 2).reshape(batch, frames, dim))
        return x + self.b(F.gelu(self.a(self.n2(x))))


class WhisperEncoder(nn.Module):
    """Features [B, 80, T] on Whisper's scale to [B, ceil(T / 2), dim]; attributes as in the exported graphs."""

    pos: Tensor

    def __init__(self, sizes: Sizes, mel_bins: int = 80) -> None:
        super().__init__()
        dim = sizes.acoustic_dim
        self.c1, self.c2 = nn.Conv1d(mel_bins, dim, 3, 1, 1), nn.Conv1d(dim, dim, 3, 2, 1)
        self.register_buffer("pos", torch.zeros(sizes.acoustic_positions, dim))
        self.layers = nn.ModuleList(Layer(dim, sizes.acoustic_heads) for _ in range(sizes.acoustic_layers))
        self.ln = nn.LayerNorm(dim)

    def forward(self, features: Tensor, frames: Tensor | None = None) -> Tensor:
        """`frames` [B]: how many of T are audio; without, all are."""
        mask = None
        x = F.gelu(self.c1(features))
        if frames is not None:
            x = x * (torch.arange(features.shape[-1], device=x.device)[None] < frames[:, None])[:, None]
            inside = torch.arange((features.shape[-1] + 1) // 2, device=x.device)[None] < ((frames + 1) // 2)[:, None]
            mask = inside[:, None, None, :]
        x = F.gelu(self.c2(x)).transpose(1, 2)
        x = x + self.pos[: x.shape[1]].to(x.dtype)
        for layer in self.layers:
            x = layer(x, mask)
        return self.ln(x)


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """The variables of a CTranslate2 model by name (`src/models/model.cc`, binary version 6)."""

    def unpack(file: BinaryIO, layout: str) -> Any:
        data = file.read(struct.calcsize("<" + layout))
        return struct.unpack("<" + layout, data)

    def string(file: BinaryIO) -> str:
        (length,) = unpack(file, "H")
        return file.read(length)[:-1].decode()

    arrays: dict[str, np.ndarray] = {}
    try:
        with path.open("rb") as file:
            (version,) = unpack(file, "I")
            if version != VERSION:
                raise InputError(f"{path}: expected a CTranslate2 model of version {VERSION}, found {version}")
            string(file)
            unpack(file, "I")
            (count,) = unpack(file, "I")
            for _ in range(count):
                name = string(file)
                (rank,) = unpack(file, "B")
                shape = unpack(file, f"{rank}I") if rank else ()
                kind, size = unpack(file, "BI")
                arrays[name] = np.frombuffer(file.read(size), DTYPES[kind]).reshape(shape)
    except (OSError, struct.error, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a CTranslate2 model, found: {error!r}") from None
    return arrays


# The ends of CTranslate2's names of a layer's weights, and of those here.
LAYER_NAMES = {
    "self_attention/layer_norm/gamma": "n1.weight",
    "self_attention/layer_norm/beta": "n1.bias",
    "self_attention/linear_0/weight": "qkv.weight",
    "self_attention/linear_0/bias": "qkv.bias",
    "self_attention/linear_1/weight": "o.weight",
    "self_attention/linear_1/bias": "o.bias",
    "ffn/layer_norm/gamma": "n2.weight",
    "ffn/layer_norm/beta": "n2.bias",
    "ffn/linear_0/weight": "a.weight",
    "ffn/linear_0/bias": "a.bias",
    "ffn/linear_1/weight": "b.weight",
    "ffn/linear_1/bias": "b.bias",
}
OUTER_NAMES = {
    "conv1/weight": "c1.weight",
    "conv1/bias": "c1.bias",
    "conv2/weight": "c2.weight",
    "conv2/bias": "c2.bias",
    "position_encodings/encodings": "pos",
    "layer_norm/gamma": "ln.weight",
    "layer_norm/beta": "ln.bias",
}


def weights(path: Path, sizes: Sizes) -> dict[str, Tensor]:
    """The state of a `WhisperEncoder`, f32, out of `model.bin` or what this file's command made of it."""
    if path.suffix == ".safetensors":
        return {name: value.float() for name, value in load_file(path).items()}
    arrays = read_ctranslate2(path)
    names = {f"encoder/{theirs}": ours for theirs, ours in OUTER_NAMES.items()}
    for i in range(sizes.acoustic_layers):
        names |= {f"encoder/layer_{i}/{theirs}": f"layers.{i}.{ours}" for theirs, ours in LAYER_NAMES.items()}
    missing = sorted(names.keys() - arrays.keys())
    if missing:
        raise InputError(f"{path}: expected the encoder of Whisper base, not found {missing[:3]}")
    return {ours: torch.from_numpy(arrays[theirs].astype(np.float32)) for theirs, ours in names.items()}


def main() -> None:
    """The command."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    save_file({k: v.half() for k, v in weights(Path(sys.argv[1]), EMBEDDED).items()}, sys.argv[2])


if __name__ == "__main__":
    errors.run(main)
