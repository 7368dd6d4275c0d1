"""What happens to synthesised sound at 16 kHz: trimming, level, int16."""

from __future__ import annotations

import numpy as np
from synthesis_plan import Skipped

SAMPLE_RATE = 16_000
# Below this share of the highest sample the ends count as silence.
SILENCE = 0.01
# Silence that is left before and after, in samples.
BEFORE, AFTER = 800, 1600
# Utterances between these lengths are kept, in samples (0.25 s and 16 s).
SHORTEST, LONGEST = 4000, 256_000


def finish(samples: np.ndarray, level: float) -> np.ndarray:
    """f32 [n] at 16 kHz to int16 without the silence at the ends, its highest sample at `level` of full scale."""
    highest = np.abs(samples).max(initial=0.0)
    if not np.isfinite(highest) or highest <= 0.0:
        raise Skipped("silence or numbers that are not finite")
    loud = np.flatnonzero(np.abs(samples) > SILENCE * highest)
    samples = samples[max(0, loud[0] - BEFORE) : loud[-1] + AFTER]
    if not SHORTEST < len(samples) < LONGEST:
        raise Skipped("too short or too long")
    return np.clip(samples / (highest + 1e-6) * level * 32767, -32767, 32767).astype(np.int16)
