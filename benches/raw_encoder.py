#!/usr/bin/env python3
"""ONNX Runtime's time for the encoder alone, without the program: `raw_encoder.py MODEL_FOLDER THREADS RUNS SECONDS...`.

The package's library on features of noise of so many SECONDS, RUNS times after some for warming up; prints one JSON object with the median
of each length in milliseconds, and this process's peak memory.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

WARM_UP = 5
MEL_PER_SECOND = 100


def main(folder: Path, threads: int, runs: int, lengths: list[float]) -> None:
    """The command."""
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    graph = contract["graphs"]["encoder"]
    names = {port["role"]: port["name"] for port in graph["inputs"]}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # As in the program, which leaves the cores to the desktop between calls.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(folder / graph["file"], options, providers=["CPUExecutionProvider"])
    random, millis = np.random.default_rng(1), {}
    for seconds in lengths:
        frames = round(seconds * MEL_PER_SECOND)
        features = random.standard_normal((1, contract["front_end"]["mel_bins"], frames), np.float32)
        feed = {names["features"]: features, names["length"]: np.array([frames], np.int64)}
        times = []
        for run in range(WARM_UP + runs):
            began = time.perf_counter()
            session.run(None, feed)
            if run >= WARM_UP:
                times.append((time.perf_counter() - began) * 1e3)
        millis[str(seconds)] = statistics.median(times)
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), None)
    print(json.dumps({"version": onnxruntime.__version__, "millis": millis, "peak_memory_bytes": peak}))


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), [float(text) for text in sys.argv[4:]])
