#!/usr/bin/env python3
"""Moves a checkpoint's Whisper layers part of the way back to Whisper's own weights.

Training pulls them towards the speech it has, most of it synthesised; the way back, with the new layers left as they
are, hears unknown recordings better (weight-space ensembling, Wortsman et al., arXiv 2109.01903). Choose the share on
held-out recordings: `validate.py` prints their error rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import checkpoint
import errors
import shards
import whisper
from errors import InputError
from torch import Tensor

# Where the pretrained encoder stands in the model.
PREFIX = "enc.w."


def blended(state: Mapping[str, Tensor], pretrained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """`state` with `share` of the way to `pretrained` in Whisper's layers; 0 leaves all, 1 is Whisper."""
    return {
        name: value + share * (pretrained[name.removeprefix(PREFIX)] - value) if name.startswith(PREFIX) else value
        for name, value in state.items()
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder that train.py wrote")
    parser.add_argument("out", type=Path, help="folder for the new checkpoint")
    parser.add_argument("--whisper", type=Path, required=True, metavar="FILE", help="Whisper base (see whisper.py)")
    parser.add_argument("--share", type=float, required=True, metavar="S", help="share of Whisper, 0 to 1")
    options = parser.parse_args()
    if not 0.0 <= options.share <= 1.0:
        raise InputError(f"--share: expected 0 to 1, found {options.share}")
    model, about = checkpoint.load(options.checkpoint), checkpoint.about(options.checkpoint)
    state = blended(model.state_dict(), whisper.weights(options.whisper, model.sizes), options.share)
    about |= {"blended": {"share": options.share, "whisper_sha256": shards.sha256(options.whisper)}}
    checkpoint.save(options.out, state, model.sizes, about)
    print(f"{options.out}: {options.share:g} of Whisper")


if __name__ == "__main__":
    errors.run(main)
