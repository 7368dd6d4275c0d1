"""Stores the large f32 weights of an ONNX graph as f16 behind a Cast: half the file, the same arithmetic."""

from __future__ import annotations

import numpy as np
from errors import InputError
from onnx import GraphProto, TensorProto, helper, numpy_helper

# Fewer values than this stay f32: they would save nothing.
LARGE = 256
SUFFIX = "_f16"


def split_shared(graph: GraphProto) -> None:
    """Gives every user of a weight its own copy.

    The exporter keeps equal weights once and hands them on with Identity; `engines/reference/weights.py` wants one user
    for each. Only weights that training never touched are equal to others.
    """
    tables = {tensor.name: tensor for tensor in graph.initializer}
    for node in [n for n in graph.node if n.op_type == "Identity" and n.input[0] in tables]:
        copy = graph.initializer.add()
        copy.CopyFrom(tables[node.input[0]])
        copy.name = node.output[0]
        graph.node.remove(node)


def store16(graph: GraphProto) -> None:
    """Changes `graph` in place."""
    large = [t for t in graph.initializer if t.data_type == TensorProto.FLOAT and np.prod(t.dims) >= LARGE]
    casts = []
    for tensor in large:
        with np.errstate(over="ignore"):
            stored = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(stored).all():
            raise InputError(f"{tensor.name}: expected finite weights within 65504, the range of f16, found others")
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(stored, tensor.name + SUFFIX))
        casts.append(helper.make_node("Cast", [tensor.name + SUFFIX], [tensor.name], to=TensorProto.FLOAT))
    # Nodes stand in the order in which they run.
    others = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + others)
