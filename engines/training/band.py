"""What the model's front-end takes from each mel band of Whisper's, in log10: pre-emphasis, window length, FFT size.

Added to the features, it lets Whisper's pretrained layers see the scale they were trained on.
"""

from __future__ import annotations

import numpy as np
import torch
from mel import ModelMel, WhisperMel
from model import DECIMAL
from shards import Utterance
from torch import Tensor

# Only cells this far above silence count (power, log10): below, the guards of the two logarithms speak.
AUDIBLE = -4.0
LEAST_CELLS = 100


@torch.no_grad()
def band_offset(utterances: list[Utterance]) -> Tensor:
    """The mean difference over the audible cells of some speech, f32 [80]."""
    model_mel, whisper_mel = ModelMel(), WhisperMel()
    total, cells = torch.zeros(80, dtype=torch.float64), torch.zeros(80, dtype=torch.float64)
    for samples, _ in utterances:
        audio = torch.from_numpy(samples.astype(np.float32) / 32768.0)[None]
        ours = model_mel(audio)[0] * DECIMAL
        theirs = whisper_mel.decimal(audio)[0][:, : ours.shape[1]]
        audible = (theirs > AUDIBLE).double()
        total += ((theirs - ours).double() * audible).sum(1)
        cells += audible.sum(1)
    known = cells >= LEAST_CELLS
    offset = torch.where(known, total / cells.clamp_min(1.0), 0.0)
    # Bands without sound get the value of the nearest that has some.
    places = known.nonzero().flatten()
    if len(places) and len(places) < len(offset):
        nearest = (torch.arange(len(offset))[:, None] - places[None]).abs().argmin(1)
        offset = offset[places[nearest]]
    return offset.float()
