#!/usr/bin/env python3
"""Writes a model with the exact shapes of Parakeet-TDT-0.6b-v3 and random weights, for tests of engines and timing.

What it decodes means nothing; no trained weights are needed or read. The same seed gives the same weights in both
layouts and precisions and, with the same NumPy and onnx, the same files. training/requirements.lock has both packages.

--layout onnx-asr   encoder-model.onnx, its weights beside it in .data files below 2 GB, decoder_joint-model.onnx,
                    vocab.txt, config.json, as the package onnx-asr loads them
--layout contract   encoder.onnx, predictor.onnx, joint.onnx, vocab.txt, contract.json; an encoder over 2 GB (fp32)
                    has its weights in files beside it, which the contract names with their hashes
--precision fp16    all but layer normalisation, softmax, lengths and the graphs' inputs and outputs is typed f16
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from parakeet_contract import Job
from parakeet_graph import EXTERNAL_LIMIT
from parakeet_sizes import Sizes, count
from random_parakeet_layouts import LAYOUTS, SIZES, random_job
from random_parakeet_weights import FULL

# Parameters of the trained model; where ours differ, the shapes do.
PARAMETERS = {
    "pre-encode": 4_334_592,
    "one layer": 25_189_376,
    "encoder": 608_879_616,
    "LSTM": 6_563_840,
    "embedding": 5_243_520,
    "joint": 6_321_158,
    "total": 627_008_134,
}


class InputError(Exception):
    """Says which file or option, what was expected and what was found."""


def check_count(sizes: Sizes, say: Callable[[str], None]) -> None:
    """Refuses to write a full model that has not the trained one's numbers of parameters."""
    for part, found in count(sizes).items():
        if sizes == FULL and found != PARAMETERS[part]:
            raise InputError(f"{part}: expected {PARAMETERS[part]} parameters, found {found}")
        say(f"{part}: {found} parameters")


def run(job: Job, layout: str) -> None:
    """The whole command."""
    start = time.monotonic()
    check_count(job.sizes, job.say)
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        LAYOUTS[layout](job)
    except OSError as error:
        raise InputError(f"{error.filename or job.folder}: expected to write there, found: {error.strerror}") from None
    job.say(f"{job.name} in {job.folder}, layout {layout}, {time.monotonic() - start:.1f} s")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the model")
    parser.add_argument("--layout", choices=LAYOUTS, default="onnx-asr", help="default: %(default)s")
    parser.add_argument("--size", choices=SIZES, default="full", help="small: a few MB, for tests (default: full)")
    parser.add_argument("--precision", choices=("fp32", "fp16"), default="fp32", help="default: %(default)s")
    # With 7, both sizes choose blanks as well as tokens, and every duration.
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: %(default)s")
    # Lets tests have a small model with files of weights beside its encoder.
    parser.add_argument("--external-over", type=int, default=EXTERNAL_LIMIT, metavar="BYTES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if options.seed < 0:
            raise InputError(f"--seed: expected 0 or more, found {options.seed}")
        job = random_job(options.out, options.size, options.precision, options.seed, options.external_over)
        run(job, options.layout)
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
