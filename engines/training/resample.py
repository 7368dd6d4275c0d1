"""Resampling on the GPU, by any ratio, without a plan for each length."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Samples on each side that a resampled one is made of, and the filter's edge as a share of half the lower rate.
HALF_WIDTH, EDGE = 28, 0.94


def resample(samples: Tensor, ratio: float) -> Tensor:
    """[n] to [n * ratio] by windowed sinc, for a ratio of 0.4 to 1.

    Gathers and elementwise work only: for a Fourier transform or a convolution each new length would be planned anew.
    """
    device = samples.device
    position = torch.arange(int(samples.shape[0] * ratio), device=device, dtype=torch.float64) / ratio
    first = position.floor()
    taps = torch.arange(-HALF_WIDTH + 1, HALF_WIDTH + 1, device=device)
    # [n * ratio, 56], in input samples
    distance = taps - (position - first).float()[:, None]
    cutoff = EDGE * min(1.0, ratio)
    window = torch.sinc(distance * cutoff)
    window.mul_(torch.cos_(distance.mul_(math.pi / (2 * HALF_WIDTH + 1))).square_())
    padded = F.pad(samples, (HALF_WIDTH, HALF_WIDTH))
    return (padded[(first.long() + HALF_WIDTH)[:, None] + taps] * window).sum(1) * cutoff
