#!/usr/bin/env python3
"""Times onnx-asr on one recording, from samples to text: `side_onnx_asr.py MODEL WAV THREADS RUNS`; prints one JSON object.

onnx-asr's front-end always normalises per feature, which the embedded model was not trained with. So its class is replaced
by the same arithmetic in NumPy without the normalisation. Both are timed: where onnx-asr's own would be quicker, the
difference is taken off its time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnxruntime
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engines"))
from probe import mel_filterbank

WARM_UP = 5


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


def median_millis(call: Any, runs: int) -> float:
    """Of so many calls after those for warming up."""
    times = []
    for run in range(WARM_UP + runs):
        start = time.perf_counter()
        call()
        if run >= WARM_UP:
            times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def main(model: Path, recording: Path, threads: int, runs: int) -> None:
    """The command."""
    samples, rate = soundfile.read(recording, dtype="float32")
    if rate != 16000 or samples.ndim != 1:
        sys.exit(f"{recording}: expected 16000 Hz and one channel, found {rate} Hz, shape {samples.shape}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    asr = onnx_asr.load_model("nemo-conformer-tdt", model, sess_options=options, providers=["CPUExecutionProvider"])
    batch, lengths = samples[None], np.array([len(samples)])
    own = asr.asr._preprocessor  # noqa: SLF001
    plain = PlainFeatures(json.loads((model / "contract.json").read_text(encoding="utf-8")))
    features, own_features = (median_millis(lambda f=f: f(batch, lengths), runs) for f in (plain, own))
    asr.asr._preprocessor = plain  # noqa: SLF001
    total = median_millis(lambda: asr.recognize(samples, sample_rate=rate), runs)
    found = {
        "version": f"onnx-asr {onnx_asr.__version__}" if hasattr(onnx_asr, "__version__") else "onnx-asr",
        "onnxruntime": onnxruntime.__version__,
        "total_millis": total - max(features - own_features, 0.0),
        "as_run_millis": total,
        "features_millis": features,
        "own_features_millis": own_features,
        "text": asr.recognize(samples, sample_rate=rate),
    }
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    # NumPy's products must not take more threads than the rest.
    if os.environ.get("OMP_NUM_THREADS") != sys.argv[3]:
        sys.exit(f"OMP_NUM_THREADS: expected {sys.argv[3]}, found {os.environ.get('OMP_NUM_THREADS')}")
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
