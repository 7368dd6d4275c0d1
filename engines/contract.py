#!/usr/bin/env python3
"""Writes contract.json beside a model's files: its facts as given below, and the SHA-256 of each file as it is.

For models with the interface of the embedded one: three graphs (encoder, predictor, joint) and vocab.txt, 80 mel bins,
no normalisation. Needs nothing but Python; the graphs are not opened, the program checks them when it loads them.
"""
import argparse
import hashlib
import json
import pathlib

LAYERS, MELS = 1, 80


def tensor(role, name, dtype, shape, layout):
    return {"role": role, "name": name, "dtype": dtype, "shape": shape, "layout": layout}


def write(folder, name, dim, hidden, pieces, durations, max_mel_frames, weights="f16"):
    def sha256(file):
        return hashlib.sha256((folder / file).read_bytes()).hexdigest()

    def graph(file, inputs, outputs):
        return {"file": file, "sha256": sha256(file), "inputs": inputs, "outputs": outputs}

    state, state_layout = [LAYERS, "B", hidden], "layer,batch,hidden"
    logits = pieces + 1 + durations
    contract = {
        "format": "dictoscope-contract-1",
        "name": name,
        "languages": ["en"],
        "weights": weights,
        "sample_rate": 16000,
        "front_end": {
            "mel_bins": MELS, "window": 400, "hop": 160, "fft": 512, "preemphasis": 0.97,
            "low_hz": 0.0, "high_hz": 8000.0, "log_guard": 2.0**-24, "normalization": "none",
        },
        "encoder": {"subsampling": 8, "dim": dim, "max_mel_frames": max_mel_frames, "length_masks": False},
        "predictor": {"layers": LAYERS, "hidden": hidden},
        "vocabulary": {"file": "vocab.txt", "sha256": sha256("vocab.txt"), "size": pieces, "blank": pieces},
        "durations": list(range(durations)),
        "max_symbols": 10,
        "graphs": {
            "encoder": graph(
                "encoder.onnx",
                [tensor("features", "audio_signal", "f32", ["B", MELS, "T"], "batch,mel,time"),
                 tensor("length", "length", "i64", ["B"], "batch")],
                [tensor("frames", "encoder_output", "f32", ["B", dim, "T"], "batch,dim,time"),
                 tensor("lengths", "encoded_lengths", "i64", ["B"], "batch")],
            ),
            "predictor": graph(
                "predictor.onnx",
                [tensor("token", "y", "i64", ["B", "U"], "batch,token"),
                 tensor("h", "h", "f32", state, state_layout), tensor("c", "c", "f32", state, state_layout)],
                [tensor("prediction", "g", "f32", ["B", hidden, "U"], "batch,hidden,token"),
                 tensor("h_next", "h_out", "f32", state, state_layout),
                 tensor("c_next", "c_out", "f32", state, state_layout)],
            ),
            "joint": graph(
                "joint.onnx",
                [tensor("frame", "encoder_output", "f32", ["B", dim, "T"], "batch,dim,time"),
                 tensor("prediction", "predictor_output", "f32", ["B", hidden, "U"], "batch,hidden,token")],
                [tensor("logits", "joint_output", "f32", ["B", "T", "U", logits], "batch,time,token,class")],
            ),
        },
    }
    (folder / "contract.json").write_text(json.dumps(contract, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, metavar="MODEL_FOLDER")
    parser.add_argument("name", metavar="NAME", help="what traces and the status line call the model")
    # The defaults are those of the embedded model.
    for option, default, what in (
        ("--dim", 384, "values of an encoder frame"),
        ("--hidden", 320, "units of the predictor's LSTM"),
        ("--pieces", 512, "pieces of the vocabulary, without blank"),
        ("--durations", 5, "entries of the duration head: 0, 1, 2 and so on, in encoder frames"),
        ("--max-mel-frames", 3000, "longest window"),
    ):
        parser.add_argument(option, type=int, default=default, metavar="N", help=f"{what} (default {default})")
    parser.add_argument("--weights", default="f16", help="how they are stored (default f16)")
    write(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
