"""The program's windows over one utterance: what is encoded when, and which of its frames are then committed.

Follows `src/session/window.rs`. Positions are encoder frames of 80 ms, the grid on which borders and the commit line
lie; audio is counted in samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from errors import InputError

SAMPLE_RATE = 16_000
SAMPLES_PER_MEL = 160
MEL_PER_FRAME = 8
SAMPLES_PER_FRAME = SAMPLES_PER_MEL * MEL_PER_FRAME


@dataclass(frozen=True)
class Window:
    """Frames `start` to `end` are encoded, `commit_from` to `commit_to` are decoded for good."""

    start: int
    commit_from: int
    commit_to: int
    end: int
    # Ends the utterance: the last frame may be partial, and decoding goes on to the end.
    last: bool


@dataclass(frozen=True)
class Streaming:
    """Sizes of a streaming window; the defaults are the program's."""

    left_seconds: float = 3.52
    hop_seconds: float = 0.5
    right_seconds: float = 0.96


def frames_of(seconds: float) -> int:
    """Whole encoder frames, rounded down."""
    # The small addend keeps 0.56 s (7 frames in decimal, 6.9999... in binary) at 7.
    return int(max(0.0, seconds * SAMPLE_RATE / SAMPLES_PER_FRAME + 1e-6))


def streamed(samples: int, longest: int, sizes: Streaming) -> Iterator[Window]:
    """Hop k is due when k hops of samples have come; its window ends on the last grid line before."""
    hop = max(1, round(sizes.hop_seconds * SAMPLE_RATE))
    left, right = frames_of(sizes.left_seconds), frames_of(sizes.right_seconds)
    together = left + -(-hop // SAMPLES_PER_FRAME) + right
    if together > longest:
        raise InputError(f"left + hop + right: expected at most {longest} frames of 80 ms, found {together}")
    return plan(samples, longest, left, right, range(hop, samples + 1, hop))


def whole(samples: int, longest: int) -> Iterator[Window]:
    """One window for all that the model takes; beyond that, a third of it is left and a sixth right context. Of longer recordings
    the program makes shorter windows, whose borders depend on what is decoded (`src/session/window.rs`)."""
    left, right = longest // 3, longest // 6
    # Another window comes only once there is more than fits this one.
    due = range(longest * SAMPLES_PER_FRAME, samples, (longest - left - right) * SAMPLES_PER_FRAME)
    return plan(samples, longest, left, right, due)


def plan(samples: int, longest: int, left: int, right: int, due: range) -> Iterator[Window]:
    """The windows that commit anything; `due` are the positions in samples at which hops fall due."""
    commit = 0

    def window(commit_to: int, end: int, last: bool) -> Window:
        # The last window may reach a frame further than hops do.
        return Window(max(commit - left, end - longest, 0), commit, commit_to, end, last)

    for position in due:
        end = position // SAMPLES_PER_FRAME
        commit_to = max(end - right, commit)
        if commit_to > commit:
            yield window(commit_to, end, last=False)
            commit = commit_to
    # The last window ends with the last whole mel frame, as features do.
    end = -(-(samples // SAMPLES_PER_MEL) // MEL_PER_FRAME)
    if end > commit:
        yield window(end, end, last=True)
