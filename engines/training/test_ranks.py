"""Several processes train as one: gradients are averaged, weights and decisions are the first one's."""

from __future__ import annotations

import os
import socket
import tempfile
import unittest
from pathlib import Path

import torch
import torch.multiprocessing
from ranks import Ranks
from torch import nn


def one_of_two(rank: int, port: int, out: str) -> None:
    """A process that starts with weights and gradients of its own and writes what it has in the end."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    torch.manual_seed(rank)
    ranks, module = Ranks(), nn.Linear(3, 2)
    ranks.same_weights(module)
    # The gradient of the sum of outputs by the weights is the input: 1 for the first process, 3 for the second.
    module(torch.full((1, 3), 1.0 + 2.0 * rank)).sum().backward()
    ranks.average_gradients(list(module.parameters()))
    torch.save(
        {
            "weight": module.weight.detach(),
            "gradients": [p.grad for p in module.parameters()],
            "said": ranks.first_says([10.0 + rank, 0.5]),
            "mean": ranks.mean(torch.tensor([float(rank), 4.0])),
        },
        Path(out) / f"{rank}.pt",
    )
    ranks.close()


class TwoProcesses(unittest.TestCase):
    """On the CPU, through gloo."""

    def test_they_agree(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(one_of_two, (port, folder), nprocs=2)
            first, second = (torch.load(Path(folder) / f"{rank}.pt") for rank in (0, 1))
        self.assertTrue(torch.equal(first["weight"], second["weight"]))
        for found in (first, second):
            weight, bias = found["gradients"]
            self.assertTrue(torch.equal(weight, torch.full((2, 3), 2.0)))
            self.assertTrue(torch.equal(bias, torch.ones(2)))
            self.assertEqual(found["said"], [10.0, 0.5])
            self.assertEqual(found["mean"].tolist(), [0.5, 4.0])


class OneProcess(unittest.TestCase):
    """Alone, nothing is exchanged."""

    def test_nothing_changes(self) -> None:
        ranks, module = Ranks(), nn.Linear(3, 2)
        module(torch.ones(1, 3)).sum().backward()
        ranks.average_gradients(list(module.parameters()))
        self.assertTrue(torch.equal(module.weight.grad, torch.ones(2, 3)))
        self.assertEqual((ranks.first, ranks.count, ranks.first_says([3.0])), (True, 1, [3.0]))


if __name__ == "__main__":
    unittest.main()
