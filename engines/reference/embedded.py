"""A model folder, its hashes checked, in plain PyTorch behind the interface that `decode.py` uses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import model
import numpy as np
import torch
import weights
from errors import InputError
from words import read_pieces

import features

FORMAT = "dictoscope-contract-1"

State = tuple[torch.Tensor, torch.Tensor]


def load_contract(folder: Path) -> dict[str, Any]:
    """`contract.json` of a folder; every file it names must have the hash it says."""
    path = folder / "contract.json"
    try:
        contract = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a contract, found: {error}") from None
    if contract.get("format") != FORMAT:
        raise InputError(f"{path}: format: expected {FORMAT}, found {contract.get('format')}")
    for entry in [contract["vocabulary"], *contract["graphs"].values()]:
        file = folder / entry["file"]
        if not file.is_file():
            raise InputError(f"{file}: expected the file that the contract names, found none")
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != entry["sha256"]:
            raise InputError(f"{file}: expected SHA-256 {entry['sha256']}, found {found}")
    return contract


class EmbeddedModel:
    """The embedded model. Arrays are f32 NumPy, without a batch axis, time first."""

    def __init__(self, folder: Path) -> None:
        self.contract = load_contract(folder)
        self.pieces = read_pieces(folder / self.contract["vocabulary"]["file"], self.contract["vocabulary"]["size"])
        mel_bins, encoder = self.contract["front_end"]["mel_bins"], self.contract["encoder"]
        predictor, graphs = self.contract["predictor"], self.contract["graphs"]
        classes = len(self.pieces) + len(self.contract["durations"])
        self.encoder = model.Encoder(mel_bins, encoder["dim"], encoder["max_mel_frames"])
        self.predictor = model.Predictor(len(self.pieces) - 1, predictor["hidden"], predictor["layers"])
        self.head = model.Joint(encoder["dim"], predictor["hidden"], classes)
        # The exporter wrapped the encoder, to give the lengths, and called it `e`.
        weights.fill(self.encoder, folder / graphs["encoder"]["file"], root="e")
        weights.fill(self.predictor, folder / graphs["predictor"]["file"])
        weights.fill(self.head, folder / graphs["joint"]["file"])

    def engine(self) -> dict[str, Any]:
        """The `engine` section of a trace's header."""
        stored = self.contract["weights"]
        return {
            "engine": f"PyTorch {torch.__version__}",
            "device": f"CPU, {torch.get_num_threads()} threads",
            "precision": "f32" if stored == "f32" else f"f32 (weights stored as {stored})",
            "arithmetic": "f32",
            "model": self.contract["name"],
            "encoder_sha256": self.contract["graphs"]["encoder"]["sha256"],
        }

    def features(self, samples: np.ndarray) -> np.ndarray:
        """[samples] at 16 kHz to [mel_frames, mel_bins]."""
        return features.log_mel(samples, self.contract)

    @torch.inference_mode()
    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim]."""
        return self.encoder(torch.from_numpy(mel)).numpy()

    @torch.inference_mode()
    def predict(self, token: int, state: State | None) -> tuple[np.ndarray, State]:
        """The output [hidden] after `token`, and the next state; `None` is the zero state."""
        if state is None:
            zero = torch.zeros(self.contract["predictor"]["layers"], self.contract["predictor"]["hidden"])
            state = (zero, zero)
        output, state = self.predictor(torch.tensor([token]), state)
        return output[0].numpy(), state

    @torch.inference_mode()
    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits: tokens, blank, durations."""
        return self.head(torch.from_numpy(frame), torch.from_numpy(prediction)).numpy()
