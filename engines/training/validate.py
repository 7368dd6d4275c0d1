#!/usr/bin/env python3
"""Word error rates of a checkpoint on held-out shards, whole utterances in batches.

usage: validate.py FOLDER TOKENIZER CHECKPOINT...
"""

from __future__ import annotations

import sys
from pathlib import Path

import checkpoint
import errors
import numpy as np
import sentencepiece
import shards
import torch
from greedy import greedy
from mel import HOP, ModelMel
from model import TdtModel
from text import ErrorRate

BATCH = 48


@torch.no_grad()
def error_rates(
    model: TdtModel, mel: ModelMel, tokenizer: sentencepiece.SentencePieceProcessor, folder: Path, device: str
) -> dict[str, float]:
    """Percent of words for each shard of `folder`, by its name."""
    rates = {}
    for path in shards.listed(folder):
        rate = ErrorRate()
        # Sorted by length, so that a batch has little padding.
        found = sorted(shards.utterances(path), key=lambda utterance: len(utterance[0]))
        for first in range(0, len(found), BATCH):
            batch = found[first : first + BATCH]
            samples = np.zeros((len(batch), max(len(a) for a, _ in batch)), np.float32)
            for row, (audio, _) in enumerate(batch):
                samples[row, : len(audio)] = audio / 32768.0
            frames = torch.tensor([len(a) // HOP for a, _ in batch], device=device)
            features = mel(torch.from_numpy(samples).to(device))
            encoded, lengths, _ = model.enc.padded(model.enc.to_whisper(features, frames), frames)
            for tokens, (_, reference) in zip(greedy(model, encoded, lengths), batch, strict=True):
                rate.add(reference, tokenizer.decode(tokens))
        rates[path.stem] = round(rate.percent, 2)
    return rates


def main() -> None:
    """The command."""
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=sys.argv[2])
    for folder in sys.argv[3:]:
        model, mel = checkpoint.load(Path(folder)).to(device), ModelMel().to(device)
        print(f"{folder}: {error_rates(model, mel, tokenizer, Path(sys.argv[1]), device)}", flush=True)


if __name__ == "__main__":
    errors.run(main)
