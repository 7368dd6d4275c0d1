"""The second half of Kokoro: from phonemes spread over time, pitch and loudness to a waveform at 24 kHz.

A frame is 25 ms, 600 samples; pitch and loudness come twice a frame, so each of their values spans 300 samples. Those
are made as frames of a short Fourier transform (20 samples, 5 apart). Arrays are [1, channels, time] unless said.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from kokoro_layers import LeakyBlock, SnakeBlock, Style, Weights, make_snake
from torch import Tensor

SAMPLE_RATE = 24_000
# Samples for each value of the pitch.
SPAN = 300
# Of the short Fourier transform, in samples; bins from 0 Hz.
FFT, HOP, BINS = 20, 5, 11
HARMONICS = 9
# Below this pitch, in Hz, a sound is unvoiced.
VOICED = 10.0
# Amplitude of the harmonics; of the noise beside them; of the noise where there is no voice.
SINE, VOICED_NOISE, UNVOICED_NOISE = 0.1, 0.003, 0.1 / 3
# Of the generator's two steps: stride and padding of the transposed convolution, then of the source's convolution.
STEPS = (((10, 5), (6, 3)), ((6, 3), (1, 0)))


class Source:
    """Sines at the pitch and its overtones, with noise, as spectrum and phase."""

    def __init__(self, weights: Weights, device: torch.device, noise: bool) -> None:
        self.noise = noise
        # Cycles a sample of each harmonic, for 1 Hz of pitch.
        self.cycles = torch.arange(1, HARMONICS + 1, device=device, dtype=torch.float32).view(1, -1, 1) / SAMPLE_RATE
        self.mix = weights["lin.w"].view(1, -1, 1)
        self.mix_bias = weights["lin.b"]
        # In f64: f32 leaves too much error in the phase of weak bins.
        sample = torch.arange(FFT, dtype=torch.float64)[:, None]
        angle = 2 * math.pi * sample * torch.arange(BINS, dtype=torch.float64)[None] / FFT
        window = weights["stft.window"].double().cpu()[:, None]
        # [20, 22]: real parts, then imaginary parts
        self.transform = torch.cat([torch.cos(angle) * window, -torch.sin(angle) * window], 1).to(device)

    def __call__(self, pitch: Tensor, generator: torch.Generator | None) -> Tensor:
        """Pitch [1, 2 frames] in Hz to [1, 22, 120 frames + 1]."""
        pitch = pitch[:, None]
        cycles = pitch * self.cycles
        # Whole cycles make no difference, and the sum stays small.
        cycles = cycles - cycles.floor()
        phase = torch.cumsum(cycles, 2) * (2 * math.pi * SPAN)
        sines = torch.sin_(F.interpolate(phase, scale_factor=SPAN, mode="linear"))
        voiced = (pitch > VOICED).float().repeat_interleave(SPAN, 2)
        if self.noise:
            noise = torch.randn(sines.shape, device=sines.device, generator=generator)
            sines = sines * (SINE * voiced) + noise * (voiced * (VOICED_NOISE - UNVOICED_NOISE) + UNVOICED_NOISE)
        else:
            sines = sines * (SINE * voiced)
        # [1, 600 frames]
        wave = torch.tanh((sines * self.mix).sum(1) + self.mix_bias)
        frames = F.pad(wave[None], (FFT // 2, FFT // 2), mode="reflect")[0, 0].double().unfold(0, FFT, HOP)
        spectrum = (frames @ self.transform).float()
        real, imaginary = spectrum[:, :BINS], spectrum[:, BINS:]
        return torch.cat([torch.hypot(real, imaginary), torch.atan2(imaginary, real)], 1).t()[None].contiguous()


class Generator:
    """From the decoder's output and the source to the waveform."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        name, snake = "decoder.generator", make_snake(device)

        def pair(module: str) -> tuple[Tensor, Tensor]:
            return weights[f"{name}.{module}.weight"], weights[f"{name}.{module}.bias"]

        self.up = [pair(f"ups.{i}") for i in (0, 1)]
        self.source = [pair(f"noise_convs.{i}") for i in (0, 1)]
        self.source_blocks = [SnakeBlock(weights, f"{name}.noise_res.{i}", snake) for i in (0, 1)]
        self.blocks = [SnakeBlock(weights, f"{name}.resblocks.{i}", snake) for i in range(6)]
        self.post = pair("conv_post")
        # [22, 20]; the ONNX graph multiplies its waveform by the same number.
        self.inverse = (weights["istft.basis"][:, 0].double() * (FFT // HOP)).contiguous()

    def __call__(self, x: Tensor, source: Tensor, style: Style) -> Tensor:
        """[1, 512, 2 frames] and [1, 22, 120 frames + 1] to [samples]."""
        for i, ((stride, padding), (source_stride, source_padding)) in enumerate(STEPS):
            x = F.leaky_relu_(x, 0.1)
            excitation = F.conv1d(source, *self.source[i], source_stride, source_padding)
            excitation = self.source_blocks[i](excitation, style)
            x = F.conv_transpose1d(x, *self.up[i], stride, padding)
            if i == 1:
                x = F.pad(x, (1, 0), mode="reflect")
            x = x + excitation
            total, second, third = (block(x, style) for block in self.blocks[3 * i : 3 * i + 3])
            x = total.add_(second).add_(third).mul_(1 / 3)
        x = F.conv1d(F.leaky_relu_(x, 0.01), *self.post, 1, 3)[0]
        return self.overlap_add(torch.exp(x[:BINS]), torch.sin(x[BINS:]))

    def overlap_add(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """The inverse short Fourier transform, [11, frames] each to [samples]."""
        spectrum = torch.cat([magnitude * torch.cos(phase), magnitude * torch.sin(phase)], 0).t().double()
        frames = (spectrum @ self.inverse).float()
        count, overlap = frames.shape[0], FFT // HOP
        out = torch.zeros(count + overlap - 1, HOP, device=frames.device)
        for i in range(overlap):
            out[i : i + count] += frames[:, HOP * i : HOP * (i + 1)]
        return out.view(-1)[FFT // 2 : -FFT // 2]


class Vocoder:
    """Decoder and generator."""

    def __init__(self, weights: Weights, device: torch.device, noise: bool) -> None:
        self.harmonics = Source(weights, device, noise)
        self.generator = Generator(weights, device)
        self.pitch = (weights["decoder.F0_conv.weight"], weights["decoder.F0_conv.bias"], 2, 1)
        self.loudness = (weights["decoder.N_conv.weight"], weights["decoder.N_conv.bias"], 2, 1)
        self.shortcut = (weights["decoder.asr_res.0.weight"], weights["decoder.asr_res.0.bias"])
        self.encode = LeakyBlock(weights, "decoder.encode")
        self.decode = [LeakyBlock(weights, f"decoder.decode.{i}") for i in range(4)]

    def __call__(
        self, text: Tensor, pitch: Tensor, loudness: Tensor, style: Style, generator: torch.Generator | None
    ) -> Tensor:
        """[1, 512, frames] and [1, 1, 2 frames] twice to [samples]."""
        source = self.harmonics(pitch[:, 0], generator)
        curves = [F.conv1d(pitch, *self.pitch), F.conv1d(loudness, *self.loudness)]
        x = self.encode(torch.cat([text, *curves], 1), style)
        beside = torch.cat([F.conv1d(text, *self.shortcut), *curves], 1)
        for block in self.decode:
            x = block(torch.cat([x, beside], 1), style)
        return self.generator(x, source, style)
