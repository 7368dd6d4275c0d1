"""The sizes of the model: those of the embedded one, and tiny ones for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Everything that the weights' shapes follow from."""

    # Whisper's encoder; the values are those of Whisper base, whose weights it starts from.
    acoustic_dim: int = 512
    acoustic_layers: int = 6
    acoustic_heads: int = 8
    # Length of Whisper's position table: 30 s in frames of 20 ms.
    acoustic_positions: int = 1500
    # The FastConformer layers on frames of 80 ms.
    dim: int = 384
    layers: int = 3
    feed_forward: int = 1024
    heads: int = 6
    kernel: int = 9
    # Longest input of the relative positions, in frames of 80 ms.
    positions: int = 512
    # Pieces of the vocabulary; blank is the one after.
    pieces: int = 512
    # Units of the predictor's LSTM, and of the joint network.
    hidden: int = 320
    joint: int = 320
    durations: int = 5


EMBEDDED = Sizes()
TOY = Sizes(
    acoustic_dim=32,
    acoustic_layers=1,
    acoustic_heads=2,
    dim=32,
    layers=1,
    feed_forward=64,
    heads=2,
    hidden=32,
    joint=32,
)
NAMED = {"embedded": EMBEDDED, "toy": TOY}
