#!/usr/bin/env python3
"""onnx-asr: `side_onnx_asr.py MODEL THREADS RUNS FILE...` (see side.py).

onnx-asr's front-end always normalises per feature, which the embedded model was not trained with. So its class is replaced
by the same arithmetic in NumPy without the normalisation. Both are timed: where onnx-asr's own would be quicker, the
difference is taken off its time.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnxruntime
import side

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engines"))
from probe import mel_filterbank  # noqa: E402

FEATURE_RUNS = 5


class PlainFeatures:
    """The contract's front-end, which does not normalise; f32 [B, mel, T]."""

    def __init__(self, contract: dict[str, Any]) -> None:
        spec = contract["front_end"]
        if spec["normalization"] != "none":
            sys.exit(f"contract.json: front_end.normalization: expected none, found {spec['normalization']}")
        self.hop, self.fft, self.emphasis = spec["hop"], spec["fft"], np.float32(spec["preemphasis"])
        self.guard = np.float32(spec["log_guard"])
        self.taps = np.zeros(self.fft, np.float32)
        first = (self.fft - spec["window"]) // 2
        self.taps[first : first + spec["window"]] = np.hanning(spec["window"])
        self.filters = np.ascontiguousarray(mel_filterbank(spec, contract["sample_rate"]).T)

    def __call__(self, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As onnx-asr calls its own."""
        emphasised = waveforms.copy()
        emphasised[:, 1:] -= self.emphasis * waveforms[:, :-1]
        padded = np.pad(emphasised, ((0, 0), (self.fft // 2, self.fft // 2)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.fft, axis=1)[:, :: self.hop]
        frames = frames[:, : int(lengths.max()) // self.hop]
        spectrum = np.fft.rfft(frames * self.taps)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        return np.log(power @ self.filters + self.guard).transpose(0, 2, 1), lengths // self.hop


class OnnxAsr:
    """With the front-end replaced."""

    def __init__(self, model: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self.asr = onnx_asr.load_model("nemo-conformer-tdt", model, sess_options=options, providers=providers)
        self.own = self.asr.asr._preprocessor  # noqa: SLF001
        self.plain = PlainFeatures(json.loads((model / "contract.json").read_text(encoding="utf-8")))
        self.asr.asr._preprocessor = self.plain  # noqa: SLF001
        self.version = f"onnx-asr {version('onnx-asr')}, ONNX Runtime {onnxruntime.__version__}"

    def text(self, samples: np.ndarray) -> str:
        """The whole recording."""
        found: str = self.asr.recognize(samples, sample_rate=side.SAMPLE_RATE)
        return found

    def not_its_own(self, samples: np.ndarray) -> float:
        """What the features in NumPy take more than its own."""
        batch, lengths = samples[None], np.array([len(samples)])
        medians = []
        for features in (self.plain, self.own):
            times = []
            for _ in range(FEATURE_RUNS):
                began = time.perf_counter()
                features(batch, lengths)
                times.append((time.perf_counter() - began) * 1e3)
            medians.append(float(np.median(times)))
        return max(medians[0] - medians[1], 0.0)


if __name__ == "__main__":
    side.main(OnnxAsr)
