#!/usr/bin/env python3
"""Decodes one recording, or one file of features, with the reference, and writes a trace and a folder of tensors.

The whole input is one window. `--path` gives the path along which predictor and joint are computed for the folder of
tensors, so that two engines can be compared step by step although their decisions differ; the trace always holds the
reference's own decisions.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from embedded import EmbeddedModel
from errors import InputError
from trace_file import Run, write_tensors, write_trace
from words import Vocabulary, words

from decode import Model, greedy


def load_array(path: Path, dtype: str) -> np.ndarray:
    """A `.npy` file of exactly this element type."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a .npy file, found: {error}") from None
    if array.dtype != np.dtype(dtype):
        raise InputError(f"{path}: expected elements of type {np.dtype(dtype).str}, found {array.dtype.str}")
    return array


def load_audio(path: Path, sample_rate: int) -> np.ndarray:
    """Mono samples in [-1, 1], f32 [samples]; nothing is resampled or mixed."""
    if path.suffix == ".npy":
        samples = load_array(path, "float32")
    else:
        try:
            samples, rate = soundfile.read(path, dtype="float32")
        except (OSError, soundfile.SoundFileError) as error:
            raise InputError(f"{path}: expected a recording, found: {error}") from None
        if rate != sample_rate:
            raise InputError(f"{path}: expected {sample_rate} samples a second, found {rate}")
    if samples.ndim != 1:
        raise InputError(f"{path}: expected one channel, [samples], found shape {list(samples.shape)}")
    return samples


def load_features(path: Path, mel_bins: int, channel_major: bool) -> np.ndarray:
    """Features as the encoder gets them, f32 [mel_frames, mel_bins]."""
    mel = load_array(path, "float32")
    expected, axis = (f"[{mel_bins}, mel frames]", 0) if channel_major else (f"[mel frames, {mel_bins}]", 1)
    if mel.ndim != 2 or mel.shape[axis] != mel_bins:
        hint = ""
        if mel.ndim == 2 and not channel_major and mel.shape[0] == mel_bins:
            hint = " (channel-major: --channel-major reads it)"
        raise InputError(f"{path}: expected {expected}, found shape {list(mel.shape)}{hint}")
    return np.ascontiguousarray(mel.T if channel_major else mel)


def load_path(path: Path, frames: int, blank: int) -> np.ndarray:
    """Encoder frame and token of each step, i32 [steps, 2]."""
    steps = load_array(path, "int32")
    if steps.ndim != 2 or steps.shape[1] != 2:
        raise InputError(f"{path}: expected [steps, 2] (encoder frame, token), found shape {list(steps.shape)}")
    for name, column, end in (("encoder frames", steps[:, 0], frames), ("tokens", steps[:, 1], blank + 1)):
        if len(steps) and (column.min() < 0 or column.max() >= end):
            raise InputError(f"{path}: expected {name} 0 to {end - 1}, found {column.min()} to {column.max()}")
    return steps


def load_model(options: argparse.Namespace) -> Model:
    """The model that was asked for."""
    if options.model is not None:
        if options.contract is not None:
            raise InputError("--contract: expected only with --nemo, since a model folder has its own")
        return EmbeddedModel(options.model)
    from nemo_model import NemoModel

    return NemoModel(options.nemo, options.contract)


def decode(options: argparse.Namespace) -> str:
    """Does what the command line says; returns the text."""
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.path and not options.tensors:
        raise InputError("--path: expected together with --tensors, which it acts on")
    model = load_model(options)
    contract = model.contract
    started, clock = time.time(), time.perf_counter()
    audio = None
    if options.audio:
        audio = load_audio(options.audio, contract["sample_rate"])
        mel = model.features(audio)
    else:
        mel = load_features(options.features, contract["front_end"]["mel_bins"], options.channel_major)
    longest = contract["encoder"]["max_mel_frames"]
    if not 0 < len(mel) <= longest:
        source = options.audio or options.features
        raise InputError(f"{source}: expected 1 to {longest} mel frames in one window, found {len(mel)}")
    features_done = time.perf_counter()
    encoded = model.encode(mel)
    encode_done = time.perf_counter()
    decisions = greedy(model, encoded, options.top_k, options.max_steps)
    times = [clock, features_done, encode_done, time.perf_counter()]
    millis = dict(zip(("features", "encode", "decode"), np.diff(times) * 1000.0, strict=True))
    run = Run(
        model=model,
        source=str(options.audio or options.features),
        audio=audio,
        features=mel,
        encoded=encoded,
        decisions=decisions,
        top_k=options.top_k,
        max_steps=options.max_steps,
        started_unix_secs=started,
        millis={name: round(float(value), 3) for name, value in millis.items()},
    )
    write_trace(run, options.trace, options.tensors)
    if options.tensors:
        path = load_path(options.path, len(encoded), contract["vocabulary"]["blank"]) if options.path else None
        write_tensors(run, options.tensors, path)
    return " ".join(word["text"] for word in words(decisions, Vocabulary(model.pieces), len(encoded)))


def at_least(least: int) -> Callable[[str], int]:
    """A whole number of at least `least`, for argparse."""

    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, found {value}")
        return value

    return parse


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    path: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", **path | {"metavar": "FOLDER"}, help="model folder: contract.json and ONNX graphs")
    which.add_argument("--nemo", **path, help="a Parakeet-TDT .nemo file; needs NeMo")
    add("--contract", **path, help="contract of the --nemo model (default: from its own settings)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--audio", **path, help="recording, mono, 16 kHz: .wav, .flac, or .npy of f32 [samples]")
    source.add_argument("--features", **path, help=".npy of f32 [mel frames, mel bins], as the encoder gets them")
    add("--channel-major", action="store_true", help="--features holds [mel bins, mel frames]")
    add("--trace", **path, required=True, help="the trace to write")
    add("--tensors", **path | {"metavar": "FOLDER"}, help="folder of tensors to write")
    add("--path", **path, help=".npy of i32 [steps, 2]: the encoder frames and tokens that --tensors follows")
    add("--max-steps", type=at_least(1), metavar="N", help="end after N joint evaluations")
    add("--top-k", type=at_least(2), default=2, metavar="K", help="candidates kept per decision (default 2)")
    add("--threads", type=at_least(1), metavar="N", help="threads of PyTorch")
    options = parser.parse_args(arguments)
    if options.channel_major and not options.features:
        parser.error("--channel-major: expected together with --features")
    return options


def main() -> None:
    """Entry point: prints the text, or the error."""
    options = parse_arguments(sys.argv[1:])
    try:
        print(decode(options))
    except InputError as error:
        sys.exit(f"reference: {error}")


if __name__ == "__main__":
    main()
