"""The two layouts of a model folder: files, names of tensors, vocabulary, config.json or contract.json."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from random_parakeet_graph import EXTERNAL_LIMIT, ExternalData, Graph
from random_parakeet_layers import encode, join, predict
from random_parakeet_weights import (
    DURATIONS,
    FULL,
    LSTM_LAYERS,
    MAX_SYMBOLS,
    MEL_BINS,
    SMALL,
    SUBSAMPLING,
    Sizes,
    Weights,
    count,
    position_table_size,
)

# What contracts call a precision.
ARITHMETIC = {"fp16": "f16", "fp32": "f32"}
SIZES = {"full": FULL, "small": SMALL}
NAMES = {"full": "parakeet-tdt-0.6b-v3", "small": "parakeet-tdt small"}
# The trained vocabulary begins with such pieces, which write nothing.
SPECIAL = ("<unk>", "<|nospeech|>", "<pad>", "<|endoftext|>", "<|startoftranscript|>")
PUNCTUATION = (".", ",", "?", "'", "-")
BLANK = "<blk>"
# What a model file may hold besides its weights: nodes, names.
GRAPH_BYTES = 16 * 2**20


def say(text: str) -> None:
    """A line of progress."""
    print(f"random_parakeet: {text}", flush=True)


@dataclass(frozen=True)
class Port:
    """An input or output of a graph, as a contract lists it."""

    role: str
    name: str
    dtype: str
    shape: tuple[int | str, ...]
    layout: str


@dataclass(frozen=True)
class Job:
    """One run: what is written, and where."""

    folder: Path
    size: str
    precision: str
    seed: int
    # Bytes of weights over which a contract's encoder has them in files beside it.
    external_over: int = EXTERNAL_LIMIT

    @property
    def sizes(self) -> Sizes:
        """The numbers behind `--size`."""
        return SIZES[self.size]

    @property
    def name(self) -> str:
        """What contracts call the model."""
        return f"random {NAMES[self.size]}, seed {self.seed}, {self.precision}"

    def graph(self, file: str, root: str = "", external: bool = False) -> Graph:
        """An empty graph for `file`, with its weights in that file or beside it."""
        path = self.folder / file
        # An earlier model's weights would look like this one's.
        for stale in self.folder.glob(f"{file}.data*"):
            stale.unlink()
        data = ExternalData(path) if external else None
        return Graph(Weights(self.sizes, self.seed), root, self.precision == "fp16", data)

    def save(self, graph: Graph, file: str) -> None:
        """Writes a finished graph and says what became of it."""
        graph.save(self.folder / file, f"{self.name}; not trained")
        for path in [self.folder / file, *(graph.data.paths if graph.data else [])]:
            say(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


def take(graph: Graph, ports: list[Port]) -> list[str]:
    """Declares inputs; their values, floats in the graph's precision."""
    return [graph.input(port.name, port.dtype, port.shape) for port in ports]


def give(graph: Graph, ports: list[Port], values: list[str]) -> None:
    """Declares outputs."""
    for port, value in zip(ports, values, strict=True):
        graph.output(port.name, port.dtype, port.shape, value)


def write_encoder(job: Job, file: str, frames: str, external: bool) -> tuple[list[Port], list[Port]]:
    """The encoder, whose frames are called `frames`; its inputs and outputs."""
    inputs = [
        Port("features", "audio_signal", "f32", ("B", MEL_BINS, "T"), "batch,mel,time"),
        Port("length", "length", "i64", ("B",), "batch"),
    ]
    outputs = [
        Port("frames", frames, "f32", ("B", job.sizes.dim, "T_enc"), "batch,dim,time"),
        Port("lengths", "encoded_lengths", "i64", ("B",), "batch"),
    ]
    graph = job.graph(file, "encoder.", external)

    def progress(layer: int) -> None:
        say(f"{file}: layer {layer} of {job.sizes.layers}, {graph.bytes / 1e6:.0f} MB of weights")

    audio, lengths = take(graph, inputs)
    give(graph, outputs, list(encode(graph, audio, lengths, progress)))
    job.save(graph, file)
    return inputs, outputs


def state_ports(sizes: Sizes, h: tuple[str, str], c: tuple[str, str]) -> list[Port]:
    """The LSTM's two states; a pair holds role and name."""
    shape = (LSTM_LAYERS, "B", sizes.hidden)
    return [Port(role, name, "f32", shape, "layer,batch,hidden") for role, name in (h, c)]


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
        "features_size": MEL_BINS,
        "subsampling_factor": SUBSAMPLING,
        "max_tokens_per_step": MAX_SYMBOLS,
    }
    (job.folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def write_contract(job: Job) -> None:
    """The three graphs of a contract, and the contract."""
    sizes = job.sizes
    # A single file is easier to handle, so weights go beside the encoder only where they must.
    bytes_each = 2 if job.precision == "fp16" else 4
    stored = (count(sizes)["encoder"] + position_table_size(sizes)) * bytes_each + GRAPH_BYTES
    external = stored > job.external_over
    interfaces = {"encoder": write_encoder(job, "encoder.onnx", "encoder_output", external)}
    prediction = ("B", sizes.hidden, "U")

    graph = job.graph("predictor.onnx")
    inputs = [
        Port("token", "y", "i64", ("B", "U"), "batch,token"),
        *state_ports(sizes, ("h", "h"), ("c", "c")),
    ]
    outputs = [
        Port("prediction", "g", "f32", prediction, "batch,hidden,token"),
        *state_ports(sizes, ("h_next", "h_out"), ("c_next", "c_out")),
    ]
    predictions, *states = predict(graph, *take(graph, inputs))
    give(graph, outputs, [graph.op("Transpose", "", predictions, perm=[0, 2, 1]), *states])
    job.save(graph, "predictor.onnx")
    interfaces["predictor"] = inputs, outputs

    graph = job.graph("joint.onnx")
    inputs = [
        Port("frame", "encoder_output", "f32", ("B", sizes.dim, "T"), "batch,dim,time"),
        Port("prediction", "predictor_output", "f32", prediction, "batch,hidden,token"),
    ]
    outputs = [Port("logits", "joint_output", "f32", ("B", "T", "U", sizes.classes), "batch,time,token,class")]
    frames, predictions = take(graph, inputs)
    give(graph, outputs, [join(graph, frames, graph.op("Transpose", "", predictions, perm=[0, 2, 1]))])
    job.save(graph, "joint.onnx")
    interfaces["joint"] = inputs, outputs

    write_vocabulary(job)
    text = json.dumps(contract_of(job, interfaces), indent=1)
    (job.folder / "contract.json").write_text(text + "\n", encoding="utf-8")


def contract_of(job: Job, interfaces: dict[str, tuple[list[Port], list[Port]]]) -> dict[str, Any]:
    """What contract.json says."""
    sizes = job.sizes

    def sha256(file: str) -> str:
        with (job.folder / file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def data_of(file: str) -> dict[str, Any]:
        """The graph's files of weights, if it has some, in the order in which they were written."""
        found = sorted(job.folder.glob(f"{file}.data*"), key=lambda path: (len(path.name), path.name))
        return {"data": [{"file": path.name, "sha256": sha256(path.name)} for path in found]} if found else {}

    return {
        "format": "dictoscope-contract-1",
        "name": job.name,
        "languages": [],
        "weights": ARITHMETIC[job.precision],
        "arithmetic": ARITHMETIC[job.precision],
        "sample_rate": 16000,
        "front_end": {
            "mel_bins": MEL_BINS,
            "window": 400,
            "hop": 160,
            "fft": 512,
            "preemphasis": 0.97,
            "low_hz": 0.0,
            "high_hz": 8000.0,
            "log_guard": 2.0**-24,
            "normalization": "per_feature",
        },
        "encoder": {
            "subsampling": SUBSAMPLING,
            "dim": sizes.dim,
            "max_mel_frames": SUBSAMPLING * sizes.positions,
            "length_masks": True,
        },
        "predictor": {"layers": LSTM_LAYERS, "hidden": sizes.hidden},
        "vocabulary": {
            "file": "vocab.txt",
            "sha256": sha256("vocab.txt"),
            "size": sizes.pieces,
            "blank": sizes.pieces,
        },
        "durations": list(range(DURATIONS)),
        "max_symbols": MAX_SYMBOLS,
        "graphs": {
            name: {
                "file": f"{name}.onnx",
                "sha256": sha256(f"{name}.onnx"),
                **data_of(f"{name}.onnx"),
                "inputs": [asdict(port) for port in inputs],
                "outputs": [asdict(port) for port in outputs],
            }
            for name, (inputs, outputs) in interfaces.items()
        },
    }


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


LAYOUTS: dict[str, Callable[[Job], None]] = {"onnx-asr": write_onnx_asr, "contract": write_contract}
