"""Several devices as one: a process for each, gradients averaged. Started by torchrun, or alone without it."""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn


class Ranks:
    """This process among those of the run."""

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        on_gpu = torch.cuda.is_available()
        self.device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if on_gpu else "cpu"
        if on_gpu:
            torch.cuda.set_device(self.device)
        if self.count > 1:
            distributed.init_process_group("nccl" if on_gpu else "gloo")

    @property
    def first(self) -> bool:
        """Whether this one writes files and speaks."""
        return self.rank == 0

    def same_weights(self, module: nn.Module) -> None:
        """Everyone takes the first one's weights and buffers."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                distributed.broadcast(tensor, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replaces each gradient by its mean over the processes, in one transfer."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        parts = torch.split(flat, [g.numel() for g in gradients])
        torch._foreach_copy_(gradients, [part.view_as(g) for part, g in zip(parts, gradients, strict=True)])

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a small tensor over the processes, so that all decide alike."""
        if self.count > 1:
            distributed.all_reduce(values)
            values /= self.count
        return values

    def first_says(self, values: list[float]) -> list[float]:
        """The first one's values, for what depends on the clock."""
        if self.count == 1:
            return values
        answer = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(answer, 0)
        return answer.tolist()

    def close(self) -> None:
        """Leaves the group."""
        if self.count > 1:
            distributed.destroy_process_group()
