#!/usr/bin/env python3
"""The same network in PyTorch, timed: eager and replayed from a CUDA graph, encoder, predictor and joint.

The layers are those of engines/training (engines/parakeet_torch.py puts them together and its tests hold the ONNX
graphs against it). Weights are PyTorch's first ones: their values cost nothing. TF32 is off. "with copies" begins with
features on the host and ends with frames on the host, as the program's calls do. Prints one JSON
object after each window and each joint: the newest holds all that was measured so far.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

ENGINES = Path(__file__).resolve().parents[2] / "engines"
sys.path.insert(0, str(ENGINES))
sys.path.insert(0, str(ENGINES / "training"))
from fastconformer import position_table
from parakeet_sizes import SUBSAMPLING
from parakeet_torch import TorchParakeet
from random_parakeet_weights import FULL, SMALL

ROWS = (1, 2, 4, 8, 16)
MEL_PER_SECOND = 100
WARM_UP = 6

Call = Callable[[], Any]
Found = dict[str, Any]


class Clock:
    """Times calls on one device, in milliseconds."""

    def __init__(self, device: str, runs: int) -> None:
        self.device, self.runs, self.cuda = device, runs, device == "cuda"

    def wait(self) -> None:
        """Until all that was launched is done."""
        if self.cuda:
            torch.cuda.synchronize()

    def spread(self, call: Call) -> Found:
        """Median and 95th percentile of the call with its work, of the launches, of the device."""
        for _ in range(WARM_UP):
            call()
        self.wait()
        whole, launch, device = [], [], []
        for _ in range(self.runs):
            if self.cuda:
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
            start = time.perf_counter()
            call()
            launched = time.perf_counter()
            if self.cuda:
                end.record()
            self.wait()
            whole.append((time.perf_counter() - start) * 1e3)
            launch.append((launched - start) * 1e3)
            if self.cuda:
                device.append(begin.elapsed_time(end))
        found = percentiles(whole) | {"launch_p50": percentiles(launch)["p50"]}
        return found | ({"device_p50": percentiles(device)["p50"]} if device else {})

    def graph(self, call: Call) -> Call | None:
        """The call recorded once, to be replayed."""
        if not self.cuda:
            return None
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        return graph.replay


def percentiles(values: list[float]) -> Found:
    """Nearest rank, as the program has it."""
    values = sorted(values)
    rank = [-(-len(values) * share // 100) - 1 for share in (50, 95)]
    return {"p50": values[rank[0]], "p95": values[rank[1]], "count": len(values)}


def try_call(made: Callable[[], Found]) -> Found:
    """What came out, or why nothing did: one figure less must not cost the others."""
    try:
        return made()
    except Exception as error:  # noqa: BLE001
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def ways(clock: Clock, inputs: list[Tensor], outputs: Callable[..., Tensor]) -> Found:
    """One function of tensors that come from the host and whose result goes there: eager and as a graph."""
    device = clock.device
    held = [value.to(device) for value in inputs]
    made: dict[str, Callable[[], Found]] = {
        "eager": lambda: clock.spread(lambda: outputs(*held)),
        "eager_with_copies": lambda: clock.spread(lambda: outputs(*(v.to(device) for v in inputs)).float().cpu()),
    }

    def graphs(copies: bool) -> Found:
        results: list[Tensor] = []
        replay = clock.graph(lambda: results.append(outputs(*held)))
        if replay is None:
            return {"error": "no CUDA"}

        def with_copies() -> Tensor:
            for there, here in zip(held, inputs, strict=True):
                there.copy_(here)
            replay()
            return results[-1].float().cpu()

        return clock.spread(with_copies if copies else replay)

    made["graph"] = lambda: graphs(False)
    made["graph_with_copies"] = lambda: graphs(True)
    return {name: try_call(call) for name, call in made.items()}


def measure(options: argparse.Namespace) -> Iterator[Found]:
    """All figures of one precision, as far as they are measured."""
    device, half = options.device, options.precision == "fp16"
    kind = torch.float16 if half else torch.float32
    sizes = {"full": FULL, "small": SMALL}[options.size]
    torch.manual_seed(7)
    with torch.device(device):
        model = TorchParakeet(sizes).eval().requires_grad_(False).to(kind)
    clock = Clock(device, options.runs)
    found: Found = {"torch": torch.__version__, "precision": options.precision, "encode": []}
    for secs in options.windows:
        frames = round(secs * MEL_PER_SECOND)
        length = -(-frames // SUBSAMPLING)
        positions = position_table(length, sizes.dim).to(device, kind)
        mel = torch.randn(1, sizes.mel_bins, frames).to(kind)
        times = ways(clock, [mel], lambda x, p=positions: model(x, p))
        found["encode"].append({"window_secs": secs, "mel_frames": frames} | times)
        yield found
    token = torch.tensor([[3]])
    state = tuple(torch.zeros(sizes.lstm_layers, 1, sizes.hidden, dtype=kind, device=device) for _ in range(2))
    # The prediction and its state stay on the device.
    found["predict"] = {
        "eager": try_call(lambda: clock.spread(lambda: model.lstm(model.embed(token.to(device)), state)[0]))
    }
    prediction = model.lstm(model.embed(token.to(device)), state)[0]

    def joint(rows: Tensor) -> Tensor:
        return model.join(F.relu(model.enc(rows) + model.pred(prediction)))

    found["joint"] = []
    for count in ROWS:
        rows = torch.randn(1, count, sizes.dim).to(kind)
        logits = joint(rows.to(device))
        copies = {
            "copy_in": try_call(lambda r=rows: clock.spread(lambda: r.to(device))),
            "copy_out": try_call(lambda x=logits: clock.spread(lambda: x.float().cpu())),
        }
        found["joint"].append({"frames": count} | ways(clock, [rows], joint) | copies)
        yield found
    if clock.cuda:
        found["peak_device_bytes"] = torch.cuda.max_memory_allocated()
        yield found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--precision", choices=("fp32", "fp16"), default="fp16")
    parser.add_argument("--windows", type=lambda text: [float(s) for s in text.split(",")], default=[12.5])
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    with torch.inference_mode():
        for found in measure(options):
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
