"""The embedded model in plain PyTorch, inference only: encoder, predictor and joint.

The encoder is Whisper's (two convolutions, 6 pre-norm layers) at 20 ms, four of its frames joined to one of 80 ms,
then 3 Conformer layers with Transformer-XL positions as in NeMo's FastConformer. Predictor and joint are NeMo's.
Attributes are named after the scopes of the graphs' nodes, by which `weights.py` finds the weights. Batch is always 1
and left out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Sizes that the contract does not hold, since no user of the graphs needs them.
ACOUSTIC_DIM, ACOUSTIC_LAYERS, ACOUSTIC_HEADS = 512, 6, 8
LAYERS, HEADS, FEED_FORWARD, KERNEL = 3, 6, 1024, 9
POSITIONS = 512
JOINT_HIDDEN = 320

# ln to log10: the features are natural logarithms, Whisper's layers were trained on decimal ones.
DECIMAL = 0.4342944819
# Whisper lifts what lies more than 8 (log10) below the maximum of the window to that floor, then takes (x + 4) / 4.
DYNAMIC_RANGE, SHIFT, SCALE = 8.0, 4.0, 4.0


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Softmax attention of [frames, heads, dim / heads]; `bias` [heads, frames, frames] is added to the scores."""
    q, k, v = (x.transpose(0, 1) for x in (q, k, v))
    scores = q @ k.transpose(1, 2)
    if bias is not None:
        scores = scores + bias
    weights = torch.softmax(scores / math.sqrt(q.shape[-1]), dim=-1)
    return (weights @ v).transpose(0, 1).flatten(1)


class AcousticLayer(nn.Module):
    """One layer of Whisper's encoder."""

    def __init__(self) -> None:
        super().__init__()
        d = ACOUSTIC_DIM
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.a, self.b = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        """[frames, 512] to the same."""
        q, k, v = self.qkv(self.n1(x)).unflatten(1, (3, ACOUSTIC_HEADS, -1)).unbind(1)
        x = x + self.o(attend(q, k, v))
        return x + self.b(F.gelu(self.a(self.n2(x))))


class AcousticEncoder(nn.Module):
    """Whisper's encoder, shorter than its position table where the audio is."""

    pos: Tensor

    def __init__(self, mel_bins: int, max_frames: int) -> None:
        super().__init__()
        d = ACOUSTIC_DIM
        self.c1 = nn.Conv1d(mel_bins, d, 3, stride=1, padding=1)
        self.c2 = nn.Conv1d(d, d, 3, stride=2, padding=1)
        self.register_buffer("pos", torch.empty(max_frames, d))
        self.layers = nn.ModuleList(AcousticLayer() for _ in range(ACOUSTIC_LAYERS))
        self.ln = nn.LayerNorm(d)

    def forward(self, x: Tensor) -> Tensor:
        """[mel_bins, mel_frames] to [ceil(mel_frames / 2), 512]."""
        x = F.gelu(self.c2(F.gelu(self.c1(x[None]))))[0].T
        x = x + self.pos[: len(x)]
        for layer in self.layers:
            x = layer(x)
        return self.ln(x)


class RelativeAttention(nn.Module):
    """Attention with relative positions after Transformer-XL (Dai et al., 2019)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.pos = nn.Linear(dim, dim, bias=False)
        self.u = nn.Parameter(torch.empty(HEADS, dim // HEADS))
        self.w = nn.Parameter(torch.empty(HEADS, dim // HEADS))

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """`x` [frames, dim]; `positions` [2 frames - 1, dim], relative ones from frames - 1 down."""
        frames = len(x)
        q, k, v, p = (y.unflatten(1, (HEADS, -1)) for y in (self.q(x), self.k(x), self.v(x), self.pos(positions)))
        by_position = (q + self.w).transpose(0, 1) @ p.permute(1, 2, 0)
        # Row i, column j takes relative position i - j, which is row frames - 1 - i + j of the table.
        index = frames - 1 - torch.arange(frames)[:, None] + torch.arange(frames)[None]
        bias = by_position.gather(2, index.expand(HEADS, -1, -1))
        return self.o(attend(q + self.u, k, v, bias))


class Convolution(nn.Module):
    """The Conformer's convolution module; its batch normalisation is part of `dw` in the graphs."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pw1, self.pw2 = nn.Conv1d(dim, 2 * dim, 1), nn.Conv1d(dim, dim, 1)
        self.dw = nn.Conv1d(dim, dim, KERNEL, padding=(KERNEL - 1) // 2, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """[frames, dim] to the same."""
        x = F.glu(self.pw1(x.T[None]), dim=1)
        return self.pw2(F.silu(self.dw(x)))[0].T


class FeedForward(nn.Module):
    """Two linear layers with SiLU between."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(dim, FEED_FORWARD), nn.Linear(FEED_FORWARD, dim)

    def forward(self, x: Tensor) -> Tensor:
        """[frames, dim] to the same."""
        return self.b(F.silu(self.a(x)))


class ConformerLayer(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, each with its norm before it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.n1, self.n2, self.n3, self.n4, self.n5 = (nn.LayerNorm(dim) for _ in range(5))
        self.f1, self.f2 = FeedForward(dim), FeedForward(dim)
        self.att, self.conv = RelativeAttention(dim), Convolution(dim)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """[frames, dim] to the same."""
        x = x + 0.5 * self.f1(self.n1(x))
        x = x + self.att(self.n2(x), positions)
        x = x + self.conv(self.n3(x))
        x = x + 0.5 * self.f2(self.n4(x))
        return self.n5(x)


class Encoder(nn.Module):
    """Log-mel features to encoder frames of 80 ms."""

    band: Tensor
    pe: Tensor

    def __init__(self, mel_bins: int, dim: int, max_mel_frames: int) -> None:
        super().__init__()
        # What pre-emphasis and the other window length take from each band of Whisper's own front-end, in log10.
        self.register_buffer("band", torch.empty(mel_bins))
        # Row r holds sines and cosines of relative position POSITIONS - 1 - r.
        self.register_buffer("pe", torch.empty(2 * POSITIONS - 1, dim))
        self.w = AcousticEncoder(mel_bins, max_mel_frames // 2)
        self.sub = nn.Linear(4 * ACOUSTIC_DIM, dim)
        self.layers = nn.ModuleList(ConformerLayer(dim) for _ in range(LAYERS))

    def forward(self, features: Tensor) -> Tensor:
        """[mel_frames, mel_bins] to [ceil(mel_frames / 8), dim]."""
        x = features * DECIMAL + self.band
        x = (torch.maximum(x, x.max() - DYNAMIC_RANGE) + SHIFT) / SCALE
        x = self.w(x.T)
        x = F.pad(x, (0, 0, 0, -len(x) % 4))
        x = self.sub(x.reshape(-1, 4 * ACOUSTIC_DIM))
        positions = self.pe[POSITIONS - len(x) : POSITIONS + len(x) - 1]
        for layer in self.layers:
            x = layer(x, positions)
        return x


class Predictor(nn.Module):
    """The prediction network: the embedding of a token, then LSTM layers. Blank's embedding is zero."""

    def __init__(self, pieces: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(pieces + 1, hidden)
        self.rnn = nn.LSTM(hidden, hidden, layers)

    def forward(self, token: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """`token` [1], `state` h and c, each [layers, hidden], to the output [1, hidden] and the next state."""
        return self.rnn(self.emb(token), state)


class Joint(nn.Module):
    """An encoder frame and a prediction to raw logits: tokens, blank, durations."""

    def __init__(self, dim: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.enc, self.pred = nn.Linear(dim, JOINT_HIDDEN), nn.Linear(hidden, JOINT_HIDDEN)
        self.out = nn.Linear(JOINT_HIDDEN, classes)

    def forward(self, frame: Tensor, prediction: Tensor) -> Tensor:
        """[dim] and [hidden] to [classes]."""
        return self.out(F.relu(self.enc(frame) + self.pred(prediction)))
