"""Weights out of ONNX graphs: initialisers to the names of PyTorch modules, by the scopes of the nodes that use them.

The graphs come from PyTorch's exporter: a node's name says in which module it stands (`/layers.0/att/q/MatMul`), an
initialiser keeps its module's name unless the exporter folded something into it (`onnx::MatMul_1511`). Large ones may
be stored as f16 behind a Cast. Every float initialiser, and every float constant of `LARGE` values or more, must be
used by exactly one node.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import torch
from errors import InputError
from onnx import numpy_helper

# Smaller constants are numbers of the arithmetic (a scale, an epsilon), not weights.
LARGE = 256
ANONYMOUS = re.compile(r"^(onnx::|Constant_|/)")
NODE = re.compile(r"^(?P<scope>.*)/(?P<kind>[A-Za-z]+)(_(?P<number>\d+))?$")
# ONNX orders the gates of an LSTM as input, output, forget, cell; PyTorch as input, forget, cell, output.
GATES = [0, 2, 3, 1]

State = dict[str, torch.Tensor]


def read(path: Path, root: str = "") -> State:
    """The weights of one graph, f32, by module name; `root` is the scope that the exporter's wrapper added."""
    try:
        graph = onnx.load(path).graph
    except FileNotFoundError:
        raise InputError(f"{path}: expected an ONNX graph, found no file") from None
    tables = {t.name: a for t in graph.initializer if (a := numpy_helper.to_array(t)).dtype.kind == "f"}
    alias = {name: name for name in tables}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            array = numpy_helper.to_array(node.attribute[0].t)
            if array.dtype.kind == "f" and array.size >= LARGE:
                tables[node.output[0]] = array
                alias[node.output[0]] = node.output[0]
    stored = set(alias)
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in alias:
            alias[node.output[0]] = alias[node.input[0]]
    state: State = {}
    users: dict[str, list[str]] = {name: [] for name in stored}
    for node in graph.node:
        if node.op_type == "Cast":
            continue
        for position, name in enumerate(node.input):
            if name not in alias:
                continue
            users[alias[name]].append(node.name)
            table = tables[alias[name]].astype(np.float32)
            for key, value in entries(path, node, position, name, root, table).items():
                if key in state:
                    raise InputError(f"{path}: {node.name}: expected one weight for {key}, found a second, {name}")
                state[key] = torch.from_numpy(np.ascontiguousarray(value))
    for name, nodes in users.items():
        if len(nodes) != 1:
            raise InputError(f"{path}: {name}: expected one node that uses it, found {nodes or 'none'}")
    return state


def entries(
    path: Path, node: onnx.NodeProto, position: int, name: str, root: str, table: np.ndarray
) -> dict[str, np.ndarray]:
    """The module weights that input `position` of `node` holds."""
    if not ANONYMOUS.match(name):
        return {name.removeprefix(f"{root}."): table}
    match = NODE.match(node.name)
    unknown = InputError(
        f"{path}: {node.name}: expected a weight of a known kind, found {name} as input {position} of {node.op_type}"
    )
    if match is None:
        raise unknown
    scope = match["scope"].removeprefix(f"/{root}" if root else "").strip("/").replace("/", ".")
    use = (node.op_type, position)
    if scope and use == ("MatMul", 1):
        return {f"{scope}.weight": table.T}
    if scope and node.op_type == "Conv" and position in (1, 2):
        return {f"{scope}.{('weight', 'bias')[position - 1]}": table}
    if scope and node.op_type == "LSTM" and position in (1, 2, 3) and len(table) == 1:
        layer = match["number"] or "0"
        if position == 3:
            inner, outer = table[0].reshape(2, 4, -1)[:, GATES].reshape(2, -1)
            return {f"{scope}.bias_ih_l{layer}": inner, f"{scope}.bias_hh_l{layer}": outer}
        gates = table[0].reshape(4, -1, table.shape[2])[GATES].reshape(table.shape[1:])
        return {f"{scope}.weight_{('ih', 'hh')[position - 1]}_l{layer}": gates}
    # The two tables of the encoder itself: what is added to the bands, and the positions that are sliced.
    if scope == "" and use == ("Add", 1) and table.ndim == 3:
        return {"band": table.reshape(-1)}
    if scope == "" and use == ("Slice", 0) and table.ndim == 3:
        return {"pe": table[0]}
    raise unknown


def fill(module: torch.nn.Module, path: Path, root: str = "") -> None:
    """Loads the graph's weights into `module`; all of its parameters and buffers must be there, and nothing else."""
    state, expected = read(path, root), module.state_dict()
    missing, left_over = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or left_over:
        kind = type(module).__name__
        raise InputError(f"{path}: expected the weights of {kind}: not found {missing}, found besides {left_over}")
    for key, value in state.items():
        if value.shape != expected[key].shape:
            raise InputError(f"{path}: {key}: expected shape {list(expected[key].shape)}, found {list(value.shape)}")
    module.load_state_dict(state)
    module.eval().requires_grad_(False)
