"""An ONNX graph under construction, whose weights go straight to a file beside it.

Names of nodes and initialisers are those that PyTorch's exporter gives modules. Numbers are stored and computed with as

f32     f32, both
f16     f16, but for layer normalisation, what a caller casts, and the graph's own inputs and outputs
stored  f32, but weights that f16 holds exactly are stored so, behind a Cast (as `training/store16.py` has it)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from parakeet_sizes import Weights

OPSET = 17
# IR version of that opset's time; older runtimes refuse newer ones.
IR_VERSION = 8
PRODUCER = "dictoscope random_parakeet"
# Fewer values than this stay f32 where weights are stored as f16: they would save nothing.
LARGE = 256
# Smaller tensors stay in the graph's own file, as `onnx.save` does it.
EXTERNAL_BYTES = 1024
# A page: runtimes map the file.
ALIGNMENT = 4096
# Some readers hold an offset in a signed 32-bit number.
EXTERNAL_LIMIT = 2**31 - ALIGNMENT
ELEMENT = {"f32": TensorProto.FLOAT, "i32": TensorProto.INT32, "i64": TensorProto.INT64}


class ExternalData:
    """Weights beside a graph, in files below `limit` bytes: `<graph>.data`, then `<graph>.data_1` and so on.

    rten takes no other endings than those that begin with `data`.
    """

    def __init__(self, graph: Path, limit: int = EXTERNAL_LIMIT) -> None:
        self.graph, self.limit, self.offset = graph, limit, 0
        self.paths = [graph.with_name(f"{graph.name}.data")]
        self.file = self.paths[0].open("wb")

    def store(self, tensor: TensorProto, array: np.ndarray) -> None:
        """Writes a tensor's bytes to the file, and where they are to `tensor`."""
        raw = array.data
        start = -(-self.offset // ALIGNMENT) * ALIGNMENT
        if start + raw.nbytes > self.limit:
            self.file.close()
            self.paths.append(self.graph.with_name(f"{self.paths[0].name}_{len(self.paths)}"))
            self.file, self.offset, start = self.paths[-1].open("wb"), 0, 0
        self.file.write(b"\0" * (start - self.offset))
        self.file.write(raw)
        self.offset = start + raw.nbytes
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self.paths[-1].name), ("offset", start), ("length", raw.nbytes)):
            tensor.external_data.add(key=key, value=str(value))

    def close(self) -> None:
        """After the last tensor."""
        self.file.close()


class Graph:
    """A graph under construction. Values are names; `scope` is a module's name below `root`, with dots."""

    def __init__(
        self, weights: Weights, root: str, kind: str, data: ExternalData | None, producer: str = PRODUCER
    ) -> None:
        self.weights, self.root, self.data = weights, root, data
        self.half, self.stored = kind == "f16", kind == "stored"
        self.float = TensorProto.FLOAT16 if self.half else TensorProto.FLOAT
        # Everything goes straight into the file's message: gathered beside it, the weights would be copied twice.
        self.model = onnx.ModelProto(ir_version=IR_VERSION, producer_name=producer)
        self.model.opset_import.add(version=OPSET)
        self.proto = self.model.graph
        self.names: Counter[str] = Counter()
        self.tensors: set[str] = set()
        # Of the weights so far.
        self.bytes = 0

    def ops(self, kind: str, scope: str, inputs: Iterable[str], outputs: int, **attributes: Any) -> list[str]:
        """One node; its outputs."""
        # Exporters keep the number of a list's entry with its name: /layers.0/self_attn/linear_q/MatMul.
        path = "/".join(["", *re.sub(r"\.(?!\d)", "/", scope).split("/"), kind]) if scope else f"/{kind}"
        name = f"{path}_{self.names[path]}" if self.names[path] else path
        self.names[path] += 1
        found = [f"{name}_output_{n}" for n in range(outputs)]
        self.proto.node.append(helper.make_node(kind, list(inputs), found, name, **attributes))
        return found

    def op(self, kind: str, scope: str, *inputs: str, **attributes: Any) -> str:
        """One node with one output."""
        return self.ops(kind, scope, inputs, 1, **attributes)[0]

    def tensor(self, name: str, array: np.ndarray, single: bool = False) -> str:
        """An initialiser; floats are f16 in half precision unless `single`."""
        if name not in self.tensors:
            stored = name
            if self.half and array.dtype == np.float32 and not single:
                array = array.astype(np.float16)
            elif self.stored and fits_f16(array):
                array, stored = array.astype(np.float16), f"{name}_f16"
                self.proto.node.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
            array = np.asarray(array, order="C")
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            tensor = self.proto.initializer.add(name=stored, data_type=kind, dims=array.shape)
            if self.data and array.nbytes >= EXTERNAL_BYTES:
                self.data.store(tensor, array)
            else:
                tensor.raw_data = array.tobytes()
            self.tensors.add(name)
            self.bytes += array.nbytes
        return name

    def number(self, value: float, single: bool = False) -> str:
        """A constant of the arithmetic."""
        return self.tensor(f"number_{value:g}{'_f32' * single}", np.array(value, np.float32), single)

    def ints(self, *values: int) -> str:
        """A constant list of integers: axes, shapes."""
        return self.tensor("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def parameter(self, name: str, single: bool = False) -> str:
        """A weight as it is."""
        return self.tensor(name, self.weights[self.root + name], single)

    def has(self, name: str) -> bool:
        """Whether there is such a weight."""
        return self.root + name in self.weights.shapes

    def linear(self, scope: str, x: str) -> str:
        """x [..., in] to [..., out]. Exporters transpose the weight, and say so in its name."""
        weight = self.tensor(f"onnx::MatMul_{scope}.weight", self.weights[f"{self.root}{scope}.weight"].T)
        y = self.op("MatMul", scope, x, weight)
        return self.op("Add", scope, self.parameter(f"{scope}.bias"), y) if self.has(f"{scope}.bias") else y

    def norm(self, scope: str, x: str) -> str:
        """Layer normalisation over the last axis, always in f32."""
        weight, bias = (self.parameter(f"{scope}.{part}", single=True) for part in ("weight", "bias"))
        y = self.op("LayerNormalization", scope, self.to_f32(scope, x), weight, bias, axis=-1, epsilon=1e-5)
        return self.to_float(scope, y)

    def to_f32(self, scope: str, x: str) -> str:
        """Out of the graph's precision."""
        return self.op("Cast", scope, x, to=TensorProto.FLOAT) if self.half else x

    def to_float(self, scope: str, x: str) -> str:
        """From f32 to the graph's precision."""
        return self.op("Cast", scope, x, to=self.float) if self.half else x

    def silu(self, scope: str, x: str) -> str:
        """x times its sigmoid."""
        return self.op("Mul", scope, x, self.op("Sigmoid", scope, x))

    def size(self, x: str, axis: int) -> str:
        """One size of x as a list of one."""
        return self.op("Gather", "", self.op("Shape", "", x), self.ints(axis), axis=0)

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """One input; floats come in f32."""
        self.proto.input.append(helper.make_tensor_value_info(name, ELEMENT[dtype], list(shape)))
        return self.to_float("", name) if dtype == "f32" else name

    def output(self, name: str, dtype: str, shape: Sequence[int | str], value: str) -> None:
        """One output; floats leave in f32."""
        self.proto.output.append(helper.make_tensor_value_info(name, ELEMENT[dtype], list(shape)))
        self.proto.node.append(helper.make_node("Cast", [value], [name], f"/{name}/Cast", to=ELEMENT[dtype]))

    def save(self, path: Path, about: str) -> None:
        """Writes the file, and ends its external data."""
        self.proto.name, self.model.doc_string = path.stem, about
        path.write_bytes(self.model.SerializeToString(deterministic=True))
        if self.data:
            self.data.close()


def fits_f16(array: np.ndarray) -> bool:
    """Whether an array is large enough to be worth it, and f16 holds its values as they are."""
    if array.dtype != np.float32 or array.size < LARGE:
        return False
    with np.errstate(over="ignore"):
        return bool((array.astype(np.float16) == array).all())
