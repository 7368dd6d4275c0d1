"""One training step at toy size, what a checkpoint restores, and the way back to Whisper's weights."""

from __future__ import annotations

import unittest

import torch
from augment import GRID
from batches import Batch
from blend import PREFIX, blended
from ranks import Ranks
from settings import Settings
from torch import Tensor
from trainer import Trainer

TOY = {"sizes": "toy", "warmup_steps": 1, "rate": 1e-2, "rate_pretrained": 1e-3}


def trainer(**changes: object) -> Trainer:
    """A toy trainer on the CPU."""
    made = Trainer(Settings(**{**TOY, **changes}), Ranks(), None, torch.zeros(80))
    made.model.train()
    return made


def batch(value: float = 0.3) -> Batch:
    """Two utterances of noise."""
    torch.manual_seed(4)
    audio = (torch.randn(2, 3 * GRID) * value * 32767).clamp(-32767, 32767).short()
    return audio, torch.tensor([3 * GRID, 2 * GRID]), torch.tensor([[5, 9, 2], [7, 0, 0]]), torch.tensor([3, 1])


def copied(made: Trainer) -> dict[str, Tensor]:
    """The weights as they are."""
    return {name: value.clone() for name, value in made.model.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor], prefix: str = "") -> set[str]:
    """The names of weights that differ."""
    return {n for n in before if n.startswith(prefix) and not torch.equal(before[n], after[n])}


class Steps(unittest.TestCase):
    """What a step does and leaves alone."""

    def test_the_loss_falls_on_one_batch(self) -> None:
        made = trainer(mask_after=1000)
        losses = [float(made.step(batch(), 0.0, 1.0)[0]) for _ in range(30)]
        self.assertLess(min(losses[-5:]), 0.7 * losses[0])
        self.assertEqual(made.step_number, 30)

    def test_a_rate_of_zero_freezes_whispers_layers(self) -> None:
        made = trainer(rate_pretrained=0.0)
        before = copied(made)
        made.step(batch(), 0.0, 1.0)
        self.assertEqual(changed(before, copied(made), PREFIX), set())
        self.assertIn("joint.out.weight", changed(before, copied(made)))

    def test_a_gradient_that_is_no_number_is_left_out(self) -> None:
        made = trainer()
        with torch.no_grad():
            made.model.ctc.bias.fill_(float("nan"))
        before = copied(made)
        made.step(batch(), 0.0, 1.0)
        self.assertEqual(int(made.skipped), 1)
        moved = changed(before, copied(made)) - {n for n in before if ".bn." in n} - {"ctc.bias"}
        self.assertEqual(moved, set())

    def test_the_average_follows_the_weights(self) -> None:
        made = trainer()
        for _ in range(3):
            made.step(batch(), 0.0, 1.0)
        weight, average = made.model.joint.out.weight.detach(), made.average["joint.out.weight"]
        self.assertFalse(torch.equal(weight, average))
        self.assertLess(float((weight - average).abs().mean()), 0.05)


class Memory(unittest.TestCase):
    """Going back, and going on."""

    def test_going_back_takes_the_weights_and_forgets_the_moments(self) -> None:
        made = trainer()
        made.step(batch(), 0.0, 1.0)
        good = made.snapshot()
        made.step(batch(), 0.0, 1.0)
        made.go_back(good)
        self.assertEqual(changed(good["model"], copied(made)), set())
        self.assertEqual((made.warm_from, len(made.optimiser.state)), (2, 0))

    def test_a_run_goes_on_where_it_was(self) -> None:
        first = trainer()
        first.step(batch(), 0.0, 1.0)
        other = trainer(seed=2)
        other.restore(first.state())
        self.assertEqual(changed(copied(first), copied(other)), set())
        self.assertEqual(other.step_number, 1)
        self.assertEqual(len(other.optimiser.state), len(first.optimiser.state))

    def test_a_new_run_begins_with_the_weights_alone(self) -> None:
        first, other = trainer(), trainer(seed=2)
        other.begin_with(first.model.state_dict())
        self.assertEqual(changed(copied(first), copied(other)), set())
        self.assertEqual(changed(copied(first), other.average), set())
        self.assertEqual((other.step_number, len(other.optimiser.state)), (0, 0))


class Blend(unittest.TestCase):
    """blend.py"""

    def test_only_whispers_layers_move_and_by_the_share(self) -> None:
        made = trainer()
        state = copied(made)
        whisper = {n.removeprefix(PREFIX): v + 2.0 for n, v in state.items() if n.startswith(PREFIX)}
        for share in (0.0, 0.25, 1.0):
            for name, value in blended(state, whisper, share).items():
                expected = state[name] + 2.0 * share if name.startswith(PREFIX) else state[name]
                self.assertTrue(torch.allclose(value, expected), name)


if __name__ == "__main__":
    unittest.main()
