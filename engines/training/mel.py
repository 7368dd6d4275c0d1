"""The two front-ends in batches: the model's own (NeMo's, without normalisation) and Whisper's, for the teacher."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

HOP = 160
MEL_BINS = 80
# NeMo's guard against the logarithm of zero (`log_zero_guard_value`), and its pre-emphasis.
LOG_GUARD = 2.0**-24
PREEMPHASIS = 0.97


def filterbank(mel_bins: int, fft: int, sample_rate: int = 16_000) -> Tensor:
    """Slaney's triangles of equal area from 0 Hz to half the sample rate, f32 [mel_bins, fft / 2 + 1]."""
    # Linear below 1000 Hz with 200/3 Hz a mel, logarithmic above with 27 mels for a factor of 6.4.
    step, knee = np.log(6.4) / 27.0, 15.0
    top = knee + np.log(sample_rate / 2 / 1000.0) / step
    mels = np.linspace(0.0, top, mel_bins + 2)
    corners = np.where(mels < knee, mels * 200.0 / 3.0, 1000.0 * np.exp((mels - knee) * step))
    bins = np.arange(fft // 2 + 1) * sample_rate / fft
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)).clip(0.0)
    return torch.from_numpy((triangles * 2.0 / (right - left)).astype(np.float32))


class ModelMel(nn.Module):
    """Audio [B, samples] at 16 kHz to natural logarithms of mel energies [B, 80, samples / 160]."""

    window: Tensor
    triangles: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(400, periodic=False), persistent=False)
        self.register_buffer("triangles", filterbank(MEL_BINS, 512), persistent=False)

    @torch.autocast("cuda", enabled=False)
    def forward(self, audio: Tensor) -> Tensor:
        """Frame t is centred on sample 160 t; the edges are padded with zeros."""
        emphasised = torch.cat([audio[:, :1], audio[:, 1:] - PREEMPHASIS * audio[:, :-1]], 1)
        spectrum = torch.stft(
            emphasised, 512, HOP, 400, self.window, center=True, pad_mode="constant", return_complex=True
        )
        energies = self.triangles @ spectrum.abs().square()
        return torch.log(energies + LOG_GUARD)[..., : audio.shape[1] // HOP]


class WhisperMel(nn.Module):
    """Audio [B, samples] at 16 kHz to Whisper's features [B, 80, samples / 160] (openai/whisper, `audio.py`)."""

    window: Tensor
    triangles: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(400), persistent=False)
        self.register_buffer("triangles", filterbank(MEL_BINS, 400), persistent=False)

    @torch.autocast("cuda", enabled=False)
    def decimal(self, audio: Tensor) -> Tensor:
        """Decimal logarithms of the mel energies."""
        spectrum = torch.stft(audio, 400, HOP, window=self.window, center=True, return_complex=True)[..., :-1]
        return torch.log10((self.triangles @ spectrum.abs().square()).clamp_min(1e-10))

    def forward(self, audio: Tensor) -> Tensor:
        """Decimal logarithms, at most 8 below each utterance's maximum, then (x + 4) / 4."""
        mel = self.decimal(audio)
        mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0)
        return (mel + 4.0) / 4.0
