#!/usr/bin/env python3
"""Writes a model with the interface of the embedded one as onnx-asr and sherpa-onnx load models, with the same weights.

usage: benches/peers/convert.py MODEL_FOLDER OUT

OUT/onnx-asr: encoder-model.onnx is the encoder with its output renamed; decoder_joint-model.onnx is predictor and joint in one
graph. OUT/sherpa-onnx: encoder, decoder and joiner, which sherpa-onnx finds its way in by notes in the encoder and by the order of
inputs and outputs.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

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
# Ours to sherpa-onnx's.
SHERPA_DECODER_NAMES = {"g": "outputs", "h": "states.1", "c": "onnx::Slice_3", "h_out": "states", "c_out": "162"}
SHERPA_JOINER_NAMES = {
    "encoder_output": "encoder_outputs",
    "predictor_output": "decoder_outputs",
    "joint_output": "outputs",
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


def take_i32(model: ModelProto) -> None:
    """Both give tokens as i32 by the name of targets (and their number, which nothing here needs)."""
    token = next(value for value in model.graph.input if value.name == "y")
    token.name = "targets"
    token.type.tensor_type.elem_type = TensorProto.INT32
    model.graph.node.insert(0, helper.make_node("Cast", ["targets"], ["y"], "targets/Cast", to=TensorProto.INT64))


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
    take_i32(model)
    model.graph.input.append(helper.make_tensor_value_info("target_length", TensorProto.INT32, ["B"]))
    return model


def vocabulary_of(folder: Path, contract: dict[str, Any]) -> str:
    """A piece and its number on each line, blank at last."""
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    blank = contract["vocabulary"]["blank"]
    if len(lines) == blank:
        lines.append(f"<blk> {blank}")
    return "\n".join(lines) + "\n"


def for_onnx_asr(folder: Path, contract: dict[str, Any], out: Path) -> None:
    """All four files, and the contract for its front-end."""
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(encoder_of(folder), out / "encoder-model.onnx")
    decoder = decoder_of(folder)
    onnx.checker.check_model(decoder)
    onnx.save(decoder, out / "decoder_joint-model.onnx")
    (out / "vocab.txt").write_text(vocabulary_of(folder, contract), encoding="utf-8")
    config = {
        "model_type": "nemo-conformer-tdt",
        "features_size": contract["front_end"]["mel_bins"],
        "subsampling_factor": contract["encoder"]["subsampling"],
        "max_tokens_per_step": contract["max_symbols"],
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(folder / "contract.json", out / "contract.json")


def for_sherpa_onnx(folder: Path, contract: dict[str, Any], out: Path) -> None:
    """Three graphs and the vocabulary."""
    out.mkdir(parents=True, exist_ok=True)
    encoder = encoder_of(folder)
    if contract["front_end"]["normalization"] != "none":
        sys.exit(f"front_end.normalization: expected none, found {contract['front_end']['normalization']}")
    notes = {
        "vocab_size": contract["vocabulary"]["size"],
        "normalize_type": "NA",
        "pred_rnn_layers": contract["predictor"]["layers"],
        "pred_hidden": contract["predictor"]["hidden"],
        "subsampling_factor": contract["encoder"]["subsampling"],
        "feat_dim": contract["front_end"]["mel_bins"],
        "model_type": "EncDecRNNTBPEModel",
        # It takes a model for TDT by its address.
        "url": "parakeet-tdt",
    }
    for key, value in notes.items():
        encoder.metadata_props.add(key=key, value=str(value))
    onnx.save(encoder, out / "encoder.onnx")
    decoder = onnx.load(folder / "predictor.onnx")
    rename(decoder, SHERPA_DECODER_NAMES)
    take_i32(decoder)
    second(decoder.graph.input, "target_length")
    second(decoder.graph.output, "prednet_lengths")
    decoder.graph.node.append(helper.make_node("Identity", ["target_length"], ["prednet_lengths"]))
    onnx.checker.check_model(decoder)
    onnx.save(decoder, out / "decoder.onnx")
    joiner = onnx.load(folder / "joint.onnx")
    rename(joiner, SHERPA_JOINER_NAMES)
    onnx.save(joiner, out / "joiner.onnx")
    (out / "tokens.txt").write_text(vocabulary_of(folder, contract), encoding="utf-8")


def second(values: Any, name: str) -> None:
    """Puts an i32 [B] behind the first of a graph's inputs or outputs, where sherpa-onnx expects it."""
    values.insert(1, helper.make_tensor_value_info(name, TensorProto.INT32, ["B"]))


def convert(folder: Path, out: Path) -> None:
    """Both layouts, each in a folder of its name."""
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    for_onnx_asr(folder, contract, out / "onnx-asr")
    for_sherpa_onnx(folder, contract, out / "sherpa-onnx")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
