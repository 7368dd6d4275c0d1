"""Both sides of the self-check behind one interface: an exported folder in ONNX Runtime, and the model in PyTorch.

Arrays are f32 NumPy without a batch axis, time first, as `reference/decode.py` has them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint
import numpy as np
import onnxruntime
import probe
import torch
from parakeet_sizes import Weights
from parakeet_torch import TorchParakeet
from torch import Tensor

State = tuple[Any, Any]


class OnnxModel:
    """A model folder, its tensors found by their roles."""

    def __init__(self, folder: Path) -> None:
        self.contract: dict[str, Any] = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
        onnxruntime.set_default_logger_severity(3)
        self.graphs = {name: probe.Graph(folder, spec) for name, spec in self.contract["graphs"].items()}

    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim], as many as the graph says there are."""
        found = self.graphs["encoder"].run(features=np.ascontiguousarray(mel.T)[None], length=np.array([len(mel)]))
        return np.ascontiguousarray(found["frames"][0, :, : int(found["lengths"][0])].T)

    def predict(self, token: int, state: State | None) -> tuple[np.ndarray, State]:
        """The output [hidden] after `token`, and the next state; `None` is the zero state."""
        if state is None:
            spec = self.contract["predictor"]
            zero = np.zeros((spec["layers"], 1, spec["hidden"]), np.float32)
            state = (zero, zero)
        found = self.graphs["predictor"].run(token=np.array([[token]]), h=state[0], c=state[1])
        return found["prediction"][0, :, 0], (found["h_next"], found["c_next"])

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits: tokens, blank, durations."""
        logits: np.ndarray = self.graphs["joint"].run(frame=frame[None, :, None], prediction=prediction[None, :, None])[
            "logits"
        ][0, 0, 0]
        return logits


class TorchNemo:
    """The modules of `parakeet_torch.py` with a checkpoint's weights."""

    def __init__(self, weights: Weights, contract: dict[str, Any]) -> None:
        self.contract = contract
        with torch.device("meta"):
            model = TorchParakeet(weights.sizes)
        self.model = model.fill(weights)

    @torch.inference_mode()
    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim]."""
        return np.ascontiguousarray(self.model.encode(np.ascontiguousarray(mel.T)[None])[0].T)

    @torch.inference_mode()
    def predict(self, token: int, state: State | None) -> tuple[np.ndarray, State]:
        """The output [hidden] after `token`, and the next state; `None` is the zero state."""
        output, state = self.model.lstm(self.model.embed(torch.tensor([[token]])), state)
        return output[0, 0].numpy(), state

    @torch.inference_mode()
    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits: tokens, blank, durations."""
        both = self.model.enc(torch.from_numpy(frame)) + self.model.pred(torch.from_numpy(prediction))
        return self.model.join(both.relu()).numpy()


class TorchCheckpoint:
    """A checkpoint of the recipe in `training`."""

    def __init__(self, folder: Path, contract: dict[str, Any]) -> None:
        self.contract, self.model = contract, checkpoint.load(folder)

    @torch.inference_mode()
    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim]."""
        return np.ascontiguousarray(self.model.enc(torch.from_numpy(np.ascontiguousarray(mel.T))[None])[0][0].T.numpy())

    @torch.inference_mode()
    def predict(self, token: int, state: State | None) -> tuple[np.ndarray, State]:
        """The output [hidden] after `token`, and the next state; `None` is the zero state."""
        zero = torch.zeros(1, 1, self.model.sizes.hidden)
        output, h, c = self.model.pred(torch.tensor([[token]]), *(state or (zero, zero)))
        return output[0, :, 0].numpy(), (h, c)

    @torch.inference_mode()
    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits: tokens, blank, durations."""
        inputs: list[Tensor] = [torch.from_numpy(array)[None, :, None] for array in (frame, prediction)]
        return self.model.joint(*inputs)[0, 0, 0].numpy()
