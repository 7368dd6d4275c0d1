"""An exported model in ONNX Runtime, and the greedy TDT loop that goes on from window to window."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
import torch
from errors import InputError
from mel import ModelMel
from windows import SAMPLES_PER_FRAME, SAMPLES_PER_MEL, Window

FORMAT = "dictoscope-contract-1"
WORD_MARK = "\u2581"
UNKNOWN = "<unk>"

State = tuple[np.ndarray, np.ndarray]


class Networks(Protocol):
    """What the loop asks of a model; arrays are f32 without batch axis, time first."""

    blank: int
    durations: list[int]
    max_symbols: int

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Samples in [-1, 1] to encoder frames [frames, dim]."""

    def predict(self, token: int, state: Any | None) -> tuple[np.ndarray, Any]:
        """The prediction after `token`, and the next state; `None` is the zero state."""

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Raw logits: tokens, blank, durations."""


class Decoder:
    """The greedy loop over one utterance (`src/decode/tdt.rs`)."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self.prediction, self.state = networks.predict(networks.blank, None)
        # The absolute frame of the next decision; it may lie beyond what was encoded so far.
        self.cursor = 0
        self.symbols = 0
        self.tokens: list[int] = []

    def run(self, frames: np.ndarray, first: int, until: int) -> None:
        """Decodes on `frames`, the first of which is absolute frame `first`, while the cursor is before `until`."""
        blank, durations = self.networks.blank, self.networks.durations
        until = min(until, first + len(frames))
        while self.cursor < until:
            logits = self.networks.joint(frames[self.cursor - first], self.prediction)
            token = int(logits[: blank + 1].argmax())
            advance = durations[int(logits[blank + 1 :].argmax())]
            if token != blank:
                self.tokens.append(token)
                self.prediction, self.state = self.networks.predict(token, self.state)
                self.symbols += 1
            if advance == 0 and (token == blank or self.symbols >= self.networks.max_symbols):
                advance = 1
            if advance > 0:
                self.cursor += advance
                self.symbols = 0


def transcribe(networks: Networks, samples: np.ndarray, windows: Iterable[Window]) -> list[int]:
    """The tokens of one utterance, decoded over `windows`."""
    decoder = Decoder(networks)
    for window in windows:
        frames = networks.encode(samples[window.start * SAMPLES_PER_FRAME : window.end * SAMPLES_PER_FRAME])
        decoder.run(frames, window.start, window.commit_to)
    return decoder.tokens


class Recogniser:
    """A model folder, its hashes checked."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        path = folder / "contract.json"
        try:
            self.contract = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: expected a contract, found: {error}") from None
        if self.contract.get("format") != FORMAT:
            raise InputError(f"{path}: format: expected {FORMAT}, found {self.contract.get('format')}")
        self.blank = self.contract["vocabulary"]["blank"]
        self.durations, self.max_symbols = self.contract["durations"], self.contract["max_symbols"]
        self.longest = self.contract["encoder"]["max_mel_frames"] // self.contract["encoder"]["subsampling"]
        # Other normalisations look beyond a window; the models that are made here have none.
        kind = self.contract["front_end"]["normalization"]
        if kind != "none":
            raise InputError(f"{path}: front_end.normalization: expected none, found {kind}")
        lines = content(folder, self.contract["vocabulary"]).decode().splitlines()
        self.pieces = [line.rpartition(" ")[0] for line in lines]
        if len(self.pieces) != self.blank + 1:
            raise InputError(f"{folder / 'vocab.txt'}: expected {self.blank + 1} lines, found {len(self.pieces)}")
        torch.set_num_threads(threads)
        self.mel = ModelMel()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Waiting threads would take the processor from the other processes of a measurement.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.encoder, self.predictor, self.head = (
            onnxruntime.InferenceSession(content(folder, graph), options, providers=["CPUExecutionProvider"])
            for graph in (self.contract["graphs"][name] for name in ("encoder", "predictor", "joint"))
        )

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Samples in [-1, 1] to encoder frames [frames, dim]."""
        if len(samples) < SAMPLES_PER_MEL:
            return np.empty((0, self.contract["encoder"]["dim"]), np.float32)
        features = self.mel(torch.from_numpy(samples)[None]).numpy()
        feed = {"audio_signal": features, "length": np.array([features.shape[2]])}
        return np.ascontiguousarray(self.encoder.run(["encoder_output"], feed)[0][0].T)

    def predict(self, token: int, state: State | None) -> tuple[np.ndarray, State]:
        """The prediction [hidden] after `token`, and the next state."""
        if state is None:
            zero = np.zeros((1, 1, self.contract["predictor"]["hidden"]), np.float32)
            state = (zero, zero)
        output, h, c = self.predictor.run(None, {"y": np.array([[token]]), "h": state[0], "c": state[1]})
        return output[0, :, 0], (h, c)

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to raw logits."""
        feed = {"encoder_output": frame[None, :, None], "predictor_output": prediction[None, :, None]}
        return self.head.run(None, feed)[0][0, 0, 0]

    def text(self, tokens: Iterable[int]) -> str:
        """Tokens as text; without the care for spaces around punctuation, which counting words does not look at."""
        pieces = (self.pieces[token] for token in tokens)
        return "".join(piece for piece in pieces if piece != UNKNOWN).replace(WORD_MARK, " ").strip()


def content(folder: Path, entry: dict[str, Any]) -> bytes:
    """The bytes of a file that the contract names."""
    path = folder / entry["file"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected the file that the contract names, found: {error}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != entry["sha256"]:
        raise InputError(f"{path}: expected SHA-256 {entry['sha256']}, found {found}")
    return data
