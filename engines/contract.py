#!/usr/bin/env python3
"""Writes contract.json beside a model's files: its facts as given below, and the SHA-256 of each file as it is.

usage: engines/contract.py MODEL_FOLDER NAME

For models with the interface of the embedded one: three graphs (encoder, predictor, joint) and vocab.txt, 80 mel bins,
no normalisation. Needs nothing but Python; the graphs are not opened, the program checks them when it loads them.
"""
import hashlib
import json
import pathlib
import sys

DIM, HIDDEN, LAYERS, MELS, PIECES, DURATIONS = 384, 320, 1, 80, 512, [0, 1, 2, 3, 4]


def tensor(role, name, dtype, shape, layout):
    return {"role": role, "name": name, "dtype": dtype, "shape": shape, "layout": layout}


def main(folder, name):
    folder = pathlib.Path(folder)

    def sha256(file):
        return hashlib.sha256((folder / file).read_bytes()).hexdigest()

    def graph(file, inputs, outputs):
        return {"file": file, "sha256": sha256(file), "inputs": inputs, "outputs": outputs}

    state, state_layout = [LAYERS, "B", HIDDEN], "layer,batch,hidden"
    logits = PIECES + 1 + len(DURATIONS)
    contract = {
        "format": "dictoscope-contract-1",
        "name": name,
        "languages": ["en"],
        "weights": "f16",
        "sample_rate": 16000,
        "front_end": {
            "mel_bins": MELS, "window": 400, "hop": 160, "fft": 512, "preemphasis": 0.97,
            "low_hz": 0.0, "high_hz": 8000.0, "log_guard": 2.0**-24, "normalization": "none",
        },
        "encoder": {"subsampling": 8, "dim": DIM, "max_mel_frames": 3000, "length_masks": False},
        "predictor": {"layers": LAYERS, "hidden": HIDDEN},
        "vocabulary": {"file": "vocab.txt", "sha256": sha256("vocab.txt"), "size": PIECES, "blank": PIECES},
        "durations": DURATIONS,
        "max_symbols": 10,
        "graphs": {
            "encoder": graph(
                "encoder.onnx",
                [tensor("features", "audio_signal", "f32", ["B", MELS, "T"], "batch,mel,time"),
                 tensor("length", "length", "i64", ["B"], "batch")],
                [tensor("frames", "encoder_output", "f32", ["B", DIM, "T"], "batch,dim,time"),
                 tensor("lengths", "encoded_lengths", "i64", ["B"], "batch")],
            ),
            "predictor": graph(
                "predictor.onnx",
                [tensor("token", "y", "i64", ["B", "U"], "batch,token"),
                 tensor("h", "h", "f32", state, state_layout), tensor("c", "c", "f32", state, state_layout)],
                [tensor("prediction", "g", "f32", ["B", HIDDEN, "U"], "batch,hidden,token"),
                 tensor("h_next", "h_out", "f32", state, state_layout),
                 tensor("c_next", "c_out", "f32", state, state_layout)],
            ),
            "joint": graph(
                "joint.onnx",
                [tensor("frame", "encoder_output", "f32", ["B", DIM, "T"], "batch,dim,time"),
                 tensor("prediction", "predictor_output", "f32", ["B", HIDDEN, "U"], "batch,hidden,token")],
                [tensor("logits", "joint_output", "f32", ["B", "T", "U", logits], "batch,time,token,class")],
            ),
        },
    }
    (folder / "contract.json").write_text(json.dumps(contract, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
