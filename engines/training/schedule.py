"""How rates and weights of losses change over a run; pure functions."""

from __future__ import annotations

import math

from settings import Settings


def rate_share(settings: Settings, progress: float, steps_since_start: int) -> float:
    """The share of the peak rate: rises over the warm-up, falls along half a cosine over the run's time (0 to 1)."""
    rising = min(1.0, (steps_since_start + 1) / settings.warmup_steps)
    falling = 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    return rising * (settings.final_share + (1.0 - settings.final_share) * falling)


def distil_weight(settings: Settings, progress: float) -> float:
    """The weight of staying near Whisper's output."""
    if settings.distil_until <= 0.0 or progress >= settings.distil_until:
        return settings.distil_last
    share = progress / settings.distil_until
    return settings.distil_first + (settings.distil_last - settings.distil_first) * share
