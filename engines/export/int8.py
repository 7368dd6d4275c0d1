"""An encoder with 8-bit weights: its matrix products computed in 8 bits, or in f32 out of weights that are stored so.

Products: ONNX Runtime's dynamic quantisation. Weights are int8 with a scale for each column, activations are brought to
uint8 by their range at each call. A range is spoilt by few large values, so every product is tried on recordings first,
and those that come out too coarse stay f32.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile
from errors import InputError
from onnx import GraphProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from parakeet_graph import fits_f16
from signals import SAMPLE_RATE

ENDINGS = (".flac", ".wav", ".ogg")
# Of each recording, and of a folder: enough for ranges, and bounded for large models.
SECONDS, RECORDINGS = 20, 16
# Root mean square of a product's error as a share of its own, over which it stays f32 (README.md tells how it was found).
LARGEST_ERROR = 0.02
# Bytes over which a protobuf cannot be written as one.
PROTOBUF = 2**31 - 2**24


@dataclass(frozen=True)
class Quantised:
    """What became of an encoder."""

    # Of each product with weights: its error when it alone is 8-bit.
    errors: dict[str, float]
    # Those that stayed as they were.
    kept: list[str]


def read_recordings(folder: Path) -> dict[str, np.ndarray]:
    """The first recordings of a folder by name, f32 in [-1, 1]."""
    if not folder.is_dir():
        raise InputError(f"--calibration {folder}: expected a folder of recordings, found none")
    found = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)[:RECORDINGS]:
        try:
            samples, rate = soundfile.read(path, dtype="float32", frames=SECONDS * SAMPLE_RATE)
        except (OSError, soundfile.SoundFileError) as error:
            raise InputError(f"{path}: expected a recording, found: {error}") from None
        if rate != SAMPLE_RATE:
            raise InputError(f"{path}: expected {SAMPLE_RATE} Hz, found {rate} Hz")
        mono = samples if samples.ndim == 1 else samples.mean(1)
        if len(mono) < SAMPLE_RATE // 2:
            raise InputError(f"{path}: expected half a second or more, found {len(mono)} samples")
        found[path.name] = mono
    if not found:
        raise InputError(f"--calibration {folder}: expected recordings ({', '.join(ENDINGS)}), found none")
    return found


def products(graph: GraphProto) -> list[onnx.NodeProto]:
    """Matrix products with weights."""
    stored = {tensor.name for tensor in graph.initializer}
    return [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in stored]


def eight_bits(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[in, out] as int8 and a scale for each column."""
    scale = np.maximum(np.abs(weight).max(0) / np.float32(127.0), np.finfo(np.float32).tiny)
    return np.round(weight / scale).astype(np.int8), scale


def rounded_activation(values: np.ndarray) -> np.ndarray:
    """As 8 bits hold it over its range, which takes in zero."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = (high - low) / 255.0 or 1.0
    zero = np.round(-low / scale)
    return ((np.clip(np.round(values / scale) + zero, 0, 255) - zero) * scale).astype(np.float32)


def measure(path: Path, features: Iterable[np.ndarray]) -> dict[str, float]:
    """The error of each product of an f32 encoder, over features [mel_frames, mel_bins]."""
    model = onnx.load(path, load_external_data=False)
    nodes = products(model.graph)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    names = list(dict.fromkeys(node.input[0] for node in nodes))
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    # Beside the graph, where its files of weights are.
    probed = path.with_name(f"probed-{path.name}")
    onnx.save(model, probed)
    try:
        session = onnxruntime.InferenceSession(str(probed), providers=["CPUExecutionProvider"])
        wrong, whole = dict.fromkeys((n.name for n in nodes), 0.0), dict.fromkeys((n.name for n in nodes), 0.0)
        for mel in features:
            feed = {"audio_signal": np.ascontiguousarray(mel.T)[None], "length": np.array([len(mel)])}
            values = dict(zip(names, session.run(names, feed), strict=True))
            for node in nodes:
                x = values[node.input[0]].reshape(-1, values[node.input[0]].shape[-1])
                weight = numpy_helper.to_array(weights[node.input[1]], str(path.parent))
                exact, (values8, scale) = x @ weight, eight_bits(weight)
                rounded = rounded_activation(x) @ (values8 * scale)
                wrong[node.name] += float(np.square(rounded - exact).sum())
                whole[node.name] += float(np.square(exact).sum())
    finally:
        probed.unlink(missing_ok=True)
    return {name: (wrong[name] / whole[name]) ** 0.5 if whole[name] else 0.0 for name in wrong}


def quantise(path: Path, features: Iterable[np.ndarray], largest: float) -> Quantised:
    """Changes the f32 encoder at `path`; its files of weights, if it has some, become one graph's."""
    errors = measure(path, features)
    kept = sorted(name for name, error in errors.items() if not error <= largest)
    chosen = [name for name in errors if name not in kept]
    if not chosen:
        raise InputError(
            f"{path}: expected products within {largest:g}, found none: the least is {min(errors.values()):g}"
        )
    out = path.with_name(f"int8-{path.name}")
    # It recommends a preparation that renames nodes; it is of no use here.
    logging.disable(logging.WARNING)
    try:
        quantize_dynamic(
            path,
            out,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=chosen,
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)
    # As one file, whatever it was before.
    model = onnx.load(out)
    for old in path.parent.glob(f"{out.name}*"):
        old.unlink()
    replace(path, model)
    return Quantised(errors, kept)


def store_weights(path: Path) -> int:
    """Stores the weights of an f32 encoder's products as int8 with a scale for each column; how many there are.

    What is computed stays f32.
    """
    model = onnx.load(path)
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    names = list(dict.fromkeys(node.input[1] for node in products(graph)))
    nodes = []
    for name in names:
        values, scale = eight_bits(numpy_helper.to_array(weights[name]))
        weights[name].CopyFrom(numpy_helper.from_array(values, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        # Not DequantizeLinear: ONNX Runtime takes that before a product for leave to round the activations, too.
        nodes.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_cast"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]))
    prepend(graph, nodes)
    replace(path, model)
    return len(names)


def prepend(graph: GraphProto, nodes: list[onnx.NodeProto]) -> None:
    """Nodes stand in the order in which they run."""
    others = list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes + others)


def replace(path: Path, model: onnx.ModelProto) -> None:
    """Writes a graph with its weights in it, in place of the one that is there and its files of weights."""
    for tensor in model.graph.initializer:
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT
    data = model.SerializeToString(deterministic=True)
    if len(data) > PROTOBUF:
        raise InputError(f"{path}: expected less than 2 GB with 8-bit weights, found {len(data)} bytes")
    for old in path.parent.glob(f"{path.name}.data*"):
        old.unlink()
    path.write_bytes(data)


def store_exact(path: Path) -> None:
    """Stores weights of a graph that f16 holds exactly as f16, each behind a Cast; scales of 8-bit weights stay."""
    model = onnx.load(path)
    graph = model.graph
    scales = {name for node in graph.node for name in node.input if name.endswith("_scale")}
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in scales:
            array, name = numpy_helper.to_array(tensor), tensor.name
            if fits_f16(array):
                tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}_f16"))
                casts.append(helper.make_node("Cast", [f"{name}_f16"], [name], to=TensorProto.FLOAT))
    prepend(graph, casts)
    replace(path, model)
