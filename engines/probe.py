#!/usr/bin/env python3
"""Writes a model's probe: reference outputs that the program compares an engine with before it trusts it.

usage: engines/probe.py MODEL_FOLDER

Runs the graphs that contract.json names with ONNX Runtime on the CPU, on 2 s of a signal that needs no file,
writes probe.safetensors beside contract.json, and names it there under "probe". Needs the packages of
requirements-probe.lock, and nothing else: the front-end is written out in NumPy.
"""

from __future__ import annotations

import hashlib
import json
import math
import pathlib
import sys
from typing import Any

import numpy as np
import onnxruntime
from safetensors.numpy import save

FORMAT = "dictoscope-probe-1"
FILE = "probe.safetensors"
SEED, SAMPLES = 12345, 32000
# Any token will do that is not blank: it shows whether the state is carried on.
TOKEN = 5
# Added to the standard deviation by `per_feature` normalisation (NeMo's `CONSTANT`).
STD_GUARD = 1e-5

Spec = dict[str, Any]


def signal() -> np.ndarray:
    """Noise of a linear congruential generator in steps of loudness, 50 ms each; exact in f32, [SAMPLES]."""
    state, out = SEED, np.empty(SAMPLES, np.float32)
    for n in range(SAMPLES):
        state = (state * 1664525 + 1013904223) % 2**32
        out[n] = ((state >> 8) / 8388608.0 - 1.0) * (((n // 800) % 8 + 1) / 64.0)
    return out


def mel_filterbank(front_end: Spec, sample_rate: int) -> np.ndarray:
    """Slaney's triangles of equal area, computed in f64, f32 [mel_bins, fft / 2 + 1]."""
    # Linear below 1000 Hz with 200/3 Hz a mel, logarithmic above with 27 mels for a factor of 6.4.
    step, knee = math.log(6.4) / 27.0, 15.0

    def mel(hz: float) -> float:
        return hz * 3.0 / 200.0 if hz < 1000.0 else knee + math.log(hz / 1000.0) / step

    mels = np.linspace(mel(front_end["low_hz"]), mel(front_end["high_hz"]), front_end["mel_bins"] + 2)
    corners = np.where(mels < knee, mels * 200.0 / 3.0, 1000.0 * np.exp((mels - knee) * step))
    bins = np.arange(front_end["fft"] // 2 + 1) * sample_rate / front_end["fft"]
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)).clip(0.0)
    return (triangles * 2.0 / (right - left)).astype(np.float32)


def features(samples: np.ndarray, contract: Spec) -> np.ndarray:
    """NeMo's front-end: samples to f32 [samples / hop, mel_bins]; frame t is centred on sample t * hop."""
    front_end = contract["front_end"]
    hop, fft, window = front_end["hop"], front_end["fft"], front_end["window"]
    emphasised = samples.copy()
    emphasised[1:] -= np.float32(front_end["preemphasis"]) * samples[:-1]
    padded = np.pad(emphasised, fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[::hop][: len(samples) // hop]
    # Symmetric Hann, in the middle of the transform.
    taps = np.zeros(fft, np.float32)
    first = (fft - window) // 2
    taps[first : first + window] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / (window - 1))
    spectrum = np.fft.rfft(frames * taps).astype(np.complex64)
    power = spectrum.real**2 + spectrum.imag**2
    mel = np.log(power @ mel_filterbank(front_end, contract["sample_rate"]).T + np.float32(front_end["log_guard"]))
    kind = front_end["normalization"]
    if kind == "per_feature":
        mel = (mel - mel.mean(0)) / (mel.std(0, ddof=1) + np.float32(STD_GUARD))
    elif kind != "none":
        sys.exit(f"contract.json: front_end.normalization: expected none or per_feature, found {kind}")
    return mel.astype(np.float32)


class Graph:
    """One graph of the contract; tensors by role, f32."""

    def __init__(self, folder: pathlib.Path, spec: Spec) -> None:
        self.path = folder / spec["file"]
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if self.sha256 != spec["sha256"]:
            sys.exit(f"{self.path}: expected SHA-256 {spec['sha256']}, found {self.sha256}")
        self.inputs = {t["role"]: t for t in spec["inputs"]}
        self.outputs = {t["role"]: t for t in spec["outputs"]}
        options = onnxruntime.SessionOptions()
        # One thread: sums are split the same way on every machine.
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])

    def run(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by role, as f32 or integers."""
        types = {"f32": np.float32, "f16": np.float16, "i32": np.int32, "i64": np.int64}
        feed = {self.inputs[role]["name"]: a.astype(types[self.inputs[role]["dtype"]]) for role, a in inputs.items()}
        names = [tensor["name"] for tensor in self.outputs.values()]
        values = self.session.run(names, feed)
        return {
            r: v.astype(np.float32) if v.dtype.kind == "f" else v for r, v in zip(self.outputs, values, strict=True)
        }


def tensors(graphs: dict[str, Graph], contract: Spec) -> dict[str, np.ndarray]:
    """What the probe holds, f32, without the batch axis, time first."""
    mel = features(signal(), contract)
    length = np.array([len(mel)])
    encoded = graphs["encoder"].run(features=np.ascontiguousarray(mel.T)[None], length=length)
    frames = encoded["frames"][:, :, : int(encoded["lengths"][0])]
    size = (contract["predictor"]["layers"], 1, contract["predictor"]["hidden"])
    zero = np.zeros(size, np.float32)
    start = graphs["predictor"].run(token=np.array([[contract["vocabulary"]["blank"]]]), h=zero, c=zero)
    after = graphs["predictor"].run(token=np.array([[TOKEN]]), h=start["h_next"], c=start["c_next"])
    logits = graphs["joint"].run(frame=frames, prediction=start["prediction"])["logits"]
    return {
        "features": mel,
        "encoder": np.ascontiguousarray(frames[0].T),
        "prediction": np.stack([start["prediction"][0, :, 0], after["prediction"][0, :, 0]]),
        "joint": np.ascontiguousarray(logits[0, :, 0]),
    }


def serialise(arrays: dict[str, np.ndarray], about: dict[str, str]) -> bytes:
    """The safetensors file; `save` writes the metadata in an order that changes from run to run, here it is sorted."""
    data = save(arrays, metadata=about)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def main(folder: pathlib.Path) -> None:
    """Writes the probe and names it in the contract."""
    path = folder / "contract.json"
    contract = json.loads(path.read_text(encoding="utf-8"))
    graphs = {name: Graph(folder, spec) for name, spec in contract["graphs"].items()}
    arrays = tensors(graphs, contract)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            sys.exit(f"{folder}: {name}: expected finite values, found others")
        mean = array.mean(dtype=np.float64)
        print(f"{name:10} {list(array.shape)} {array.min():.6f} to {array.max():.6f}, mean {mean:.6f}")
    # ONNX Runtime on the CPU does much of f16 in f32, so this is near what the weights give exactly.
    arithmetic = contract.get("arithmetic", "f32")
    made_by = f"ONNX Runtime {onnxruntime.__version__}, CPU, {arithmetic}"
    about = {
        "format": FORMAT,
        "made_by": made_by,
        "signal": f"lcg-{SEED}, {SAMPLES} samples",
        "token": str(TOKEN),
        **{f"{name}_sha256": graph.sha256 for name, graph in graphs.items()},
    }
    data = serialise(arrays, about)
    (folder / FILE).write_bytes(data)
    contract.pop("probe", None)
    contract["probe"] = {"file": FILE, "sha256": hashlib.sha256(data).hexdigest(), "made_by": made_by}
    path.write_text(json.dumps(contract, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
