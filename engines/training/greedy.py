"""Greedy TDT decoding of a batch, for validation."""

from __future__ import annotations

import torch
from model import TdtModel
from torch import Tensor

MAX_SYMBOLS = 10


@torch.no_grad()
def greedy(model: TdtModel, frames: Tensor, lengths: Tensor) -> list[list[int]]:
    """Encoder frames [B, dim, T], `lengths` [B], to the tokens of each."""
    batch, device, blank = frames.shape[0], frames.device, model.sizes.pieces
    h = c = torch.zeros(1, batch, model.sizes.hidden, device=device)
    prediction, h, c = model.pred(torch.full((batch, 1), blank, device=device), h, c)
    at = torch.zeros(batch, dtype=torch.long, device=device)
    symbols = torch.zeros_like(at)
    rows = torch.arange(batch, device=device)
    found: list[list[int]] = [[] for _ in range(batch)]
    while True:
        active = at < lengths
        if not active.any():
            return found
        frame = frames[rows, :, at.clamp_max(frames.shape[2] - 1)][:, :, None]
        logits = model.joint(frame, prediction)[:, 0, 0].float()
        token = logits[:, : blank + 1].argmax(-1)
        duration = logits[:, blank + 1 :].argmax(-1)
        is_blank = token == blank
        duration = torch.where(is_blank & (duration == 0), 1, duration)
        symbols = torch.where(duration > 0, 0, symbols + 1)
        duration = torch.where(symbols >= MAX_SYMBOLS, 1, duration)
        symbols = torch.where(duration > 0, 0, symbols)
        emits = active & ~is_blank
        if emits.any():
            new, h_new, c_new = model.pred(torch.where(emits, token, blank)[:, None], h, c)
            h, c = (torch.where(emits[None, :, None], a, b) for a, b in ((h_new, h), (c_new, c)))
            prediction = torch.where(emits[:, None, None], new, prediction)
            for row in emits.nonzero().flatten().tolist():
                found[row].append(int(token[row]))
        at = torch.where(active, at + duration, at)
