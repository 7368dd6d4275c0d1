#!/usr/bin/env python3
"""sherpa-onnx's offline recogniser: `side_sherpa.py MODEL THREADS RUNS FILE...` (see side.py).

Its front-end is Kaldi's and cannot be replaced from Python: Povey's window instead of Hann's, frames half a hop later, mel bands up
to 7600 Hz, a floor instead of a guard below the logarithm. Normalisation is off, by a note in the model (convert.py). So its time
can be compared, and its errors are those of the same weights behind other features. It has no streaming for TDT models: its online
recogniser takes encoders with caches only.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import sherpa_onnx
import side


class Sherpa:
    """The offline recogniser."""

    def __init__(self, model: Path, threads: int) -> None:
        files = [str(model / name) for name in ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt")]
        self.recogniser = sherpa_onnx.OfflineRecognizer.from_transducer(
            *files, num_threads=threads, model_type="nemo_transducer"
        )
        self.version = f"sherpa-onnx {version('sherpa-onnx')}"

    def text(self, samples: np.ndarray) -> str:
        """The whole recording."""
        stream = self.recogniser.create_stream()
        stream.accept_waveform(side.SAMPLE_RATE, samples)
        self.recogniser.decode_stream(stream)
        found: str = stream.result.text
        return found

    def not_its_own(self, samples: np.ndarray) -> float:
        """Nothing was added."""
        return 0.0


if __name__ == "__main__":
    side.main(Sherpa)
