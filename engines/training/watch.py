"""Watches a run by its losses and validations: when to go back to good weights, and when to end. Pure.

A run that blows up shows first in the loss of the last steps; it does not come back by itself. The weights from before,
half the rate and a new warm-up have brought it back each time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """What to do after an interval of steps."""

    GOOD = "good"  # keep these weights to go back to
    GO_BACK = "go back"
    STOP = "stop"


# The loss jumps when it is this much over the best interval so far: a factor, and nats per token on top.
JUMP_FACTOR, JUMP_NATS = 1.25, 0.1
# Intervals at the start, while the loss falls from its first values, in which nothing counts as a jump.
GRACE_INTERVALS = 6
MOST_RETURNS = 4
# Validations without improvement (in percent of words) after which nothing can be won any more.
PATIENCE, LEAST_GAIN = 5, 0.05


@dataclass
class Watch:
    """The state of watching; goes into the resume file as plain numbers."""

    best: float = math.inf
    intervals: int = 0
    returns: int = 0
    rate_factor: float = 1.0
    validations: list[float] = field(default_factory=list)

    def interval(self, loss: float) -> Verdict:
        """After some steps: their mean TDT loss in nats per token."""
        self.intervals += 1
        if self.intervals <= GRACE_INTERVALS and math.isfinite(loss):
            self.best = min(self.best, loss)
            return Verdict.GOOD
        if not loss < JUMP_FACTOR * self.best + JUMP_NATS:
            self.returns += 1
            self.rate_factor *= 0.5
            return Verdict.STOP if self.returns > MOST_RETURNS else Verdict.GO_BACK
        self.best = min(self.best, loss)
        return Verdict.GOOD

    def validation(self, error_rate: float) -> Verdict:
        """After a validation: its word error rate in percent."""
        self.validations.append(error_rate)
        earlier, last = self.validations[:-PATIENCE], self.validations[-PATIENCE:]
        if earlier and min(last) > min(earlier) - LEAST_GAIN:
            return Verdict.STOP
        return Verdict.GOOD
