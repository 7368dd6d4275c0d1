#!/usr/bin/env python3
"""Writes the golden decodes of a model: its greedy decoding of recordings, one file each, for the program's tests.

usage: golden.py MODEL_FOLDER RECORDINGS OUT

RECORDINGS is a folder with manifest.tsv; each recording that fits one window becomes OUT/NAME.jsonl: a line with a few
values of each stage, then one decision a line. Arithmetic is f32 on the weights as the graphs hold them. Prints how
close the closest choice was: a tie that rounding could tip would make another engine fail on this recording.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from embedded import EmbeddedModel
from errors import InputError
from run import load_audio
from words import Vocabulary, words

from decode import Decision, greedy

# Places after the point, and how many values stand for an encoder frame or a prediction.
PLACES, VALUES = 6, 16
# The mel frame and the encoder frame that are written out.
MEL_FRAME, ENCODER_FRAME = 10, 5
# Candidates of the token head that are written out.
TOP = 2


def rounded(values: np.ndarray) -> list[float]:
    """As numbers for JSON."""
    return [round(float(value), PLACES) for value in values]


def line_of(decision: Decision, pieces: list[str]) -> dict[str, Any]:
    """One decision."""
    return {
        "step": decision.step,
        "frame": decision.frame,
        "token": decision.token,
        "piece": pieces[decision.token],
        "duration": decision.duration,
        "advance": decision.advance,
        "forced": decision.forced,
        "token_logits": rounded(np.array([logit for _, logit in decision.token_top[:TOP]])),
        "token_top2": [token for token, _ in decision.token_top[:TOP]],
        "token_margin": round(decision.token_margin, PLACES),
        "token_lse": round(decision.token_lse, PLACES),
        "blank_logit": round(decision.blank_logit, PLACES),
        "duration_logits": rounded(decision.duration_logits),
        "duration_margin": round(decision.duration_margin, PLACES),
        "duration_lse": round(decision.duration_lse, PLACES),
    }


def closest(decisions: list[Decision]) -> float:
    """The least distance in logits that decided anything that is written out."""
    logits = [[logit for _, logit in decision.token_top] for decision in decisions]
    tokens = min(above - below for row in logits for above, below in zip(row, row[1:]))
    return min(tokens, *(decision.duration_margin for decision in decisions))


def golden(model: EmbeddedModel, recording: Path) -> tuple[list[dict[str, Any]], float] | None:
    """The lines for one recording and its closest choice; `None` if it is longer than a window."""
    contract = model.contract
    audio = load_audio(recording, contract["sample_rate"])
    mel = model.features(audio)
    if len(mel) > contract["encoder"]["max_mel_frames"]:
        return None
    encoded = model.encode(mel)
    if len(mel) <= MEL_FRAME or len(encoded) <= ENCODER_FRAME:
        raise InputError(f"{recording}: expected more than {ENCODER_FRAME} encoder frames, found {len(encoded)}")
    start, _ = model.predict(contract["vocabulary"]["blank"], None)
    # One more than is written, for whether its order is sure.
    decisions = greedy(model, encoded, top_k=TOP + 1)
    spoken = words(decisions, Vocabulary(model.pieces), len(encoded))
    header = {
        "clip": recording.name,
        "samples": len(audio),
        "mel_frames": len(mel),
        "encoder_frames": len(encoded),
        "text": " ".join(word["text"] for word in spoken),
        "mel_mean": round(float(mel.mean(dtype=np.float64)), PLACES),
        f"mel_frame_{MEL_FRAME}": rounded(mel[MEL_FRAME]),
        "encoder_mean_abs": round(float(np.abs(encoded).mean(dtype=np.float64)), PLACES),
        f"encoder_frame_{ENCODER_FRAME}": rounded(encoded[ENCODER_FRAME][:VALUES]),
        "encoder_frame_last": rounded(encoded[-1][:VALUES]),
        "sos_predictor": rounded(start[:VALUES]),
    }
    return [header, *(line_of(decision, model.pieces) for decision in decisions)], closest(decisions)


def main(folder: Path, recordings: Path, out: Path) -> None:
    """All recordings of a manifest."""
    # One thread: sums are split the same way on every machine.
    torch.set_num_threads(1)
    model = EmbeddedModel(folder)
    manifest = recordings / "manifest.tsv"
    try:
        names = [line.split("\t")[0] for line in manifest.read_text(encoding="utf-8").splitlines()[1:]]
    except OSError as error:
        raise InputError(f"{manifest}: expected a manifest, found: {error}") from None
    out.mkdir(parents=True, exist_ok=True)
    for name in sorted(names):
        found = golden(model, recordings / name)
        if found is None:
            print(f"golden: {name}: longer than a window, left out")
            continue
        lines, least = found
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (out / f"{Path(name).stem}.jsonl").write_text(text, encoding="utf-8")
        print(f"golden: {name}: {len(lines) - 1} decisions, the closest by {least:.4f}: {lines[0]['text']}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*map(Path, sys.argv[1:]))
    except InputError as error:
        sys.exit(f"golden: {error}")
