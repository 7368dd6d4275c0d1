"""What an exported folder answers in ONNX Runtime against the model in PyTorch, and whether it decides the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from decode import Transducer, follow, greedy, path_of
from errors import InputError

# Below this, a margin between the two best is a tie, which rounding may turn (`engines/README.md`).
TIE = 1e-3


@dataclass(frozen=True)
class Bounds:
    """What is let through."""

    # Largest difference as a share of the output's root mean square.
    encoder: float
    others: float
    # Least cosine of a frame.
    cosine: float
    # Share of decisions that may be others although they are no ties.
    flips: float


# Equal weights: what summing up in another order makes.
EXACT = Bounds(encoder=2e-3, others=1e-3, cosine=0.9999, flips=0.0)
# Against the weights before they were rounded to f16.
ROUNDED = Bounds(encoder=0.2, others=0.05, cosine=0.999, flips=0.02)
# Encoders with 8-bit weights, or products; predictor and joint stay as they were.
INT8 = Bounds(encoder=float("inf"), others=1e-3, cosine=0.9, flips=0.1)


@dataclass(frozen=True)
class Found:
    """The differences on one signal."""

    encoder: float
    cosine: float
    predictor: float
    joint: float
    decisions: int
    tokens: int
    # Margins of PyTorch's decisions that ONNX Runtime turned.
    turned: list[float]

    def __str__(self) -> str:
        turned = f"{len(self.turned)} others (largest margin {max(self.turned):.3f})" if self.turned else "all the same"
        return (
            f"encoder {self.encoder:.1e} (least cosine {self.cosine:.6f}), predictor {self.predictor:.1e}, "
            f"joint {self.joint:.1e}; {self.decisions} decisions, {self.tokens} tokens: {turned}"
        )


def share(expected: np.ndarray, found: np.ndarray, what: str) -> float:
    """The largest difference as a share of the root mean square of `expected`."""
    if expected.shape != found.shape:
        raise InputError(f"{what}: expected ONNX Runtime to answer shape {expected.shape}, found {found.shape}")
    return float(np.abs(expected - found).max() / np.sqrt(np.square(expected, dtype=np.float64).mean()))


def compare(torch_model: Transducer, onnx_model: Transducer, mel: np.ndarray) -> Found:
    """Both on the same features: stage by stage on equal inputs, then along the path that PyTorch decides on.

    Equal choices all along that path make ONNX Runtime decide on it, too.
    """
    expected, found = torch_model.encode(mel), onnx_model.encode(mel)
    encoder = share(expected, found, "encoder")
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
    decisions = greedy(torch_model, expected)
    path = path_of(decisions)
    predictions, logits = follow(torch_model, expected, path)
    other_predictions, equal_inputs = follow(onnx_model, expected, path)
    _, own = follow(onnx_model, found, path)
    blank = torch_model.contract["vocabulary"]["blank"]
    turned = []
    for reference, answer in zip(logits, own, strict=True):
        for head in (slice(0, blank + 1), slice(blank + 1, None)):
            if answer[head].argmax() != reference[head].argmax():
                best = np.sort(reference[head])[::-1]
                turned.append(float(best[0] - best[1]))
    return Found(
        encoder,
        float(((expected * found).sum(1) / lengths).min()),
        share(predictions, other_predictions, "predictor"),
        share(logits, equal_inputs, "joint"),
        len(decisions),
        sum(not d.is_blank for d in decisions),
        turned,
    )


def check(
    torch_model: Transducer, onnx_model: Transducer, signals: Mapping[str, np.ndarray], bounds: Bounds
) -> dict[str, Found]:
    """Every signal's features, [mel_frames, mel_bins]; fails if one is out of bounds."""
    results = {}
    for name, mel in signals.items():
        found = results[name] = compare(torch_model, onnx_model, mel)
        for what, value, limit in (
            ("encoder", found.encoder, bounds.encoder),
            ("predictor", found.predictor, bounds.others),
            ("joint", found.joint, bounds.others),
        ):
            # Whatever is no number is out of bounds.
            if not value <= limit:
                raise InputError(
                    f"{name}: {what}: expected ONNX Runtime within {limit:g} of PyTorch, found {value:.2e}"
                )
        if not found.cosine >= bounds.cosine:
            raise InputError(f"{name}: encoder: expected cosines of {bounds.cosine} or more, found {found.cosine:.6f}")
        turned = sum(margin > TIE for margin in found.turned)
        if turned > bounds.flips * found.decisions:
            raise InputError(
                f"{name}: expected the decisions of PyTorch (at most {bounds.flips:.0%} others), found {turned} of "
                f"{found.decisions} others: margins {', '.join(f'{m:.3f}' for m in sorted(found.turned)[::-1][:5])}"
            )
    return results
