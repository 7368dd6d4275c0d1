#!/usr/bin/env python3
"""Makes a model folder of a NeMo checkpoint (Parakeet-TDT) or of a checkpoint of engines/training, without NeMo.

usage: export.py SOURCE --out FOLDER [--precision fp16|fp32] [--int8 --calibration RECORDINGS | --int8-weights]

SOURCE is a .nemo file or a folder with checkpoint.json. FOLDER gets encoder.onnx, predictor.onnx and joint.onnx (raw
logits), vocab.txt, contract.json and probe.safetensors; `dictoscope models add FOLDER` takes it. ONNX Runtime must
answer as PyTorch does and decide the same, or nothing is left at FOLDER and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINES = HERE.parent
for part in ("", "training", "reference"):
    sys.path.append(str(ENGINES / part))

import errors
import int8
import numpy as np
import probe
import selfcheck
import signals
from errors import InputError
from graphs import OnnxModel
from parakeet_graph import EXTERNAL_LIMIT
from sources import KINDS, Checkpoint, Nemo, Source

TOKENIZER = ENGINES.parent / "assets" / "model" / "tokenizer.model"
CHECKPOINT = "checkpoint.json"
# Of the signal that resembles speech.
VOICE_SECONDS = 6.0


def say(text: str) -> None:
    """A line of progress."""
    print(f"export: {text}", flush=True)


def open_source(options: argparse.Namespace, work: Path) -> Source:
    """By what is there."""
    path = options.source
    if (path / CHECKPOINT).is_file():
        return Checkpoint(path, options.name, options.tokenizer)
    if path.is_dir():
        raise InputError(f"{path}: expected a .nemo file or a folder with {CHECKPOINT}, found a folder without it")
    return Nemo(path, work, options.name, options.external_over)


def to_int8(folder: Path, options: argparse.Namespace, features: Mapping[str, np.ndarray]) -> None:
    """8-bit weights for the encoder of a folder, the others stored as the precision says; the contract follows."""
    encoder = folder / "encoder.onnx"
    if options.int8_weights:
        say(f"int8: weights of {int8.store_weights(encoder)} products")
    else:
        done = int8.quantise(encoder, features.values(), options.largest_error)
        worst = max(done.errors, key=lambda name: done.errors[name])
        say(
            f"int8: {len(done.errors) - len(done.kept)} of {len(done.errors)} products with weights; the largest error is "
            f"{done.errors[worst]:.3f} ({worst}), over {options.largest_error:g} they stay f32"
        )
    path = folder / "contract.json"
    contract = json.loads(path.read_text(encoding="utf-8"))
    for spec in contract["graphs"].values():
        if options.precision == "fp16":
            int8.store_exact(folder / spec["file"])
        spec.pop("data", None)
        spec["sha256"] = hashlib.sha256((folder / spec["file"]).read_bytes()).hexdigest()
    contract |= {"name": f"{contract['name']} int8", "weights": "int8"}
    if options.int8:
        # Engines round activations to 8 bits a little differently; the check before first use has no coarser bounds than these.
        contract["arithmetic"] = "f16"
    path.write_text(json.dumps(contract, indent=1) + "\n", encoding="utf-8")


def run(options: argparse.Namespace, work: Path, folder: Path) -> None:
    """The whole export into `folder`."""
    recordings = int8.read_recordings(options.calibration) if options.calibration else {}
    source = open_source(options, work)
    folder.mkdir()
    eight_bits = options.int8 or options.int8_weights
    source.write(folder, options.precision, single=eight_bits)
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    longest = contract["encoder"]["max_mel_frames"] * contract["front_end"]["hop"]
    audio = {"noise": probe.signal(), "voice": signals.voice(VOICE_SECONDS)} | recordings
    features = {name: probe.features(samples[:longest], contract) for name, samples in audio.items()}
    if eight_bits:
        to_int8(folder, options, {name: features[name] for name in recordings})
    with contextlib.redirect_stdout(io.StringIO()):
        probe.main(folder)
    model = OnnxModel(folder)
    for other, reference, bounds in source.models(contract):
        allowed = replace(selfcheck.INT8, others=bounds.others) if eight_bits else bounds
        for signal, found in selfcheck.check(reference, model, features, allowed).items():
            say(f"{signal}: ONNX Runtime against {other}: {found}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="a .nemo file, or a checkpoint of engines/training")
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder for the model; not there yet")
    add(
        "--precision",
        choices=KINDS,
        default="fp16",
        help="of stored weights; all is computed in f32 (default: %(default)s)",
    )
    add("--name", help="name in the contract (default: that of the file)")
    add("--int8", action="store_true", help="8-bit products in the encoder; needs --calibration")
    add("--int8-weights", action="store_true", help="8-bit weights of products that are computed in f32")
    add(
        "--calibration",
        type=Path,
        metavar="FOLDER",
        help="recordings (16 kHz) that int8 is measured on, and all is checked with",
    )
    add(
        "--largest-error",
        type=float,
        default=int8.LARGEST_ERROR,
        metavar="SHARE",
        help="over which a product is not made 8-bit",
    )
    add(
        "--tokenizer",
        type=Path,
        default=TOKENIZER,
        metavar="FILE",
        help="of a training checkpoint (default: %(default)s)",
    )
    # Lets tests have a small model with files of weights beside its encoder.
    add("--external-over", type=int, default=EXTERNAL_LIMIT, metavar="BYTES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.int8 and options.int8_weights:
        raise InputError("--int8-weights: expected it or --int8, found both")
    if options.int8 and not options.calibration:
        raise InputError("--int8: expected --calibration FOLDER, recordings to measure on, found none")
    out = options.out.absolute()
    if out.exists():
        raise InputError(f"--out {out}: expected a folder that is not there yet, found one")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
            run(options, Path(name), folder := Path(name) / "model")
            folder.rename(out)
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: expected to read and write there, found: {error.strerror}"
        ) from None
    except SystemExit as error:
        # `probe.py` ends so.
        raise InputError(str(error)) from None
    sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(out.iterdir()))
    say(f"{out}: {sizes}")


if __name__ == "__main__":
    errors.run(main)
