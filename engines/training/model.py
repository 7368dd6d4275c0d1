"""The TDT model: Whisper's encoder, FastConformer layers at 80 ms, predictor and joint; and a CTC head for training."""

from __future__ import annotations

import torch
from fastconformer import Layer, position_table
from sizes import EMBEDDED, Sizes
from torch import Tensor, nn
from torch.nn import functional as F
from whisper import WhisperEncoder

# ln to log10: the features are natural logarithms, Whisper's layers were trained on decimal ones.
DECIMAL = 0.4342944819
# Whisper lifts what lies more than 8 (log10) below the utterance's maximum to that floor, then takes (x + 4) / 4.
DYNAMIC_RANGE, SHIFT, SCALE = 8.0, 4.0, 4.0
# Frames of 20 ms that become one of 80 ms.
STACK = 4
DROPOUT = 0.1


class Encoder(nn.Module):
    """Features [B, 80, T] to (frames [B, dim, ceil(T / 8)], lengths [B])."""

    band: Tensor
    pe: Tensor

    def __init__(self, sizes: Sizes, mel_bins: int = 80) -> None:
        super().__init__()
        # What pre-emphasis and the other window length take from each band of Whisper's own front-end, in log10.
        self.register_buffer("band", torch.zeros(mel_bins))
        self.w = WhisperEncoder(sizes, mel_bins)
        self.sub = nn.Linear(STACK * sizes.acoustic_dim, sizes.dim)
        self.layers = nn.ModuleList(
            Layer(sizes.dim, sizes.heads, sizes.feed_forward, sizes.kernel, DROPOUT) for _ in range(sizes.layers)
        )
        self.positions = sizes.positions
        self.register_buffer("pe", position_table(sizes.positions, sizes.dim), persistent=False)

    def to_whisper(self, features: Tensor, frames: Tensor | None = None) -> Tensor:
        """The model's features on the scale of Whisper's; zero after an utterance's end."""
        x = features * DECIMAL + self.band[None, :, None]
        if frames is None:
            top = x.amax((1, 2), keepdim=True)
            return (torch.maximum(x, top - DYNAMIC_RANGE) + SHIFT) / SCALE
        inside = (torch.arange(features.shape[-1], device=x.device)[None] < frames[:, None])[:, None]
        top = x.masked_fill(~inside, -1e4).amax((1, 2), keepdim=True)
        return (torch.maximum(x, top - DYNAMIC_RANGE) + SHIFT) / SCALE * inside

    def forward(self, features: Tensor) -> tuple[Tensor, None]:
        """Unpadded features, as the program gives them."""
        encoded, _ = self.stacked(self.w(self.to_whisper(features)), None)
        return encoded, None

    def padded(self, scaled: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A padded batch on Whisper's scale: (encoder frames, their lengths, Whisper's own output [B, T / 2, dim])."""
        acoustic = self.w(scaled, frames)
        encoded, lengths = self.stacked(acoustic, (frames + 1) // 2)
        assert lengths is not None
        return encoded, lengths, acoustic

    def stacked(self, acoustic: Tensor, count: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Frames of 20 ms ([B, N, acoustic dim], `count` of them audio) through the layers at 80 ms."""
        batch, frames, dim = acoustic.shape
        x = F.pad(acoustic, (0, 0, 0, (-frames) % STACK))
        mask = inside = lengths = None
        if count is not None:
            x = x * (torch.arange(x.shape[1], device=x.device)[None] < count[:, None])[..., None]
        x = self.sub(x.reshape(batch, -1, STACK * dim))
        length = x.shape[1]
        if count is not None:
            lengths = (count + STACK - 1) // STACK
            kept = torch.arange(length, device=x.device)[None] < lengths[:, None]
            # Rows after the end attend to everything: a row without any would be NaN.
            mask = (kept[:, None, None, :] & kept[:, None, :, None]) | ~kept[:, None, :, None]
            inside = kept.to(x.dtype)
        positions = self.pe[:, self.positions - length : self.positions + length - 1].to(x.dtype)
        for layer in self.layers:
            x = layer(x, positions, mask, inside)
        return x.transpose(1, 2), lengths


class Predictor(nn.Module):
    """Tokens [B, U] and LSTM state to ([B, hidden, U], h, c); blank embeds to zero."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.emb = nn.Embedding(sizes.pieces + 1, sizes.hidden, padding_idx=sizes.pieces)
        self.rnn = nn.LSTM(sizes.hidden, sizes.hidden, batch_first=True)

    def forward(self, tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States are [1, B, hidden]."""
        output, (h, c) = self.rnn(self.emb(tokens), (h, c))
        return output.transpose(1, 2), h, c


class Joint(nn.Module):
    """Frames [B, dim, T] and predictions [B, hidden, U] to raw logits [B, T, U, pieces + 1 + durations]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.enc, self.pred = nn.Linear(sizes.dim, sizes.joint), nn.Linear(sizes.hidden, sizes.joint)
        self.out, self.drop = nn.Linear(sizes.joint, sizes.pieces + 1 + sizes.durations), nn.Dropout(DROPOUT)

    def forward(self, frames: Tensor, predictions: Tensor) -> Tensor:
        """Every frame with every prediction."""
        x = self.enc(frames.transpose(1, 2)).unsqueeze(2) + self.pred(predictions.transpose(1, 2)).unsqueeze(1)
        return self.out(self.drop(F.relu(x)))


class TdtModel(nn.Module):
    """All of it. The attributes' names are the scopes in the exported graphs."""

    def __init__(self, sizes: Sizes = EMBEDDED) -> None:
        super().__init__()
        self.sizes = sizes
        self.enc, self.pred, self.joint = Encoder(sizes), Predictor(sizes), Joint(sizes)
        self.ctc = nn.Linear(sizes.dim, sizes.pieces + 1)
