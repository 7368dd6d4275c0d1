"""The greedy TDT loop and the record of each of its decisions, after NeMo's label looping (`tdt_label_looping.py`).

Blank moves on by its duration, at least 1, and leaves the predictor alone. A token is fed to the predictor, even if it
ends the audio, and moves on by its duration, which may be 0; `max_symbols` tokens on one frame force a step of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Transducer(Protocol):
    """What the loop needs of a model. Arrays are f32, without a batch axis; the state is the model's own."""

    contract: dict[str, Any]

    def predict(self, token: int, state: Any | None) -> tuple[np.ndarray, Any]:
        """The output [hidden] after `token`, and the next state; `None` is the zero state."""

    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits: tokens, blank, durations."""


class Model(Transducer, Protocol):
    """A whole model; arrays have time first."""

    pieces: list[str]

    def engine(self) -> dict[str, Any]:
        """The `engine` section of a trace's header."""

    def features(self, samples: np.ndarray) -> np.ndarray:
        """[samples] at 16 kHz to [mel_frames, mel_bins]."""

    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim]."""


@dataclass(frozen=True)
class Decision:
    """One joint evaluation and what was chosen; fields as in a trace."""

    step: int
    frame: int
    token: int
    is_blank: bool
    duration: int
    advance: int
    forced: bool
    token_top: list[tuple[int, float]]
    token_margin: float
    token_lse: float
    token_probability: float
    blank_logit: float
    blank_probability: float
    duration_logits: np.ndarray
    duration_margin: float
    duration_lse: float
    duration_probability: float
    encoder_frame: np.ndarray
    prediction: np.ndarray


@dataclass(frozen=True)
class Head:
    """One softmax head of a step: candidates, best first (the lowest index wins a tie), and ln of the sum of exp."""

    logits: np.ndarray
    order: np.ndarray
    lse: np.float32

    @classmethod
    def of(cls, logits: np.ndarray) -> Head:
        """Of raw f32 logits. The sum is in f64 below the maximum, as in the program."""
        top = logits.max()
        lse = top + np.float32(np.log(np.exp((logits - top).astype(np.float64)).sum()))
        return cls(logits, np.argsort(-logits, kind="stable"), lse)

    @property
    def best(self) -> int:
        """Index of the largest logit."""
        return int(self.order[0])

    @property
    def margin(self) -> float:
        """How far the best stands above the second."""
        return float(self.logits[self.order[0]] - self.logits[self.order[1]])

    def probability(self, index: int) -> float:
        """Softmax probability within the head."""
        return float(np.exp(self.logits[index] - self.lse))


def greedy(model: Transducer, encoded: np.ndarray, top_k: int = 2, max_steps: int | None = None) -> list[Decision]:
    """Decodes `encoded` [encoder_frames, dim] from zero state, up to `max_steps` joint evaluations."""
    contract = model.contract
    blank, durations, max_symbols = contract["vocabulary"]["blank"], contract["durations"], contract["max_symbols"]
    decisions: list[Decision] = []
    prediction, state = model.predict(blank, None)
    frame = symbols = 0
    while frame < len(encoded) and (max_steps is None or len(decisions) < max_steps):
        logits = model.joint(encoded[frame], prediction)
        tokens, lengths = Head.of(logits[: blank + 1]), Head.of(logits[blank + 1 :])
        token, duration = tokens.best, durations[lengths.best]
        is_blank = token == blank
        evaluated = prediction
        if not is_blank:
            prediction, state = model.predict(token, state)
            symbols += 1
        forced = duration == 0 and (is_blank or symbols >= max_symbols)
        advance = 1 if forced else duration
        decisions.append(
            Decision(
                step=len(decisions),
                frame=frame,
                token=token,
                is_blank=is_blank,
                duration=duration,
                advance=advance,
                forced=forced,
                token_top=[(int(i), float(tokens.logits[i])) for i in tokens.order[:top_k]],
                token_margin=tokens.margin,
                token_lse=float(tokens.lse),
                token_probability=tokens.probability(token),
                blank_logit=float(tokens.logits[blank]),
                blank_probability=tokens.probability(blank),
                duration_logits=lengths.logits,
                duration_margin=lengths.margin,
                duration_lse=float(lengths.lse),
                duration_probability=lengths.probability(lengths.best),
                encoder_frame=encoded[frame],
                prediction=evaluated,
            )
        )
        if advance > 0:
            frame += advance
            symbols = 0
    return decisions


def path_of(decisions: list[Decision]) -> np.ndarray:
    """Encoder frame and chosen token of each joint evaluation, i32 [steps, 2]."""
    return np.array([(d.frame, d.token) for d in decisions], dtype=np.int32).reshape(-1, 2)


def follow(model: Transducer, encoded: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictor outputs [1 + tokens, hidden] and raw logits [steps, classes] along a given path, whatever they say."""
    blank = model.contract["vocabulary"]["blank"]
    prediction, state = model.predict(blank, None)
    predictions, logits = [prediction], []
    for frame, token in path.tolist():
        logits.append(model.joint(encoded[frame], prediction))
        if token != blank:
            prediction, state = model.predict(token, state)
            predictions.append(prediction)
    classes = blank + 1 + len(model.contract["durations"])
    return np.stack(predictions), np.array(logits, dtype=np.float32).reshape(-1, classes)
