"""The NeMo front-end in PyTorch: samples to log-mel features, by the `front_end` section of a contract.

Follows NeMo's `FilterbankFeatures` (nemo/collections/asr/parts/preprocessing/features.py) at inference: no dither, zero
padding at the edges, all in f32 but for the filterbank, which is computed in f64 and stored as f32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from errors import InputError

# Slaney's mel scale: linear below 1000 Hz with 200/3 Hz a mel, logarithmic above with 27 mels for a factor of 6.4.
HZ_PER_MEL = 200.0 / 3.0
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / HZ_PER_MEL
LOG_STEP = math.log(6.4) / 27.0

# Added to the standard deviation by `per_feature` normalisation (NeMo's `CONSTANT`).
STD_GUARD = 1e-5


def hz_to_mel(hz: float) -> float:
    """Slaney's scale."""
    return hz / HZ_PER_MEL if hz < BREAK_HZ else BREAK_MEL + math.log(hz / BREAK_HZ) / LOG_STEP


def mel_to_hz(mel: float) -> float:
    """The inverse of `hz_to_mel`."""
    return mel * HZ_PER_MEL if mel < BREAK_MEL else BREAK_HZ * math.exp((mel - BREAK_MEL) * LOG_STEP)


def mel_filterbank(front_end: dict[str, Any], sample_rate: int) -> torch.Tensor:
    """Triangles of equal area over the FFT bins, f32 [mel_bins, fft / 2 + 1]."""
    low, high = hz_to_mel(front_end["low_hz"]), hz_to_mel(front_end["high_hz"])
    points = front_end["mel_bins"] + 2
    corners = torch.tensor(
        [mel_to_hz(low + (high - low) * i / (points - 1)) for i in range(points)], dtype=torch.float64
    )
    bins = torch.arange(front_end["fft"] // 2 + 1, dtype=torch.float64) * sample_rate / front_end["fft"]
    left, middle, right = (corners[i : points - 2 + i, None] for i in range(3))
    triangles = torch.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)).clamp_min(0.0)
    return (triangles * (2.0 / (right - left))).float()


def normalize(features: torch.Tensor, kind: str) -> torch.Tensor:
    """`features` [frames, mel_bins] as the encoder wants them: `none`, or `per_feature` over these frames."""
    if kind == "none":
        return features
    if kind != "per_feature":
        raise InputError(f"front_end.normalization: expected none or per_feature, found {kind}")
    # With N - 1; a single frame has no spread, where NeMo puts 0 for the NaN.
    spread = features.std(0, correction=1) if len(features) > 1 else torch.zeros_like(features[0])
    return (features - features.mean(0)) / (spread + STD_GUARD)


def log_mel(samples: np.ndarray, contract: dict[str, Any]) -> np.ndarray:
    """Mono f32 samples in [-1, 1] to f32 [samples / hop, mel_bins]; frame t is centred on sample t * hop."""
    front_end = contract["front_end"]
    frames = len(samples) // front_end["hop"]
    if frames == 0:
        raise InputError(f"audio: expected at least {front_end['hop']} samples, found {len(samples)}")
    x = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    x = torch.cat([x[:1], x[1:] - front_end["preemphasis"] * x[:-1]])
    spectrum = torch.stft(
        x,
        n_fft=front_end["fft"],
        hop_length=front_end["hop"],
        win_length=front_end["window"],
        window=torch.hann_window(front_end["window"], periodic=False),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    power = spectrum.abs().square()[:, :frames]
    mel = mel_filterbank(front_end, contract["sample_rate"]) @ power
    features = torch.log(mel + front_end["log_guard"]).T
    return normalize(features, front_end["normalization"]).contiguous().numpy()
