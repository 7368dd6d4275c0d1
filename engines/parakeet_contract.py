"""Parakeet-TDT as a model folder: encoder, predictor, joint, and the contract that tells the program of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from parakeet_graph import EXTERNAL_LIMIT, ExternalData, Graph
from parakeet_layers import encode, join, predict
from parakeet_sizes import MAX_SYMBOLS, SUBSAMPLING, Sizes, Weights, count, position_table_size

# What a model file may hold besides its weights: nodes, names.
GRAPH_BYTES = 16 * 2**20
# By `Graph`'s kinds: how a contract says that weights are stored, and what the graphs compute in.
STORED = {"f32": "f32", "f16": "f16", "stored": "f16"}
ARITHMETIC = {"f32": "f32", "f16": "f16", "stored": "f32"}
# NeMo's defaults for 16 kHz.
FRONT_END = {
    "mel_bins": 128,
    "window": 400,
    "hop": 160,
    "fft": 512,
    "preemphasis": 0.97,
    "low_hz": 0.0,
    "high_hz": 8000.0,
    "log_guard": 2.0**-24,
    "normalization": "per_feature",
}

Ports = tuple[list["Port"], list["Port"]]


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
    weights: Weights
    # One of `Graph`'s.
    kind: str
    # What contracts call the model, and what its graphs say of it besides.
    name: str
    about: str
    # The script that writes it.
    tool: str
    # Bytes of weights over which a contract's encoder has them in files beside it.
    external_over: int = EXTERNAL_LIMIT

    @property
    def sizes(self) -> Sizes:
        """Those of the weights."""
        return self.weights.sizes

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"{self.tool}: {text}", flush=True)

    def graph(self, file: str, root: str = "", external: bool = False) -> Graph:
        """An empty graph for `file`, with its weights in that file or beside it."""
        path = self.folder / file
        # An earlier model's weights would look like this one's.
        for stale in self.folder.glob(f"{file}.data*"):
            stale.unlink()
        data = ExternalData(path) if external else None
        return Graph(self.weights, root, self.kind, data, f"dictoscope {self.tool}")

    def save(self, graph: Graph, file: str) -> None:
        """Writes a finished graph and says what became of it."""
        graph.save(self.folder / file, f"{self.name}; {self.about}")
        for path in [self.folder / file, *(graph.data.paths if graph.data else [])]:
            self.say(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


def take(graph: Graph, ports: list[Port]) -> list[str]:
    """Declares inputs; their values, floats in the graph's precision."""
    return [graph.input(port.name, port.dtype, port.shape) for port in ports]


def give(graph: Graph, ports: list[Port], values: list[str]) -> None:
    """Declares outputs."""
    for port, value in zip(ports, values, strict=True):
        graph.output(port.name, port.dtype, port.shape, value)


def write_encoder(job: Job, file: str, frames: str, external: bool) -> Ports:
    """The encoder, whose frames are called `frames`; its inputs and outputs."""
    inputs = [
        Port("features", "audio_signal", "f32", ("B", job.sizes.mel_bins, "T"), "batch,mel,time"),
        Port("length", "length", "i64", ("B",), "batch"),
    ]
    outputs = [
        Port("frames", frames, "f32", ("B", job.sizes.dim, "T_enc"), "batch,dim,time"),
        Port("lengths", "encoded_lengths", "i64", ("B",), "batch"),
    ]
    graph = job.graph(file, "encoder.", external)

    def progress(layer: int) -> None:
        job.say(f"{file}: layer {layer} of {job.sizes.layers}, {graph.bytes / 1e6:.0f} MB of weights")

    audio, lengths = take(graph, inputs)
    give(graph, outputs, list(encode(graph, audio, lengths, progress)))
    job.save(graph, file)
    return inputs, outputs


def state_ports(sizes: Sizes, h: tuple[str, str], c: tuple[str, str]) -> list[Port]:
    """The LSTM's two states; a pair holds role and name."""
    shape = (sizes.lstm_layers, "B", sizes.hidden)
    return [Port(role, name, "f32", shape, "layer,batch,hidden") for role, name in (h, c)]


def write_graphs(job: Job) -> dict[str, Ports]:
    """The three graphs of a contract; what goes in and comes out of each."""
    sizes = job.sizes
    # A single file is easier to handle, so weights go beside the encoder only where they must.
    each, table = {"f32": (4, 4), "f16": (2, 2), "stored": (2, 4)}[job.kind]
    stored = count(sizes)["encoder"] * each + position_table_size(sizes) * table + GRAPH_BYTES
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
    return interfaces


def write_contract(job: Job, interfaces: Mapping[str, Ports], front_end: Mapping[str, Any]) -> None:
    """contract.json, of graphs and vocabulary that are there."""
    text = json.dumps(contract_of(job, interfaces, front_end), indent=1)
    (job.folder / "contract.json").write_text(text + "\n", encoding="utf-8")


def contract_of(job: Job, interfaces: Mapping[str, Ports], front_end: Mapping[str, Any]) -> dict[str, Any]:
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
        "weights": STORED[job.kind],
        "arithmetic": ARITHMETIC[job.kind],
        "sample_rate": 16000,
        "front_end": {**front_end, "mel_bins": sizes.mel_bins},
        "encoder": {
            "subsampling": SUBSAMPLING,
            "dim": sizes.dim,
            "max_mel_frames": SUBSAMPLING * sizes.positions,
            "length_masks": True,
        },
        "predictor": {"layers": sizes.lstm_layers, "hidden": sizes.hidden},
        "vocabulary": {
            "file": "vocab.txt",
            "sha256": sha256("vocab.txt"),
            "size": sizes.pieces,
            "blank": sizes.pieces,
        },
        "durations": list(sizes.durations),
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
