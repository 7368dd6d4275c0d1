"""The TDT loss of a batch (Xu et al., arXiv 2304.06795) with a hand-written forward-backward pass.

A path starts at frame 0 with no token. At frame t after u tokens it either emits the next token and moves on by 0 to
`durations - 1` frames, or emits blank and moves on by at least 1. Its last arc is a blank that lands exactly on the
utterance's number of frames. The loss is minus the log of the sum over all paths. Blank with duration 0 is no arc,
but keeps its probability. `sigma` is taken off each token's and blank's log-probability, so that paths of fewer, longer
arcs are favoured; the durations' log-probabilities stay.

Autograd through the recursion would keep several tensors per frame. Instead the forward and backward variables give the
posterior probability of each arc, which is the derivative of the log-likelihood by that arc's score.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

if find_spec("triton"):
    from tdt_triton import triton_sweeps
else:  # Triton is not on every platform.
    triton_sweeps = None

# The log of "impossible". Finite, so that differences of two are no NaN; an utterance whose best path is below half of
# it counts as having none.
IMPOSSIBLE = -1e5
# How many logits are converted to the working type at a time: bounds the memory of bf16 logits' f32 copies.
CHUNK = 1 << 26

Sweeps = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]


def tdt_loss(
    logits: Tensor,
    targets: Tensor,
    frames: Tensor,
    lengths: Tensor,
    blank: int,
    durations: int = 5,
    sigma: float = 0.05,
    lattice: str = "auto",
) -> Tensor:
    """The negative log-likelihood [B] in nats, in f32 whatever the logits' type (f64 for f64 logits).

    `logits` [B, T, U + 1, tokens + 1 + durations] are raw: tokens and blank, then durations 0 to `durations - 1`.
    `targets` [B, U] are token ids, of which the first `lengths` [B] count; `frames` [B] of T count. What lies beyond
    does not matter and gets no gradient, as long as the logits there are finite.

    An utterance without a path (no frames, or arcs of probability 0) gives a loss of 0 and no gradient, and so does one
    without frames and targets.

    `lattice` is "plain" (PyTorch, any device), "triton" (a GPU, or Triton's interpreter; f32 inside) or "auto": Triton
    where it can be used. Nothing here waits for the device.
    """
    if durations < 2:
        raise ValueError("A blank needs a duration above 0: `durations` must be at least 2.")
    if logits.shape[2] != targets.shape[1] + 1:
        raise ValueError(f"{logits.shape[2]} label positions do not fit {targets.shape[1]} targets.")
    arcs = arc_scores(logits, targets, lengths, blank, durations, sigma)
    return _Lattice.apply(*arcs, frames, lengths, _sweeps(lattice, logits))


def arc_scores(
    logits: Tensor, targets: Tensor, lengths: Tensor, blank: int, durations: int, sigma: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The log-weights of the arcs that leave (t, u); those of tokens that an utterance has not are `IMPOSSIBLE`.

    Blank and token with durations from 1, both [B, T, durations - 1, U + 1], and token with duration 0 [B, T, U + 1].
    """
    position = torch.arange(logits.shape[2], device=logits.device)
    # At the last position there is no next token; like padding it gets the id 0 and is masked below.
    has_next = position < lengths[:, None]
    following = F.pad(targets, (0, 1)).masked_fill(~has_next, 0)
    blank_score, token_score, duration_score = _HeadScores.apply(logits, following, blank, durations)
    blank_score = blank_score - sigma
    token_score = (token_score - sigma).masked_fill(~has_next[:, None], IMPOSSIBLE)
    moves = duration_score[..., 1:]
    blank_arcs = (blank_score[..., None] + moves).transpose(2, 3)
    token_arcs = (token_score[..., None] + moves).transpose(2, 3)
    stay_arcs = token_score + duration_score[..., 0]
    # Logits of minus infinity must not reach the sums of differences in the sweeps.
    return tuple(arcs.clamp_min(IMPOSSIBLE) for arcs in (blank_arcs, token_arcs, stay_arcs))


class _HeadScores(torch.autograd.Function):
    """Log-probabilities of blank, of the next token and of the durations.

    By hand, since autograd would make a tensor of the logits' size for each of the four ways it uses them, and would
    sum bf16 logits in bf16.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, following: Tensor, blank: int, durations: int) -> tuple[Tensor, ...]:
        """`logits` [B, T, U + 1, outputs], `following` [B, U + 1] to two [B, T, U + 1], one [.., durations]."""
        kind = _working_type(logits)
        index = following[:, None, :, None].expand(*logits.shape[:3], 1)
        tokens = logits[..., :-durations]
        total = logits.new_empty(logits.shape[:3], dtype=kind)
        for part in _chunks(tokens):
            total[part] = torch.logsumexp(tokens[part].to(kind), -1)
        blank_score = tokens[..., blank].to(kind) - total
        token_score = tokens.gather(-1, index).squeeze(-1).to(kind) - total
        duration_score = torch.log_softmax(logits[..., -durations:].to(kind), -1)
        ctx.save_for_backward(logits, index, total, duration_score)
        ctx.blank = blank
        return blank_score, token_score, duration_score

    @staticmethod
    def backward(ctx: Any, by_blank: Tensor, by_token: Tensor, by_duration: Tensor) -> tuple[Tensor | None, ...]:
        """The derivatives of the three to that of the logits, in the logits' type."""
        logits, index, total, duration_score = ctx.saved_tensors
        durations = duration_score.shape[-1]
        gradient = torch.empty_like(logits)
        tokens = logits[..., :-durations]
        for part in _chunks(tokens):
            probability = torch.exp(tokens[part].to(total.dtype) - total[part][..., None])
            slope = probability.mul_(-(by_blank[part] + by_token[part])[..., None])
            slope[..., ctx.blank] += by_blank[part]
            slope.scatter_add_(-1, index[part], by_token[part][..., None])
            gradient[part][..., :-durations] = slope
        gradient[..., -durations:] = by_duration - duration_score.exp() * by_duration.sum(-1, keepdim=True)
        return gradient, None, None, None


def _working_type(logits: Tensor) -> torch.dtype:
    """f32, or f64 for f64 logits."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def _chunks(tensor: Tensor) -> list[slice]:
    """Slices of the batch of at most about `CHUNK` elements each."""
    rows = max(1, CHUNK // max(1, tensor[0].numel())) if len(tensor) else 1
    return [slice(start, start + rows) for start in range(0, len(tensor), rows)]


def _sweeps(lattice: str, logits: Tensor) -> Sweeps:
    """The implementation that `lattice` names."""
    if lattice == "auto":
        lattice = "triton" if triton_sweeps and logits.is_cuda and logits.dtype != torch.float64 else "plain"
    if lattice == "plain":
        return plain_sweeps
    if lattice != "triton":
        raise ValueError(f'`lattice` is "auto", "plain" or "triton", not {lattice!r}.')
    if triton_sweeps is None:
        raise RuntimeError("Triton is not installed.")
    return triton_sweeps


class _Lattice(torch.autograd.Function):
    """Minus the log of the sum over all paths, and its derivatives by the arcs' scores."""

    @staticmethod
    def forward(
        ctx: Any,
        blank_arcs: Tensor,
        token_arcs: Tensor,
        stay_arcs: Tensor,
        frames: Tensor,
        lengths: Tensor,
        sweeps: Sweeps,
    ) -> Tensor:
        """The arcs as `arc_scores` gives them, `frames` and `lengths` [B], to [B]."""
        batch, time, steps, positions = blank_arcs.shape
        # prefix[u] is the score of emitting tokens 0 to u - 1 without moving: with it the recursion over u within a
        # frame becomes one cumulative sum.
        prefix = F.pad(stay_arcs[..., :-1].cumsum(-1), (1, 0))
        alpha, beta = sweeps(blank_arcs, token_arcs, prefix, frames, lengths, IMPOSSIBLE)

        # A blank may land on the end, a token may not.
        after_token = F.pad(beta, (0, 0, 0, steps + 1), value=IMPOSSIBLE)
        after_blank = after_token.masked_fill(_end(after_token, frames, lengths), 0.0)
        likelihood = after_blank[:, 0, 0]
        reached = likelihood > IMPOSSIBLE / 2
        # What leaves (t, u), with the paths that lead there; `after_token` by the position that the token leads to.
        before = alpha - likelihood[:, None, None]
        after_token = F.pad(after_token[..., 1:], (0, 1), value=IMPOSSIBLE)
        beyond = torch.arange(time, device=alpha.device) >= frames[:, None]
        outside = (beyond | ~reached[:, None])[:, :, None]

        by_blank, by_token = torch.empty_like(blank_arcs), torch.empty_like(token_arcs)
        for step in range(steps):
            landing = slice(step + 1, step + 1 + time)
            by_blank[:, :, step] = torch.exp(before + blank_arcs[:, :, step] + after_blank[:, landing])
            by_token[:, :, step] = torch.exp(before + token_arcs[:, :, step] + after_token[:, landing])
        by_stay = torch.exp(before + stay_arcs + after_token[:, :time])
        ctx.save_for_backward(
            by_blank.masked_fill_(outside[..., None], 0.0),
            by_token.masked_fill_(outside[..., None], 0.0),
            by_stay.masked_fill_(outside, 0.0),
        )
        return -likelihood.masked_fill(~reached, 0.0)

    @staticmethod
    def backward(ctx: Any, by_loss: Tensor) -> tuple[Tensor | None, ...]:
        """[B] to the derivatives by the three kinds of arcs."""
        by_blank, by_token, by_stay = ctx.saved_tensors
        scale = -by_loss[:, None, None]
        return by_blank * scale[..., None], by_token * scale[..., None], by_stay * scale, None, None, None


def _end(grid: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
    """Where in `grid` [B, times, positions] an utterance's paths end. By comparison, not by index: nothing to check."""
    at_time = torch.arange(grid.shape[1], device=grid.device) == frames[:, None]
    at_position = torch.arange(grid.shape[2], device=grid.device) == lengths[:, None]
    return at_time[:, :, None] & at_position[:, None]


def plain_sweeps(
    blank_arcs: Tensor, token_arcs: Tensor, prefix: Tensor, frames: Tensor, lengths: Tensor, impossible: float
) -> tuple[Tensor, Tensor]:
    """The log-weights of all ways from the start to (t, u), and from there to the end, both [B, T, U + 1].

    `prefix` [B, T, U + 1] are the running sums of the arcs that stay in a frame. The second is `impossible` at frames
    beyond the utterance.
    """
    batch, time, steps, positions = blank_arcs.shape

    # Arcs by the frame that they lead to: index k comes from `steps - k` frames before, so that it lines up with the
    # `steps` last columns of alpha.
    blank_in = torch.full_like(blank_arcs, impossible)
    token_in = torch.full_like(token_arcs, impossible)
    for k in range(steps):
        step = steps - k
        blank_in[:, step:, k] = blank_arcs[:, : max(0, time - step), step - 1]
        token_in[:, step:, k, 1:] = token_arcs[:, : max(0, time - step), step - 1, :-1]
    alpha = prefix.new_full((batch, steps + time, positions), impossible)
    for t in range(time):
        if t == 0:
            entering = prefix.new_full((batch, positions), impossible)
            entering[:, 0] = 0.0
        else:
            earlier = alpha[:, t : t + steps]
            shifted = F.pad(earlier[..., :-1], (1, 0), value=impossible)
            ways = torch.cat([earlier + blank_in[:, t], shifted + token_in[:, t]], 1)
            entering = torch.logsumexp(ways, 1)
        along = prefix[:, t] + torch.logcumsumexp(entering - prefix[:, t], -1)
        alpha[:, steps + t] = along.clamp_min(2 * impossible)

    after_token = prefix.new_full((batch, time + steps, positions), impossible)
    after_blank = after_token.masked_fill(_end(after_token, frames, lengths), 0.0)
    inside = torch.arange(time, device=prefix.device) < frames[:, None]
    for t in range(time - 1, -1, -1):
        landing = slice(t + 1, t + 1 + steps)
        shifted = F.pad(after_token[:, landing, 1:], (0, 1), value=impossible)
        ways = torch.cat([blank_arcs[:, t] + after_blank[:, landing], token_arcs[:, t] + shifted], 1)
        leaving = torch.logsumexp(ways, 1)
        along = torch.logcumsumexp((prefix[:, t] + leaving).flip(-1), -1).flip(-1) - prefix[:, t]
        along = along.clamp_min(2 * impossible)
        after_token[:, t] = torch.where(inside[:, t : t + 1], along, after_token[:, t])
        after_blank[:, t] = torch.where(inside[:, t : t + 1], along, after_blank[:, t])
    return alpha[:, steps:], after_token[:, :time]
