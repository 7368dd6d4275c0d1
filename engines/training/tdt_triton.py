"""The TDT loss's two recursions as Triton kernels, one program per utterance: the GPU's side of `tdt_loss`.

PyTorch needs some ten kernel launches per frame for each of them; here the loop over frames is inside the kernel. The
arcs' scores and derivatives are made in `tdt_loss.py`, the same for both.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _log_add(a, b):
    """ln(e^a + e^b); finite operands."""
    top = tl.maximum(a, b)
    return top + tl.log(tl.exp(a - top) + tl.exp(b - top))


@triton.jit
def _alpha_kernel(
    blank_arcs,
    token_arcs,
    prefix,
    alpha,
    frames,
    time,
    positions,
    STEPS: tl.constexpr,
    IMPOSSIBLE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fills alpha [B, time, positions] frame by frame; a lane per position."""
    row = tl.program_id(0)
    count = tl.load(frames + row)
    u = tl.arange(0, BLOCK)
    lane = u < positions
    for t in range(count):
        base = tl.where((u + t) == 0, 0.0, IMPOSSIBLE)
        for step in tl.static_range(1, STEPS + 1):
            source = t - step
            here = lane & ((u * 0 + source) >= 0)
            reached = tl.load(alpha + (row * time + source) * positions + u, mask=here, other=IMPOSSIBLE)
            arc = tl.load(
                blank_arcs + ((row * time + source) * STEPS + step - 1) * positions + u, mask=here, other=IMPOSSIBLE
            )
            base = _log_add(base, tl.maximum(reached + arc, 2 * IMPOSSIBLE))
            below = here & (u > 0)
            reached = tl.load(alpha + (row * time + source) * positions + u - 1, mask=below, other=IMPOSSIBLE)
            arc = tl.load(
                token_arcs + ((row * time + source) * STEPS + step - 1) * positions + u - 1,
                mask=below,
                other=IMPOSSIBLE,
            )
            base = _log_add(base, tl.maximum(reached + arc, 2 * IMPOSSIBLE))
        run = tl.load(prefix + (row * time + t) * positions + u, mask=lane, other=0.0)
        along = tl.associative_scan(base - run, 0, _log_add) + run
        tl.store(alpha + (row * time + t) * positions + u, tl.maximum(along, 2 * IMPOSSIBLE), mask=lane)
        # The next frame reads what other lanes have just written.
        tl.debug_barrier()


@triton.jit
def _beta_kernel(
    blank_arcs,
    token_arcs,
    prefix,
    beta,
    frames,
    lengths,
    time,
    positions,
    STEPS: tl.constexpr,
    IMPOSSIBLE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fills beta [B, time, positions] from the last frame back; a lane per position."""
    row = tl.program_id(0)
    count = tl.load(frames + row)
    length = tl.load(lengths + row)
    u = tl.arange(0, BLOCK)
    lane = u < positions
    for i in range(count):
        t = count - 1 - i
        base = tl.full((BLOCK,), IMPOSSIBLE * 2, tl.float32)
        for step in tl.static_range(1, STEPS + 1):
            landing = t + step
            here = lane & ((u * 0 + landing) < count)
            rest = tl.load(beta + (row * time + landing) * positions + u, mask=here, other=IMPOSSIBLE)
            # A blank may land on the end, a token may not.
            rest = tl.where(((u * 0 + landing) == count) & (u == length), 0.0, rest)
            arc = tl.load(
                blank_arcs + ((row * time + t) * STEPS + step - 1) * positions + u, mask=lane, other=IMPOSSIBLE
            )
            base = _log_add(base, tl.maximum(rest + arc, 2 * IMPOSSIBLE))
            above = here & (u + 1 < positions)
            rest = tl.load(beta + (row * time + landing) * positions + u + 1, mask=above, other=IMPOSSIBLE)
            arc = tl.load(
                token_arcs + ((row * time + t) * STEPS + step - 1) * positions + u, mask=lane, other=IMPOSSIBLE
            )
            base = _log_add(base, tl.maximum(rest + arc, 2 * IMPOSSIBLE))
        run = tl.load(prefix + (row * time + t) * positions + u, mask=lane, other=0.0)
        # Lanes beyond the last position are first in this scan: they must add nothing.
        along = tl.associative_scan(tl.where(lane, base + run, -1e30), 0, _log_add, reverse=True) - run
        tl.store(beta + (row * time + t) * positions + u, tl.maximum(along, 2 * IMPOSSIBLE), mask=lane)
        tl.debug_barrier()


def triton_sweeps(
    blank_arcs: Tensor, token_arcs: Tensor, prefix: Tensor, frames: Tensor, lengths: Tensor, impossible: float
) -> tuple[Tensor, Tensor]:
    """As `plain_sweeps` in `tdt_loss.py`; f32 tensors, which must be on a GPU unless Triton interprets."""
    batch, time, steps, positions = blank_arcs.shape
    blank_arcs, token_arcs, prefix = (arcs.float().contiguous() for arcs in (blank_arcs, token_arcs, prefix))
    frames, lengths = frames.contiguous(), lengths.contiguous()
    alpha = torch.full_like(prefix, impossible)
    beta = torch.full_like(prefix, impossible)
    block = max(16, triton.next_power_of_2(positions))
    shape = (time, positions, steps, impossible, block)
    _alpha_kernel[(batch,)](blank_arcs, token_arcs, prefix, alpha, frames, *shape, num_warps=2)
    _beta_kernel[(batch,)](blank_arcs, token_arcs, prefix, beta, frames, lengths, *shape, num_warps=2)
    return alpha, beta
