"""Augmentation of a batch of speech on its device: speed, equaliser, reverberation, noise, level, and SpecAugment.

Audio is [B, N] at 16 kHz, full scale 1, of which each row's first `lengths` samples count and the rest is zero. N is a
multiple of `GRID` before and after, so that few distinct shapes occur and the plans of the FFTs are kept.

All draws but that of the speed are made on the device by its generator, so that nothing waits for it. The speed is one
per batch, since it changes N.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SAMPLE_RATE = 16_000
# Samples; 0.64 s, 64 mel frames.
GRID = 10_240
# The factors of the length are multiples of 1 / 40, which divides GRID: the FFTs' sizes stay products of small primes.
LENGTH_STEPS = 40
IMPULSE_SAMPLES = SAMPLE_RATE // 2
# Below this root mean square (-80 dB) interfering sound counts as none and is not brought up to a level.
NOTHING = 1e-4


@dataclass(frozen=True)
class AugmentSettings:
    """How often and how strongly. Draws are uniform between `_min` and `_max`; decibels are of amplitude."""

    # Share of batches that are made longer (slower and lower) or shorter.
    speed_probability: float = 0.5
    # New length by old length; see `LENGTH_STEPS`.
    length_factor_min: float = 0.88
    length_factor_max: float = 1.14

    # Share of utterances with the equaliser, whose gain is random at evenly spaced frequencies and linear between.
    equaliser_probability: float = 0.7
    equaliser_points: int = 10
    # Standard deviation of the gain at a point, dB.
    equaliser_deviation_db: float = 4.0
    # Share of the equalised utterances that are cut off at a frequency (Hz), by 60 dB over some 500 Hz.
    low_pass_probability: float = 0.2
    low_pass_min_hz: float = 3200.0
    low_pass_max_hz: float = 7500.0

    # Share of utterances with reverberation.
    reverberation_probability: float = 0.45
    # Time in which it decays by 60 dB, s.
    decay_min_s: float = 0.08
    decay_max_s: float = 0.6
    # Amplitude of the reverberation by that of the direct sound (root of the ratio of energies).
    reverberation_min: float = 0.05
    reverberation_max: float = 0.9
    # Silence between the direct sound and the first reflection, s.
    reflection_delay_s: float = 0.002

    # Share of utterances with noise, and share of these where it is two other utterances of the batch.
    noise_probability: float = 0.75
    babble_probability: float = 0.25
    # Root mean square of the speech by that of the noise over the utterance, dB.
    noise_snr_min_db: float = 4.0
    noise_snr_max_db: float = 45.0
    babble_snr_min_db: float = 8.0
    babble_snr_max_db: float = 25.0
    # Amplitude of the second voice by that of the first.
    second_voice: float = 0.7
    # The noise's amplitude falls with frequency ** -slope above a corner (Hz) and is flat below: 0 white, 1 brown.
    noise_slope_min: float = 0.0
    noise_slope_max: float = 1.0
    noise_corner_hz: float = 50.0

    # Share of utterances brought to a random level; the peak, dB of full scale.
    level_probability: float = 1.0
    level_min_db: float = -22.0
    level_max_db: float = -0.5
    # An utterance of a peak below this (full scale 1) is silence: its level stays, so that its noise stays faint.
    silence_peak: float = 1e-3
    # What silence's noise is relative to: a root mean square, full scale 1.
    silence_reference: float = 3e-3
    # Root mean square of the white noise that every utterance gets last, full scale 1. About one 16-bit step.
    dither: float = 3e-5

    # SpecAugment: masks over mel bins, each of 0 to so many bins.
    bin_masks: int = 2
    bin_mask_width: int = 15
    # Masks over time, each of 0 to so many mel frames.
    time_masks: int = 5
    time_mask_width: int = 21
    # Masks are narrowed so that together they cover at most this share of the bins, or of the utterance's frames.
    mask_share: float = 0.7


@torch.no_grad()
def augment(
    audio: Tensor, lengths: Tensor, generator: Generator, rng: random.Random, settings: AugmentSettings
) -> tuple[Tensor, Tensor, float]:
    """`audio` [B, N] and `lengths` [B] (samples) to the same, N possibly another, and the factor of the lengths.

    `generator` is one of the audio's device. What lengths became is `scaled_lengths(lengths, factor)` on any device.
    """
    if audio.shape[1] % GRID:
        raise ValueError(f"{audio.shape[1]} samples are not a multiple of {GRID}.")
    audio = audio * inside(audio, lengths)
    factor = draw_length_factor(rng, settings)
    silent = peak(audio) < settings.silence_peak
    audio, lengths = resample_batch(audio, lengths, factor)

    batch = len(audio)
    size = fft_size(audio.shape[1])
    response = equaliser_response(batch, size // 2 + 1, generator, settings)
    impulses = impulse_responses(batch, generator, settings)
    audio = filter_batch(audio, lengths, response, impulses)
    audio = add_noise(audio, lengths, silent, generator, settings)
    audio = set_level(audio, silent, generator, settings)
    hiss = torch.randn(audio.shape, device=audio.device, generator=generator)
    audio = (audio + settings.dither * hiss) * inside(audio, lengths)
    return audio, lengths, factor


def inside(audio: Tensor, lengths: Tensor) -> Tensor:
    """Which samples [B, N] count."""
    return torch.arange(audio.shape[1], device=audio.device) < lengths[:, None]


def peak(audio: Tensor) -> Tensor:
    """The largest magnitude of each row, [B, 1]."""
    return audio.abs().amax(1, keepdim=True)


def root_mean_square(audio: Tensor, lengths: Tensor) -> Tensor:
    """Over each row's own samples, [B, 1]; beyond them `audio` [B, N] is zero."""
    return (audio.square().sum(1, keepdim=True) / lengths.clamp_min(1)[:, None]).sqrt()


def uniform(batch: int, low: float, high: float, generator: Generator) -> Tensor:
    """[B, 1] numbers between two bounds."""
    return low + (high - low) * torch.rand(batch, 1, device=generator.device, generator=generator)


def chance(batch: int, probability: float, generator: Generator) -> Tensor:
    """[B, 1] booleans."""
    return torch.rand(batch, 1, device=generator.device, generator=generator) < probability


def amplitude(decibels: Tensor) -> Tensor:
    """Decibels to a factor."""
    return torch.exp(decibels * (math.log(10) / 20))


def draw_length_factor(rng: random.Random, settings: AugmentSettings) -> float:
    """1, or a multiple of 1 / `LENGTH_STEPS` within the bounds."""
    if rng.random() >= settings.speed_probability:
        return 1.0
    # Products such as 1.1 * 40 may come out just beside an integer.
    low = math.ceil(settings.length_factor_min * LENGTH_STEPS - 1e-6)
    high = math.floor(settings.length_factor_max * LENGTH_STEPS + 1e-6)
    return rng.randint(low, high) / LENGTH_STEPS


def scaled_lengths(lengths: Tensor, factor: float) -> Tensor:
    """Lengths (samples) after a change of speed, rounded: the same on the host and on a GPU."""
    return (lengths.double() * factor).round().long()


def resample_batch(audio: Tensor, lengths: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Makes `audio` [B, N] longer by `factor`, a multiple of 1 / `LENGTH_STEPS`; frequencies are divided by it.

    By FFT, which neither dulls nor aliases the high frequencies. N grows to the next multiple of `GRID`.
    """
    if factor == 1.0:
        return audio, lengths
    before = audio.shape[1]
    after = before * round(factor * LENGTH_STEPS) // LENGTH_STEPS
    spectrum = torch.fft.rfft(audio)
    audio = torch.fft.irfft(spectrum[:, : after // 2 + 1] * (after / before), after)
    lengths = scaled_lengths(lengths, factor)
    audio = F.pad(audio, (0, -after % GRID))
    return audio * inside(audio, lengths), lengths


def fft_size(samples: int) -> int:
    """A power of two that also holds the tail of an impulse response, and what an equaliser smears before the start."""
    return 1 << (samples + 2 * IMPULSE_SAMPLES - 1).bit_length()


def equaliser_response(batch: int, bins: int, generator: Generator, settings: AugmentSettings) -> Tensor:
    """Factors [B, bins] for the frequencies from 0 to half the sample rate, 1 where the equaliser is off."""
    gain = settings.equaliser_deviation_db * torch.randn(
        batch, 1, settings.equaliser_points, device=generator.device, generator=generator
    )
    gain = F.interpolate(gain, size=bins, mode="linear", align_corners=True)[:, 0]
    cut = chance(batch, settings.low_pass_probability, generator)
    edge = uniform(batch, settings.low_pass_min_hz, settings.low_pass_max_hz, generator)
    frequency = torch.linspace(0, SAMPLE_RATE / 2, bins, device=generator.device)
    gain = gain - 60 * cut * torch.sigmoid((frequency - edge) / 100)
    off = ~chance(batch, settings.equaliser_probability, generator)
    return amplitude(gain.masked_fill(off, 0.0))


def impulse_responses(batch: int, generator: Generator, settings: AugmentSettings) -> Tensor:
    """[B, IMPULSE_SAMPLES]: the direct sound, 1 at the start, then noise that decays exponentially."""
    device = generator.device
    time = torch.arange(IMPULSE_SAMPLES, device=device) / SAMPLE_RATE
    decay = uniform(batch, settings.decay_min_s, settings.decay_max_s, generator)
    noise = torch.randn(batch, IMPULSE_SAMPLES, device=device, generator=generator)
    # e^-6.9 is -60 dB.
    tail = noise * torch.exp(-6.9 * time / decay) * (time > settings.reflection_delay_s)
    tail = tail / (tail.square().sum(1, keepdim=True).sqrt() + 1e-6)
    tail = tail * uniform(batch, settings.reverberation_min, settings.reverberation_max, generator)
    tail = tail * chance(batch, settings.reverberation_probability, generator)
    tail[:, 0] = 1.0
    return tail


def filter_batch(audio: Tensor, lengths: Tensor, response: Tensor, impulses: Tensor) -> Tensor:
    """`audio` [B, N] through an equaliser [B, fft_size(N) // 2 + 1] and a room [B, IMPULSE_SAMPLES].

    What rings on beyond the lengths is cut. The equaliser changes no phases, so it smears a few milliseconds to both
    sides; the room only adds what follows.
    """
    samples = audio.shape[1]
    size = fft_size(samples)
    spectrum = torch.fft.rfft(audio, size) * response * torch.fft.rfft(impulses, size)
    return torch.fft.irfft(spectrum, size)[:, :samples] * inside(audio, lengths)


def coloured_noise(batch: int, samples: int, generator: Generator, settings: AugmentSettings) -> Tensor:
    """[B, samples] of a root mean square of about 1; without a constant part."""
    device = generator.device
    bins = samples // 2 + 1
    frequency = torch.linspace(0, SAMPLE_RATE / 2, bins, device=device)
    slope = uniform(batch, settings.noise_slope_min, settings.noise_slope_max, generator)
    shape = frequency.clamp_min(settings.noise_corner_hz) ** -slope * (frequency > 0)
    shape = shape / shape.square().mean(1, keepdim=True).sqrt()
    white = torch.randn(batch, bins, device=device, generator=generator, dtype=torch.complex64)
    return torch.fft.irfft(white * shape, samples, norm="ortho")


def babble(speech: Tensor, second_voice: float) -> Tensor:
    """For each utterance of [B, N] the sum of two others of the batch."""
    return torch.roll(speech, 1, 0) + second_voice * torch.roll(speech, 2, 0)


def add_noise(
    speech: Tensor, lengths: Tensor, silent: Tensor, generator: Generator, settings: AugmentSettings
) -> Tensor:
    """`speech` [B, N] with noise at a signal-to-noise ratio; both levels are taken over the utterance's own samples.

    Where `silent` [B, 1], the noise is relative to `silence_reference`. Babble of silent utterances is not amplified.
    """
    batch = len(speech)
    noise = coloured_noise(*speech.shape, generator, settings)
    snr = uniform(batch, settings.noise_snr_min_db, settings.noise_snr_max_db, generator)
    if batch > 2:  # Else there are no two others.
        voices = chance(batch, settings.babble_probability, generator)
        voices_snr = uniform(batch, settings.babble_snr_min_db, settings.babble_snr_max_db, generator)
        noise = torch.where(voices, babble(speech, settings.second_voice), noise)
        snr = torch.where(voices, voices_snr, snr)
    noise = noise * inside(speech, lengths)
    reference = root_mean_square(speech, lengths).masked_fill(silent, settings.silence_reference)
    gain = reference * amplitude(-snr) / root_mean_square(noise, lengths).clamp_min(NOTHING)
    return speech + noise * gain * chance(batch, settings.noise_probability, generator)


def set_level(audio: Tensor, silent: Tensor, generator: Generator, settings: AugmentSettings) -> Tensor:
    """Brings the peaks of [B, N] to random levels, except where `silent` [B, 1]."""
    level = amplitude(uniform(len(audio), settings.level_min_db, settings.level_max_db, generator))
    leave = silent | ~chance(len(audio), settings.level_probability, generator)
    return audio * (level / peak(audio).clamp_min(NOTHING)).masked_fill(leave, 1.0)


@torch.no_grad()
def mask_features(
    features: Tensor, frames: Tensor, generator: Generator, settings: AugmentSettings | None = None
) -> Tensor:
    """SpecAugment: `features` [B, bins, T] with random bands and stretches of time at 0, the mean of normalised ones.

    `frames` [B] are the utterances' own; stretches start within them.
    """
    settings = settings or AugmentSettings()
    batch, bins, time = features.shape
    all_bins = torch.full((batch,), bins, device=features.device)
    bands = _masks(bins, all_bins, settings.bin_masks, settings.bin_mask_width, generator, settings.mask_share)
    stretches = _masks(time, frames, settings.time_masks, settings.time_mask_width, generator, settings.mask_share)
    return features.masked_fill(bands[:, :, None] | stretches[:, None], 0.0)


def _masks(size: int, extent: Tensor, masks: int, width: int, generator: Generator, share: float) -> Tensor:
    """[B, size]: `masks` random stretches of up to `width`, in all at most `share`, of the first `extent` [B]."""
    limit = (extent * (share / max(1, masks))).long().clamp_max(width)
    draw = torch.rand(2, len(extent), masks, device=generator.device, generator=generator)
    widths = (draw[0] * (limit + 1)[:, None]).long()
    starts = (draw[1] * (extent[:, None] - widths + 1)).long()
    index = torch.arange(size, device=extent.device)
    hit = (index >= starts[..., None]) & (index < (starts + widths)[..., None])
    return hit.any(1)
