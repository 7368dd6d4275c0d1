"""The layouts of random_parakeet: as onnx-asr loads models, and as a model folder with a contract."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from parakeet_contract import FRONT_END, Job, Port, give, state_ports, take, write_contract, write_encoder, write_graphs
from parakeet_graph import EXTERNAL_LIMIT
from parakeet_layers import join, predict
from parakeet_sizes import MAX_SYMBOLS, SUBSAMPLING
from random_parakeet_weights import FULL, SMALL, RandomWeights

# What graphs call a precision.
KINDS = {"fp16": "f16", "fp32": "f32"}
SIZES = {"full": FULL, "small": SMALL}
NAMES = {"full": "parakeet-tdt-0.6b-v3", "small": "parakeet-tdt small"}
# The trained vocabulary begins with such pieces, which write nothing.
SPECIAL = ("<unk>", "<|nospeech|>", "<pad>", "<|endoftext|>", "<|startoftranscript|>")
PUNCTUATION = (".", ",", "?", "'", "-")
BLANK = "<blk>"


def random_job(folder: Path, size: str, precision: str, seed: int, external_over: int = EXTERNAL_LIMIT) -> Job:
    """A model of one of `SIZES` for `folder`."""
    name = f"random {NAMES[size]}, seed {seed}, {precision}"
    weights = RandomWeights(SIZES[size], seed)
    return Job(folder, weights, KINDS[precision], name, "not trained", "random_parakeet", external_over)


def write_onnx_asr(job: Job) -> None:
    """The layout of onnx-asr, which is that of NeMo's export."""
    sizes = job.sizes
    write_encoder(job, "encoder-model.onnx", "outputs", external=True)
    graph = job.graph("decoder_joint-model.onnx")
    inputs = [
        Port("frame", "encoder_outputs", "f32", ("B", sizes.dim, "T"), "batch,dim,time"),
        Port("token", "targets", "i32", ("B", "U"), "batch,token"),
        Port("length", "target_length", "i32", ("B",), "batch"),
        *state_ports(sizes, ("h", "input_states_1"), ("c", "input_states_2")),
    ]
    outputs = [
        Port("logits", "outputs", "f32", ("B", "T", "U", sizes.classes), "batch,time,token,class"),
        Port("lengths", "prednet_lengths", "i32", ("B",), "batch"),
        *state_ports(sizes, ("h_next", "output_states_1"), ("c_next", "output_states_2")),
    ]
    frames, tokens, lengths, *states = take(graph, inputs)
    predictions, *states = predict(graph, tokens, *states)
    give(graph, outputs, [join(graph, frames, predictions), lengths, *states])
    job.save(graph, "decoder_joint-model.onnx")
    write_vocabulary(job)
    config = {
        "model_type": "nemo-conformer-tdt",
        "features_size": sizes.mel_bins,
        "subsampling_factor": SUBSAMPLING,
        "max_tokens_per_step": MAX_SYMBOLS,
    }
    (job.folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def write_folder(job: Job) -> None:
    """The three graphs of a contract, and the contract."""
    interfaces = write_graphs(job)
    write_vocabulary(job)
    write_contract(job, interfaces, FRONT_END)


def pieces() -> Iterator[str]:
    """Made-up pieces without end, none of them twice: special ones, punctuation, syllables with and without a mark."""
    yield from SPECIAL
    yield from PUNCTUATION
    syllables = ["".join(pair) for pair in itertools.product("bdfghklmnprstvz", "aeiou")]
    for length in itertools.count(1):
        for word in itertools.product(syllables, repeat=length):
            yield "▁" + "".join(word)
            yield "".join(word)


def write_vocabulary(job: Job) -> None:
    """vocab.txt, one piece and its number a line, blank last."""
    listed = [*itertools.islice(pieces(), job.sizes.pieces), BLANK]
    text = "".join(f"{piece} {number}\n" for number, piece in enumerate(listed))
    (job.folder / "vocab.txt").write_text(text, encoding="utf-8")


LAYOUTS: dict[str, Callable[[Job], None]] = {"onnx-asr": write_onnx_asr, "contract": write_folder}
