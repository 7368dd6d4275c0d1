"""The texts that go with a model: README.md (its card) and SCORES.md, from the templates beside this file."""

from __future__ import annotations

import collections
import hashlib
import json
from pathlib import Path
from typing import Any

import conditions
import score
from errors import InputError

SECTION = "The embedded speech model (assets/model)"

CARD, SCORES = "model_card.md", "model_scores.md"


def template(name: str) -> str:
    """The text of a template, with fields for `str.format`."""
    return (Path(__file__).resolve().parent / name).read_text(encoding="utf-8")


def notice_section(notice: Path) -> str:
    """What NOTICE says about the model, as a block of Markdown."""
    try:
        lines = notice.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{notice}: expected the notices, found: {error}") from None
    if SECTION not in lines:
        raise InputError(f"{notice}: expected the section {SECTION!r}, found none")
    # The heading and its underline, up to the next underlined heading.
    start = lines.index(SECTION) + 2
    underlines = [i for i in range(start, len(lines)) if lines[i] and not lines[i].strip("-")]
    end = underlines[0] - 1 if underlines else len(lines)
    return "```text\n" + "\n".join(lines[start:end]).strip("\n") + "\n```"


def sources(about: dict[str, Any]) -> str:
    """How many shards came from where, by their names."""
    shards = about.get("shards_sha256")
    if not isinstance(shards, dict) or not shards:
        return ""
    counts = collections.Counter(name.split("_")[0] for name in shards)
    return " (shards: " + ", ".join(f"{count} {source}" for source, count in sorted(counts.items())) + ")"


def card(
    contract: dict[str, Any], about: dict[str, Any], sha256: str, parameters: tuple[int, int], notice: str, scored: bool
) -> str:
    """README.md; `parameters` counts those of the encoder, and those of predictor and joint."""
    size, durations = contract["vocabulary"]["size"], len(contract["durations"])
    return template(CARD).format(
        name=contract["name"],
        encoder=parameters[0] / 1e6,
        decoder=parameters[1] / 1e6,
        mels=contract["front_end"]["mel_bins"],
        dim=contract["encoder"]["dim"],
        frames=contract["encoder"]["max_mel_frames"],
        hidden=contract["predictor"]["hidden"],
        classes=size + 1 + durations,
        pieces=size,
        durations=durations,
        step=f" of step {about['step']}" if "step" in about else "",
        sha256=sha256,
        sources=sources(about),
        accuracy="[SCORES.md](SCORES.md)."
        if scored
        else "Not measured. `make model` measures it if `SPEECH` names a folder of recordings with a manifest.",
        notice=notice,
    )


def scores(found: dict[str, Any]) -> str:
    """SCORES.md from what score.py wrote."""
    recordings, window = found["recordings"], found["window"]
    hashes = json.dumps(recordings["sha256"], sort_keys=True).encode()
    return template(SCORES).format(
        name=found["model"],
        recordings=recordings["name"],
        count=recordings["count"],
        minutes=recordings["seconds"] / 60.0,
        words=found["scores"][0]["words"],
        onnxruntime=found["versions"]["onnxruntime"],
        table=score.table(found),
        left=window["left_seconds"],
        hop=window["hop_seconds"],
        right=window["right_seconds"],
        noise=conditions.NOISE,
        hashes=hashlib.sha256(hashes).hexdigest(),
        encoder=found["model_sha256"]["encoder"],
    )
