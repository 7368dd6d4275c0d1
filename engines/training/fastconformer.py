"""FastConformer layers as in NeMo, in batches with padding, for training and export."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# A masked score: small enough to vanish in the softmax, large enough for bf16.
MASKED = -1e4


class RelativeAttention(nn.Module):
    """Attention with relative positions after Transformer-XL (Dai et al., 2019)."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.width, self.dropout = heads, dim // heads, dropout
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.pos = nn.Linear(dim, dim, bias=False)
        self.u = nn.Parameter(torch.zeros(heads, self.width))
        self.w = nn.Parameter(torch.zeros(heads, self.width))

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """`x` [B, T, dim], `positions` [1, 2T - 1, dim], `mask` [B, 1, T, T], true where attended to."""
        batch, frames, dim = x.shape
        q = self.q(x).view(batch, frames, self.heads, self.width)
        k = self.k(x).view(batch, frames, self.heads, self.width).transpose(1, 2)
        v = self.v(x).view(batch, frames, self.heads, self.width).transpose(1, 2)
        p = self.pos(positions).view(1, -1, self.heads, self.width).transpose(1, 2)
        by_position = torch.matmul((q + self.w).transpose(1, 2), p.transpose(-2, -1))
        # Transformer-XL's shift: row i of [T, 2T - 1] moves left by T - 1 - i, so that column j is position i - j.
        by_position = F.pad(by_position, (1, 0)).view(batch, self.heads, -1, frames)[:, :, 1:]
        by_position = by_position.view(batch, self.heads, frames, -1)[..., :frames]
        bias = by_position / math.sqrt(self.width)
        if mask is not None:
            bias = bias.masked_fill(~mask, MASKED)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention((q + self.u).transpose(1, 2), k, v, attn_mask=bias, dropout_p=dropout)
        return self.o(y.transpose(1, 2).reshape(batch, frames, dim))


class Convolution(nn.Module):
    """Pointwise, GLU, depthwise, batch normalisation, SiLU, pointwise."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.pw1 = nn.Conv1d(dim, 2 * dim, 1)
        self.dw = nn.Conv1d(dim, dim, kernel, padding=(kernel - 1) // 2, groups=dim)
        self.bn = nn.BatchNorm1d(dim)
        self.pw2 = nn.Conv1d(dim, dim, 1)

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        """`x` [B, T, dim], `inside` [B, T], 1 where there is audio."""
        x = F.glu(self.pw1(x.transpose(1, 2)), dim=1)
        if inside is not None:
            x = x * inside[:, None]
        return self.pw2(F.silu(self.bn(self.dw(x)))).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with SiLU between."""

    def __init__(self, dim: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.a, self.b, self.drop = nn.Linear(dim, inner), nn.Linear(inner, dim), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[..., dim] to the same."""
        return self.b(self.drop(F.silu(self.a(x))))


class Layer(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, each with its norm before it."""

    def __init__(self, dim: int, heads: int, inner: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.n1, self.n2, self.n3, self.n4, self.n5 = (nn.LayerNorm(dim) for _ in range(5))
        self.f1, self.f2 = FeedForward(dim, inner, dropout), FeedForward(dim, inner, dropout)
        self.att, self.conv = RelativeAttention(dim, heads, dropout), Convolution(dim, kernel)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None, inside: Tensor | None) -> Tensor:
        """`x` [B, T, dim] to the same; the others as in the parts."""
        x = x + 0.5 * self.drop(self.f1(self.n1(x)))
        x = x + self.drop(self.att(self.n2(x), positions, mask))
        x = x + self.drop(self.conv(self.n3(x), inside))
        x = x + 0.5 * self.drop(self.f2(self.n4(x)))
        return self.n5(x)


def position_table(length: int, dim: int) -> Tensor:
    """Sines and cosines of relative positions length - 1 down to 1 - length, [1, 2 length - 1, dim]."""
    positions = torch.arange(length - 1, -length, -1.0)[:, None]
    rates = torch.exp(torch.arange(0, dim, 2.0) * -(math.log(10000.0) / dim))
    table = torch.zeros(2 * length - 1, dim)
    table[:, 0::2], table[:, 1::2] = torch.sin(positions * rates), torch.cos(positions * rates)
    return table[None]
