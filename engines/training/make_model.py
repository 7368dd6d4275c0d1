#!/usr/bin/env python3
"""Makes the embedded model of a checkpoint: graphs, contract, probe, golden decodes, scores and card, swapped in whole.

usage: make_model.py CHECKPOINT [--out assets/model] [--name NAME] [--speech FOLDER]

Everything is made in a folder beside the model and takes its place only when all of it is there: a failure leaves the
old model as it is. Nothing of the old model is kept but the tokenizer, least of all its scores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import card
import checkpoint
import errors
import shards
from errors import InputError
from export import TOKENIZER, export
from sizes import EMBEDDED, Sizes
from torch import nn

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINING = "training.json"
# Bytes of training.json up to which it lists every shard; beyond, only the hash of that list.
LARGEST_TRAINING = 200_000


def call(script: str, *arguments: str | Path) -> None:
    """Runs another script of `engines` with this interpreter."""
    path = ROOT / "engines" / script
    # What it prints follows what was printed here.
    sys.stdout.flush()
    code = subprocess.run([sys.executable, str(path), *map(str, arguments)]).returncode
    if code != 0:
        raise InputError(f"{path.name} {' '.join(map(str, arguments))}: expected it to succeed, found exit code {code}")


def count(module: nn.Module) -> int:
    """Parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def training_record(about: dict[str, Any]) -> str:
    """training.json."""
    text = json.dumps(about, indent=1) + "\n"
    if len(text) <= LARGEST_TRAINING or "shards_sha256" not in about:
        return text
    listed = json.dumps(about["shards_sha256"], sort_keys=True).encode()
    short = {"count": len(about["shards_sha256"]), "list_sha256": hashlib.sha256(listed).hexdigest()}
    return json.dumps({**about, "shards_sha256": short}, indent=1) + "\n"


def build(options: argparse.Namespace, folder: Path) -> None:
    """The whole model in `folder`."""
    about = checkpoint.about(options.checkpoint)
    if Sizes(**about["sizes"]) != EMBEDDED:
        raise InputError(f"{options.checkpoint}: expected the sizes of the embedded model, found {about['sizes']}")
    # First, since it is soon done and may be wrong.
    notice = card.notice_section(ROOT / "NOTICE")
    export(options.checkpoint, folder, options.name, options.tokenizer)
    call("probe.py", folder)
    call("reference/golden.py", folder, ROOT / "assets" / "clips", folder / "reference")
    (folder / TRAINING).write_text(training_record(about), encoding="utf-8")
    if options.speech:
        found = folder.parent / "scores.json"
        limits = ["--workers", options.workers, "--seconds", options.seconds]
        call("training/score.py", folder, options.speech, "--json", found, *map(str, limits))
        (folder / "SCORES.md").write_text(card.scores(json.loads(found.read_text(encoding="utf-8"))), encoding="utf-8")
    model = checkpoint.load(options.checkpoint)
    text = card.card(
        json.loads((folder / "contract.json").read_text(encoding="utf-8")),
        about,
        shards.sha256(options.checkpoint / checkpoint.WEIGHTS),
        (count(model.enc), count(model.pred) + count(model.joint)),
        notice,
        scored=options.speech is not None,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def swap(new: Path, place: Path, old: Path) -> None:
    """Puts the folder `new` at `place`; what was there goes to `old`, or back if this fails."""
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except BaseException:
        if old.exists():
            old.rename(place)
        raise


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="folder that train.py wrote")
    add("--out", type=Path, default=ROOT / "assets" / "model", metavar="FOLDER", help="default: assets/model")
    add("--name", help="name in the contract (default: from the checkpoint's step and hash)")
    add("--tokenizer", type=Path, default=TOKENIZER, metavar="FILE", help="default: that of assets/model")
    add("--speech", type=Path, metavar="FOLDER", help="recordings with manifest.tsv, to measure accuracy on")
    add("--workers", type=int, default=os.cpu_count(), metavar="N", help="processes that measure (default: cores)")
    add("--seconds", type=float, default=3600.0, metavar="S", help="time limit of measuring (default 3600)")
    options = parser.parse_args()
    out = options.out.absolute()
    if out.exists() and not (out / "contract.json").is_file():
        raise InputError(f"{out}: expected a model folder to take the place of, found no contract.json in it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        folder = Path(name) / "model"
        folder.mkdir()
        build(options, folder)
        swap(folder, out, Path(name) / "old")
    print(f"make_model: {out} is the model of {options.checkpoint}; check that NOTICE tells what it was trained on")


if __name__ == "__main__":
    errors.run(main)
