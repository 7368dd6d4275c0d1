"""The random choices behind synthesised speech: which sentence, which voice, how fast, how high, how loud.

All of them follow from the seed and an utterance's position in the endless sequence of utterances, so that neither the
number of worker processes nor the time limit changes what an utterance sounds like. Nothing here touches a model.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from errors import InputError

# Share of Kokoro's utterances whose voice is blended of two or three.
BLENDS = 0.45


class Skipped(Exception):
    """A sentence gives no utterance; the message says why in a few words."""


@dataclass(frozen=True)
class Choices:
    """What is drawn for one utterance."""

    # Of each voice, f32 [voices], sum 1.
    weights: np.ndarray
    # Of the synthesiser; 1 is its own pace.
    speed: float
    # The finished sound is made longer by this factor, which lowers pitch and formants.
    stretch: float
    # The highest sample, of full scale.
    level: float
    # Of the noise in the sound.
    seed: int


def generator(seed: int, engine: str, position: int) -> random.Random:
    """The random numbers of one utterance. A string seeds the same way in every process, unlike `hash`."""
    return random.Random(f"{seed}/{engine}/{position}")


def log_uniform(rng: random.Random, low: float, high: float) -> float:
    """Between two factors, each ratio as likely."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def draw_kokoro(rng: random.Random, usable: Sequence[int], voices: int, blends: float = BLENDS) -> Choices:
    """For Kokoro; only voices with an index in `usable` get a weight."""
    count = 1 if rng.random() < 1.0 - blends else rng.choice((2, 3))
    weights = np.zeros(voices, np.float32)
    for index in rng.sample(usable, min(count, len(usable))):
        weights[index] = rng.expovariate(1.0) + 0.05
    weights /= weights.sum()
    speed, stretch = rng.uniform(0.8, 1.3), log_uniform(rng, 0.88, 1.14)
    return Choices(weights, speed, stretch, rng.uniform(0.2, 0.95), rng.getrandbits(62))


def draw_hibari(rng: random.Random) -> Choices:
    """For hibari's one voice, which is varied more."""
    speed, seed = rng.uniform(0.75, 1.35), rng.getrandbits(30)
    stretch = log_uniform(rng, 0.82, 1.22)
    return Choices(np.ones(1, np.float32), speed, stretch, rng.uniform(0.2, 0.95), seed)


def usable_voices(names: Sequence[str], held_out: Sequence[str] = (), only: Sequence[str] = ()) -> list[int]:
    """The indices in `names` that may be used: all but `held_out`, or `only` those."""
    unknown = [name for name in [*held_out, *only] if name not in names]
    if unknown:
        raise InputError(f"voices: expected some of {' '.join(names)}, found {' '.join(unknown)}")
    indices = [i for i, name in enumerate(names) if name not in held_out and (not only or name in only)]
    if not indices:
        raise InputError(f"voices: expected at least one of {' '.join(names)}, found all of them held out")
    return indices


class Order:
    """The endless sequence of sentences: every pass goes over all of them in a new order."""

    def __init__(self, seed: int, engine: str, count: int) -> None:
        self.seed, self.engine, self.count = seed, engine, count
        self.passed = -1
        self.order: list[int] = []

    def __getitem__(self, position: int) -> int:
        """The index of the sentence at a position."""
        passed, place = divmod(position, self.count)
        if passed != self.passed:
            self.order = list(range(self.count))
            random.Random(f"{self.seed}/{self.engine}/pass {passed}").shuffle(self.order)
            self.passed = passed
        return self.order[place]
