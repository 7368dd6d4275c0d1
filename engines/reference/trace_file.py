"""Writes what the program writes: a trace (JSON Lines, `dictoscope-trace-1`) and a folder of tensors of one window."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from words import Vocabulary, words

from decode import Decision, Model, follow, path_of

PROGRAM = "dictoscope-reference 1"
FORMAT = "dictoscope-trace-1"
TENSORS_FORMAT = "dictoscope-tensors-1"

PROJECTIONS = 8
# The program's own settings when nothing is set; none of them acts on a whole file but `top_k` and `debug_steps`.
SETTINGS = {
    "window": {"left_secs": 3.52, "hop_secs": 0.5, "right_secs": 0.96},
    "endpoint": {"enabled": True, "onset": 0.5, "release": 0.35, "silence_secs": 1.2, "pre_roll_secs": 0.48},
    "feature_norm": "model",
    "punctuation": "off",
}


@dataclass(frozen=True)
class Run:
    """One input and what the reference made of it."""

    model: Model
    source: str
    # [samples]; `None` where features were given.
    audio: np.ndarray | None
    # [mel_frames, mel_bins]
    features: np.ndarray
    # [encoder_frames, dim]
    encoded: np.ndarray
    decisions: list[Decision]
    top_k: int
    max_steps: int | None
    started_unix_secs: float
    millis: dict[str, float]


@functools.lru_cache(maxsize=8)
def signs(count: int) -> np.ndarray:
    """The sign of each projection at each index, f64 [8, count]: the finaliser of MurmurHash3 over a Weyl sequence."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(0x7F4A7C15)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    bits = h[None] >> np.arange(PROJECTIONS, dtype=np.uint32)[:, None] & np.uint32(1)
    return 1.0 - 2.0 * bits


def short(value: Any) -> float:
    """An f32 in as few digits as name it."""
    return float(str(np.float32(value)))


def sketch(values: np.ndarray) -> dict[str, Any]:
    """Fingerprint of a tensor, flattened row after row; sums in f64, kept as f32."""
    x = values.astype(np.float64).ravel()
    return {"norm": short(np.sqrt(x @ x)), "projections": [short(p) for p in signs(x.size) @ x]}


def sketch_distance(a: dict[str, Any], b: dict[str, Any]) -> float:
    """Estimated Euclidean distance of the two tensors behind the sketches."""
    squares = [(p - q) ** 2 for p, q in zip(a["projections"], b["projections"], strict=True)]
    return float(np.sqrt(sum(squares) / PROJECTIONS))


def stats(values: np.ndarray) -> dict[str, Any]:
    """Moments (with N), extremes and fingerprint."""
    x = values.astype(np.float64)
    extremes = {"min": short(values.min()), "max": short(values.max())}
    return {"mean": float(x.mean()), "std": float(x.std()), **extremes, "sketch": sketch(values)}


def feature_stats(features: np.ndarray) -> dict[str, Any]:
    """Of [mel_frames, mel_bins]."""
    x = features.astype(np.float64)
    bins = {"bin_mean": [short(m) for m in x.mean(0)], "bin_std": [short(s) for s in x.std(0)]}
    return {"frames": len(x), "mel_bins": x.shape[1], **stats(features), **bins}


def decision_line(decision: Decision, contract: dict[str, Any], pieces: list[str]) -> dict[str, Any]:
    """One decision as a line."""
    samples = decision.frame * contract["encoder"]["subsampling"] * contract["front_end"]["hop"]
    d = decision
    return {
        "type": "decision",
        "hop": 0,
        "tail": False,
        "secs": samples / contract["sample_rate"],
        "piece": pieces[d.token],
        "step": d.step,
        "frame": d.frame,
        "token": d.token,
        "is_blank": d.is_blank,
        "duration": d.duration,
        "advance": d.advance,
        "forced": d.forced,
        "token_top": [{"token": token, "logit": short(logit)} for token, logit in d.token_top],
        "token_margin": short(d.token_margin),
        "token_lse": short(d.token_lse),
        "token_probability": short(d.token_probability),
        "blank_logit": short(d.blank_logit),
        "blank_probability": short(d.blank_probability),
        "duration_logits": [short(logit) for logit in d.duration_logits],
        "duration_margin": short(d.duration_margin),
        "duration_lse": short(d.duration_lse),
        "duration_probability": short(d.duration_probability),
        "suppressed": None,
        "encoder_sketch": sketch(d.encoder_frame),
        "predictor_sketch": sketch(d.prediction),
    }


def header_line(run: Run, tensors: str | None) -> dict[str, Any]:
    """The first line; `tensors` names the folder of tensors if it lies where a trace's own side files would."""
    layouts = {"audio": "sample", "features": "mel_frame,mel_bin", "encoder": "encoder_frame,dim"}
    files: dict[str, Any] = {
        name: {"file": f"{name}.npy", "dtype": "f32", "layout": layout} for name, layout in layouts.items()
    }
    if run.audio is None:
        files["audio"] = None
    settings: dict[str, Any] = {**SETTINGS, "top_k": run.top_k}
    if run.max_steps is not None:
        settings["debug_steps"] = run.max_steps
    return {
        "type": "header",
        "format": FORMAT,
        "program": PROGRAM,
        "started_unix_secs": run.started_unix_secs,
        "contract": run.model.contract,
        "engine": run.model.engine(),
        "settings": settings,
        "whole_file": True,
        "source": run.source,
        "input": "features" if run.audio is None else "audio",
        "tensors": None if tensors is None else {"folder": tensors, **files},
    }


def lines(run: Run, tensors: str | None) -> list[dict[str, Any]]:
    """All lines of the trace of one window."""
    frames = len(run.encoded)
    written = words(run.decisions, Vocabulary(run.model.pieces), frames)
    for entry in written:
        entry["confidence"] = short(entry["confidence"])
        for token in entry["tokens"]:
            token.update({key: short(value) for key, value in token.items() if isinstance(value, float)})
    front_end, subsampling = run.model.contract["front_end"], run.model.contract["encoder"]["subsampling"]
    # Of the samples only those of the window: what makes no whole mel frame lies beyond it.
    audio = None if run.audio is None else run.audio[: frames * subsampling * front_end["hop"]]
    hop = {
        "type": "hop",
        "window": {"hop": 0, "start": 0, "commit_from": 0, "commit_to": frames, "end": frames, "last": True},
        "audio": None if audio is None else {"values": len(audio), **stats(audio)},
        "features": feature_stats(run.features),
        "encoder": {"frames": frames, "dim": run.encoded.shape[1], **stats(run.encoded)},
        "millis": run.millis,
        "rows": {"features": 0, "encoder": 0} if run.audio is None else {"audio": 0, "features": 0, "encoder": 0},
    }
    return [
        header_line(run, tensors),
        {"type": "utterance_start", "frame": 0},
        hop,
        *(decision_line(d, run.model.contract, run.model.pieces) for d in run.decisions),
        *([{"type": "committed", "words": written}] if written else []),
        {"type": "utterance_end", "frame": frames, "reason": "stopped"},
        {"type": "end", "hops": 1, "decisions": len(run.decisions)},
    ]


def write_trace(run: Run, path: Path, tensors: Path | None) -> None:
    """Writes the trace; a folder of tensors that lies beside it under its name becomes its side files."""
    beside = path.with_suffix(".tensors")
    own = tensors is not None and tensors.resolve() == beside.resolve()
    with path.open("w", encoding="utf-8") as file:
        for line in lines(run, beside.name if own else None):
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_tensors(run: Run, folder: Path, path: np.ndarray | None) -> None:
    """Writes the folder of tensors; predictor and joint along `path`, or along the run's own decisions."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(run.decisions) if path is None else path
    predictions, logits = follow(run.model, run.encoded, path)
    arrays = {"features": run.features, "encoder": run.encoded, "path": path, "predictor": predictions, "joint": logits}
    if run.audio is not None:
        arrays["audio"] = run.audio
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))
    engine = run.model.engine()
    about = {
        "format": TENSORS_FORMAT,
        "program": PROGRAM,
        "engine": engine,
        "contract_name": run.model.contract["name"],
        "encoder_sha256": engine["encoder_sha256"],
        "source": run.source,
    }
    (folder / "tensors.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
