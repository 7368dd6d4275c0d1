#!/usr/bin/env python3
"""Writes a model with the interface of the embedded one as onnx-asr loads models, with the same weights.

usage: benches/cpu/convert.py MODEL_FOLDER OUT

encoder-model.onnx is the encoder with its output renamed; decoder_joint-model.onnx is predictor and joint in one graph.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, compose, helper

# Ours to onnx-asr's.
DECODER_NAMES = {
    "h": "input_states_1",
    "c": "input_states_2",
    "h_out": "output_states_1",
    "c_out": "output_states_2",
    "joint_output": "outputs",
    "encoder_output": "encoder_outputs",
}


def rename(model: ModelProto, names: dict[str, str]) -> None:
    """Gives values of a graph other names, wherever they are used."""
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def encoder_of(folder: Path) -> ModelProto:
    """The encoder by onnx-asr's names."""
    model = onnx.load(folder / "encoder.onnx")
    rename(model, {"encoder_output": "outputs"})
    return model


def decoder_of(folder: Path) -> ModelProto:
    """Token, states and a frame to logits and the next states."""
    parts = [onnx.load(folder / f"{name}.onnx") for name in ("predictor", "joint")]
    version = max(part.ir_version for part in parts)
    for part in parts:
        part.ir_version = version
    predictor, joint = parts
    # Names inside may be the same in both; those at the borders must stay.
    predictor = compose.add_prefix(predictor, "predictor/", rename_inputs=False, rename_outputs=False)
    joint = compose.add_prefix(joint, "joint/", rename_inputs=False, rename_outputs=False)
    model: ModelProto = compose.merge_models(
        predictor, joint, io_map=[("g", "predictor_output")], outputs=["joint_output", "h_out", "c_out"]
    )
    rename(model, DECODER_NAMES)
    # onnx-asr gives tokens as i32, and their number, which nothing here needs.
    token = next(value for value in model.graph.input if value.name == "y")
    token.name = "targets"
    token.type.tensor_type.elem_type = TensorProto.INT32
    model.graph.node.insert(0, helper.make_node("Cast", ["targets"], ["y"], "targets/Cast", to=TensorProto.INT64))
    model.graph.input.append(helper.make_tensor_value_info("target_length", TensorProto.INT32, ["B"]))
    return model


def convert(folder: Path, out: Path) -> None:
    """All four files."""
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(encoder_of(folder), out / "encoder-model.onnx")
    decoder = decoder_of(folder)
    onnx.checker.check_model(decoder)
    onnx.save(decoder, out / "decoder_joint-model.onnx")
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    blank = contract["vocabulary"]["blank"]
    if len(vocabulary) == blank:
        vocabulary.append(f"<blk> {blank}")
    (out / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    config = {
        "model_type": "nemo-conformer-tdt",
        "features_size": contract["front_end"]["mel_bins"],
        "subsampling_factor": contract["encoder"]["subsampling"],
        "max_tokens_per_step": contract["max_symbols"],
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(folder / "contract.json", out / "contract.json")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
