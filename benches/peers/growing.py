"""Streaming with a recogniser that only knows whole recordings: the window grows and is transcribed again and again.

As in whisper_streaming (Macháček et al., 2023): as soon as one transcription is done, and at least a hop of new audio has come, all
that has come is transcribed; words at the beginning on which two transcriptions in a row agree are committed. What whisper_streaming
does with audio over 15 s (cutting its beginning off after a committed sentence) is left out: recordings are shorter than Whisper's window of 30 s.

The clock is that of the speech: a transcription begins when its audio has come and the one before is done, and takes the time it
was measured to take.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np


class Agreement:
    """Commits words that two transcriptions in a row begin with."""

    def __init__(self) -> None:
        self.committed: list[str] = []
        self.before: list[str] = []

    def add(self, words: list[str], last: bool) -> None:
        """One more transcription; after the last one all of it is committed. What is committed stays as it is."""
        upto = len(words) if last else agreeing(self.before, words)
        self.committed += words[len(self.committed) : upto]
        self.before = words


def agreeing(one: list[str], other: list[str]) -> int:
    """How many words at the beginning are the same, whatever their case and marks."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if bare(left) != bare(right):
            break
        count += 1
    return count


def bare(word: str) -> str:
    """Letters and digits."""
    return re.sub(r"\W", "", word.lower())


def listen(
    samples: np.ndarray,
    rate: int,
    hop: float,
    hear: Callable[[np.ndarray], str],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Seconds after the begin at which the first word was out, and committed; milliseconds of each transcription; the text."""
    end = len(samples) / rate
    now = taken = 0.0
    first_word = first_commit = None
    millis, agreement = [], Agreement()
    while taken < end:
        now = max(now, min(taken + hop, end))
        taken = min(now, end)
        began = clock()
        words = hear(samples[: round(taken * rate)]).split()
        cost = clock() - began
        now += cost
        millis.append(cost * 1e3)
        agreement.add(words, taken >= end)
        if words and first_word is None:
            first_word = now
        if agreement.committed and first_commit is None:
            first_commit = now
    return {
        "hop_millis": millis,
        "first_word": first_word,
        "first_commit": first_commit,
        "after_end": now - end,
        "text": " ".join(agreement.committed),
    }
