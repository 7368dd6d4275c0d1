"""Turns Kokoro-82M's ONNX file (int8) and its voices into arrays named like the PyTorch model's parameters.

Reads what `fetch.py` put into ASSETS/kokoro/source; writes ASSETS/kokoro: `kokoro.npz`, `voices.npz`, `vocab.json`.

A weight that was quantised is stored as three arrays: NAME|q int8, NAME|s f32 (the scale, one number or one for each
output) and NAME|z int16 (the zero point, likewise); its value is (q - z) * s. All others are f32.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

import errors
import numpy as np
import onnx
from errors import InputError
from onnx import numpy_helper

# Rows of a voice: its style for each number of phonemes from 1; columns: 128 for the decoder, 128 for the prosody.
VOICE_SHAPE = (510, 256)
# ONNX orders the gates of an LSTM as input, output, forget, cell; PyTorch as input, forget, cell, output.
GATES = (0, 2, 3, 1)
# What the exporter appends to a module's scope to name the node's output.
OUTPUT = re.compile(r"/(Conv|ConvTranspose|Gemm|MatMul|LSTM)_output.*$")
# These belong to the prosody predictor, which the exporter's wrapper called part by part.
PREDICTOR_PARTS = {"F0.0", "F0.1", "F0.2", "N.0", "N.1", "N.2", "F0_proj", "N_proj", "shared"}
# Parameters that the graph keeps under their own names.
NAMED = re.compile(r"bert.*LayerNorm|full_layer_layer_norm|\.gamma$|\.beta$|\.alpha")

Arrays = dict[str, np.ndarray]


def parameter_name(output: str) -> str:
    """The PyTorch module behind a node's output: `/encoder/F0.0/conv1/Conv_output_0` is `predictor.F0.0.conv1`."""
    scopes = [scope for scope in OUTPUT.sub("", output).split("/") if scope]
    if scopes[0] in ("decoder", "encoder"):
        inside = scopes[0]
        scopes = scopes[1:]
        if inside == "encoder" and scopes[0] in PREDICTOR_PARTS:
            scopes.insert(0, "predictor")
        if scopes[0] == "text_encoder" and scopes[1].startswith("cnn"):
            # `cnn.0/cnn.0.0`: the second names the module in full.
            scopes = ["text_encoder", scopes[2]]
    return ".".join(scopes).replace("asr_res.asr_res.0", "asr_res.0")


def own_name(initialiser: str) -> str:
    """The name of a parameter without the exporter's wrappers: `encoder.bert.x` is `bert.x`."""
    return re.sub(r"^(encoder|decoder)\.", "", initialiser, count=1)


class Converter:
    """Walks the graph once and collects the arrays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            graph = onnx.load(path).graph
        except FileNotFoundError:
            raise InputError(f"{path}: expected Kokoro's ONNX file (fetch.py gets it), found no file") from None
        self.nodes = list(graph.node)
        self.initialisers = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.producer = {output: node for node in self.nodes for output in node.output}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        self.arrays: Arrays = {}

    def unexpected(self, node: onnx.NodeProto, expected: str) -> InputError:
        """The graph is not the one that this was written for."""
        return InputError(f"{self.path}: {node.name}: expected {expected}, found {node.op_type} {list(node.input)}")

    def put(self, name: str, array: np.ndarray) -> None:
        """Keeps an array; nothing may be there twice."""
        if name in self.arrays:
            raise InputError(f"{self.path}: {name}: expected one weight of this name, found a second")
        self.arrays[name] = array

    def put_quantised(self, name: str, values: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> None:
        """Keeps a quantised weight; an unsigned one is shifted to int8."""
        if values.dtype == np.uint8:
            values = (values.astype(np.int16) - 128).astype(np.int8)
            zero = zero.astype(np.int16) - 128
        self.put(f"{name}|q", values)
        self.put(f"{name}|s", np.asarray(scale, np.float32))
        self.put(f"{name}|z", np.asarray(zero, np.int16))

    def other_input(self, node: onnx.NodeProto, name: str) -> str:
        """The input of a node of two that is not `name`."""
        return next(i for i in node.input if i != name)

    def scale_of(self, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray | None, str]:
        """Weight scale, bias and final output of an integer product.

        What follows it: Cast, then maybe Add of the bias, which was divided by the scale and rounded, then Mul by
        (scale of the input * scale of the weight).
        """
        name, bias = node.output[0], None
        while True:
            (user,) = self.consumers[name]
            if user.op_type == "Mul":
                scales = self.producer[self.other_input(user, name)]
                stored = [self.initialisers[i] for i in scales.input if i in self.initialisers]
                if scales.op_type != "Mul" or len(stored) != 1:
                    raise self.unexpected(scales, "a product of two scales, one of them stored")
                return stored[0], bias, user.output[0]
            if user.op_type == "Add":
                # Reshape of Cast of Floor of Div(bias, scale)
                step = self.producer[self.other_input(user, name)]
                for kind in ("Reshape", "Cast", "Floor"):
                    if step.op_type != kind:
                        raise self.unexpected(step, kind)
                    step = self.producer[step.input[0]]
                bias = self.initialisers[step.input[0]]
            elif user.op_type != "Cast":
                raise self.unexpected(user, "Cast, Add or Mul after an integer product")
            name = user.output[0]

    def matmul(self, node: onnx.NodeProto) -> None:
        """A linear layer: [out, in], a scale for each output; the bias is added after the scales."""
        scale, _, output = self.scale_of(node)
        name, weight = parameter_name(node.output[0]), self.initialisers[node.input[1]]
        self.put_quantised(f"{name}.weight", weight.T.copy(), scale, self.initialisers[node.input[3]])
        biases = [
            self.initialisers[i]
            for user in self.consumers[output]
            if user.op_type in ("Add", "FastGelu")
            for i in user.input
            if i in self.initialisers
        ]
        if len(biases) != 1 or biases[0].shape != (weight.shape[1],):
            raise self.unexpected(node, f"one bias of {weight.shape[1]} after it")
        self.put(f"{name}.bias", biases[0])

    def convolution(self, node: onnx.NodeProto) -> None:
        """A convolution in integers; the 1x1 ones beside a residual have no bias."""
        scale, bias, _ = self.scale_of(node)
        name = parameter_name(node.output[0])
        self.put_quantised(f"{name}.weight", self.initialisers[node.input[1]], scale, self.initialisers[node.input[3]])
        if bias is not None:
            self.put(f"{name}.bias", bias)

    def float_convolution(self, node: onnx.NodeProto) -> None:
        """A convolution that was left in f32; one of them is the inverse Fourier transform."""
        name = parameter_name(node.output[0])
        if "istft" in name:
            self.put("istft.basis", self.initialisers[node.input[1]])
            return
        self.put(f"{name}.weight", self.initialisers[node.input[1]])
        self.put(f"{name}.bias", self.initialisers[node.input[2]])

    def lstm(self, node: onnx.NodeProto) -> None:
        """Both directions of an LSTM; its quantised weights are [direction, in, 4 * hidden]."""
        name = parameter_name(node.output[0])
        # Inputs: 1 and 2 the weights, 3 the biases, 8 to 11 scale and zero point of each weight.
        for part, (weight, scale, zero) in {"ih": (1, 8, 9), "hh": (2, 10, 11)}.items():
            stored, scales, zeros = (self.initialisers[node.input[i]] for i in (weight, scale, zero))
            for direction, suffix in enumerate(("", "_reverse")):
                gates = np.split(stored[direction].T, 4)
                values = np.concatenate([gates[g] for g in GATES])
                self.put_quantised(f"{name}.weight_{part}_l0{suffix}", values, scales[direction], zeros[direction])
        for direction, suffix in enumerate(("", "_reverse")):
            # ih, then hh: four gates each
            gates = np.split(self.initialisers[node.input[3]][direction], 8)
            for first, part in ((0, "ih"), (4, "hh")):
                self.put(f"{name}.bias_{part}_l0{suffix}", np.concatenate([gates[first + g] for g in GATES]))

    def embedding(self, node: onnx.NodeProto) -> None:
        """A table of embeddings: rows are gathered, then dequantised."""
        table = self.producer[node.input[0]].input[0]
        scale, zero = (self.initialisers[i] for i in node.input[1:3])
        self.put_quantised(own_name(table.replace("_quantized", "")), self.initialisers[table], scale, zero)

    def constants(self) -> None:
        """Norms and the snake's factors, under their own names, and what belongs to the harmonic source."""
        for name, array in self.initialisers.items():
            if array.dtype == np.float32 and NAMED.search(name):
                self.put(own_name(name), array)
        # The windows' sum; the model needs it not, as its frames overlap evenly, but a check of the transform does.
        self.put("istft.wsum", self.initialisers["decoder.decoder.generator.stft.istft.stft.window_sum"])
        self.put("stft.window", self.initialisers["/decoder/decoder/generator/Constant_17_output_0"])
        # One linear layer mixes the nine harmonics.
        (mix,) = [node for node in self.nodes if node.output[0].endswith("l_linear/MatMul_output_0")]
        self.put("lin.w", self.initialisers[mix.input[1]][:, 0])
        (add,) = self.consumers[mix.output[0]]
        self.put("lin.b", next(self.initialisers[i] for i in add.input if i in self.initialisers))

    def convert(self) -> Arrays:
        """All arrays of the model."""
        kinds = {
            "MatMulInteger": self.matmul,
            "ConvInteger": self.convolution,
            "Conv": self.float_convolution,
            "ConvTranspose": self.float_convolution,
            "DynamicQuantizeLSTM": self.lstm,
            "DequantizeLinear": self.embedding,
        }
        done: set[str] = set()
        for node in self.nodes:
            if node.op_type not in kinds:
                continue
            if node.op_type == "MatMulInteger":
                # ALBERT uses the same layer twelve times.
                if node.input[1] in done:
                    continue
                done.add(node.input[1])
            kinds[node.op_type](node)
        self.constants()
        return self.arrays


def read_voices(folder: Path) -> Arrays:
    """The English voices (names of af_, am_, bf_ and bm_: American or British, female or male), f16 [510, 256]."""
    voices: Arrays = {}
    for path in sorted(folder.glob("[ab][fm]_*.bin")):
        values = np.fromfile(path, np.float32)
        if values.size != VOICE_SHAPE[0] * VOICE_SHAPE[1]:
            raise InputError(f"{path}: expected {VOICE_SHAPE[0]} x {VOICE_SHAPE[1]} numbers, found {values.size}")
        voices[path.stem] = values.reshape(VOICE_SHAPE).astype(np.float16)
    if not voices:
        raise InputError(f"{folder}: expected voices (af_heart.bin and others), found none")
    return voices


def save(path: Path, arrays: Arrays) -> None:
    """Writes arrays; whoever reads meanwhile never sees half a file."""
    partial = path.with_name(f"{path.stem}.tmp.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path, metavar="ASSETS", help="the folder that fetch.py filled")
    folder = parser.parse_args().assets / "kokoro"
    arrays = Converter(folder / "source" / "kokoro.onnx").convert()
    save(folder / "kokoro.npz", arrays)
    voices = read_voices(folder / "source" / "voices")
    save(folder / "voices.npz", voices)
    shutil.copyfile(folder / "source" / "vocab.json", folder / "vocab.json")
    size = sum(array.nbytes for array in arrays.values()) / 1e6
    print(f"{folder}: {len(arrays)} arrays, {size:.1f} MB; {len(voices)} voices: {' '.join(voices)}")


if __name__ == "__main__":
    errors.run(main)
