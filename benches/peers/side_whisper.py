#!/usr/bin/env python3
"""faster-whisper, int8: `side_whisper.py MODEL THREADS RUNS FILE... [--hop S]` (see side.py).

Its own defaults (beam of 5), the language given. With --hop as its users stream: the window grows and is transcribed anew each
time (growing.py).
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import growing
import numpy as np
import side
from faster_whisper import WhisperModel


class Whisper:
    """The model on the CPU."""

    def __init__(self, model: Path, threads: int) -> None:
        arguments = {"device": "cpu", "compute_type": "int8", "cpu_threads": threads, "num_workers": 1}
        self.model = WhisperModel(str(model), local_files_only=True, **arguments)
        self.version = f"faster-whisper {version('faster-whisper')}, CTranslate2 {version('ctranslate2')}, int8"

    def text(self, samples: np.ndarray) -> str:
        """The whole recording. Segments come out of a generator that does the work."""
        segments, _ = self.model.transcribe(samples, language="en")
        return "".join(segment.text for segment in segments).strip()

    def not_its_own(self, samples: np.ndarray) -> float:
        """Nothing was added."""
        return 0.0


def stream(whisper: side.Side, path: Path, hop: float) -> dict[str, Any]:
    """One recording, as it would be dictated."""
    samples = side.read(path)
    found = growing.listen(samples, side.SAMPLE_RATE, hop, whisper.text)
    return {"file": path.name, "seconds": len(samples) / side.SAMPLE_RATE} | found


if __name__ == "__main__":
    side.main(Whisper, stream)
