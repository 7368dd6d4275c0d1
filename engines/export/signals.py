"""Signals that need no file: noise, and something like speech."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000
# Formants in Hz of six vowels (after Peterson and Barney, 1952), and their bandwidths.
VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
    (640, 1190, 2390),
)
BANDWIDTHS = (90.0, 110.0, 170.0)


def resonated(x: np.ndarray, hz: float, width: float) -> np.ndarray:
    """Through a resonator of two poles, by its impulse response: short enough that no recursion is needed."""
    decay, angle = np.exp(-np.pi * width / SAMPLE_RATE), 2.0 * np.pi * hz / SAMPLE_RATE
    n = np.arange(400)
    response = decay**n * np.sin((n + 1) * angle)
    return np.convolve(x, response)[: len(x)]


def voice(seconds: float) -> np.ndarray:
    """Syllables of 0.2 s, each a burst of noise and a vowel on a falling pitch; every fifth is a pause. f32 in [-1, 1]."""
    generator = np.random.default_rng(1)
    syllable = SAMPLE_RATE // 5
    out = np.zeros(round(seconds * SAMPLE_RATE))
    for number, start in enumerate(range(0, len(out) - syllable + 1, syllable)):
        if number % 5 == 4:
            continue
        time = np.arange(syllable) / SAMPLE_RATE
        pitch = np.cumsum(140.0 - 60.0 * time + 8.0 * (number % 3)) / SAMPLE_RATE
        source = (np.diff(np.floor(pitch), prepend=0.0) > 0).astype(float)
        for hz, width in zip(VOWELS[number % len(VOWELS)], BANDWIDTHS, strict=True):
            source = resonated(source, hz, width)
        source *= np.hanning(syllable) / np.abs(source).max()
        burst = generator.standard_normal(syllable) * np.exp(-time * 60.0)
        out[start : start + syllable] = 0.3 * source + 0.03 * burst
    out += 1e-4 * generator.standard_normal(len(out))
    return out.astype(np.float32)
