"""The conditions under which recordings are scored: as they are, with noise, softer, and so loud that they clip.

Everything added is drawn from generators seeded by the recording's name, so that every run and every model hears the
same. The result is what a recorder with 16 bits would have stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

SEED = 1
SNR_DB = 10.0
# Voices of the babble, each a recording of somebody else, repeated if it is shorter.
VOICES = 4
FULL_SCALE = 32768.0
# Pink noise begins here; below, speech has nothing and a microphone little.
LOWEST_HZ = 50.0
SAMPLE_RATE = 16_000

NOISE = (
    f"pink noise from {LOWEST_HZ:g} Hz and babble of {VOICES} other recordings, as loud as each other, together "
    f"{SNR_DB:g} dB below the recording's mean power"
)

# Recording, the other recordings, generator; samples in [-1, 1].
Condition = Callable[[np.ndarray, Sequence[np.ndarray], np.random.Generator], np.ndarray]


def recorded(samples: np.ndarray) -> np.ndarray:
    """Rounded and clipped to 16 bits, f32 in [-1, 1]."""
    return (np.clip(np.round(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1) / FULL_SCALE).astype(np.float32)


def power(samples: np.ndarray) -> float:
    """Mean square."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


def scaled(samples: np.ndarray, wanted: float) -> np.ndarray:
    """With the mean power `wanted`; silence stays silence."""
    found = power(samples)
    return samples * np.sqrt(wanted / found) if found > 0.0 else samples


def pink(count: int, generator: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with 1 / frequency, of mean power 1."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1.0 / SAMPLE_RATE)
    heard = frequencies >= LOWEST_HZ
    spectrum *= np.where(heard, 1.0 / np.sqrt(np.where(heard, frequencies, 1.0)), 0.0)
    return scaled(np.fft.irfft(spectrum, count), 1.0)


def babble(count: int, others: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Several other recordings at once, each as loud, of mean power 1; silence if there is no other recording."""
    voices = np.zeros(count)
    for index in generator.permutation(len(others))[:VOICES]:
        voice = np.tile(others[index], -(-count // max(1, len(others[index]))))
        # Begun anywhere, so that not all voices pause at the same time.
        voices += scaled(np.roll(voice, int(generator.integers(len(voice))))[:count].astype(np.float64), 1.0)
    return scaled(voices, 1.0)


def noisy(samples: np.ndarray, others: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """With noise at `SNR_DB`."""
    noise = pink(len(samples), generator) + babble(len(samples), others, generator)
    return recorded(samples + scaled(noise, power(samples) / 10.0 ** (SNR_DB / 10.0)))


CONDITIONS: dict[str, Condition] = {
    "clean": lambda samples, _others, _generator: samples,
    "noise": noisy,
    "half": lambda samples, _others, _generator: recorded(0.5 * samples),
    "double": lambda samples, _others, _generator: recorded(2.0 * samples),
}
# For people.
TITLES = {
    "clean": "as recorded",
    "noise": f"noise at {SNR_DB:g} dB",
    "half": "half as loud",
    "double": "twice as loud, clipped",
}


def generator(condition: str, name: str) -> np.random.Generator:
    """The generator for one recording under one condition."""
    return np.random.default_rng([SEED, zlib.crc32(condition.encode()), zlib.crc32(name.encode())])
