"""Tests of the TDT loss: `python -m unittest test_tdt_loss` in this folder; on a GPU also of its Triton kernels."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from tdt_loss import tdt_loss
from torch import Tensor

# Small tensors: more threads only wait for each other on a busy machine.
torch.set_num_threads(1)

FOLDER = Path(__file__).resolve().parent
# Whether Triton runs its kernels on the CPU; it reads this when it is imported.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# Of 6 frames, labels [1, 3, 0] of 4 tokens and blank, `lcg` logits: by sigma, from an f64 forward recursion that agreed
# with an independent enumeration.
KNOWN = {0.0: 10.398757826590696, 0.02: 10.480692462142697, 0.05: 10.603526100701231}


def assert_near(got: Tensor, want: Tensor, absolute: float, relative: float) -> None:
    """For all elements; `torch.testing` has it too, but takes seconds to load."""
    assert got.shape == want.shape
    excess = ((got.double() - want.double()).abs() - absolute - relative * want.double().abs()).max().item()
    # Not the other way round: a NaN fails.
    if not excess <= 0.0:
        raise AssertionError(f"Off by {excess:.3g} more than {absolute:g} + {relative:g} * magnitude.")


def lcg(count: int) -> Tensor:
    """[count] numbers of the generator that made the known case's logits, f64."""
    state, values = 777, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(((state >> 8) / 8388608 - 1) * 2)
    return torch.tensor(values, dtype=torch.float64)


def paths(frames: int, length: int, durations: int, frame: int = 0, done: int = 0) -> Iterator[list[tuple]]:
    """All ways from (frame, done) to the end, as lists of (frame, tokens before, whether blank, duration)."""
    for duration in range(durations):
        there = frame + duration
        if done < length and there < frames:
            for rest in paths(frames, length, durations, there, done + 1):
                yield [(frame, done, False, duration), *rest]
        if duration == 0:
            continue
        if there == frames and done == length:
            yield [(frame, done, True, duration)]
        elif there < frames:
            for rest in paths(frames, length, durations, there, done):
                yield [(frame, done, True, duration), *rest]


def enumerated(logits: Tensor, labels: list[int], frames: int, blank: int, durations: int, sigma: float) -> Tensor:
    """Minus the log of the sum over all listed paths of one utterance; `logits` [T, U + 1, outputs] in f64."""
    tokens = torch.log_softmax(logits[..., :-durations], -1) - sigma
    moves = torch.log_softmax(logits[..., -durations:], -1)
    listed = list(paths(frames, len(labels), durations))
    arcs = [(*arc[:2], blank if arc[2] else labels[arc[1]], arc[3]) for path in listed for arc in path]
    frame, done, token, duration = torch.tensor(arcs).T
    owner = torch.repeat_interleave(torch.tensor([len(path) for path in listed]))
    scores = tokens[frame, done, token] + moves[frame, done, duration]
    return -torch.logsumexp(torch.zeros(len(listed), dtype=scores.dtype).index_add(0, owner, scores), 0)


def both(logits: Tensor, *arguments: object, weights: Tensor | None = None, **options: object) -> tuple[Tensor, Tensor]:
    """The losses and the gradient of their (weighted) sum."""
    logits = logits.detach().requires_grad_(True)
    loss = tdt_loss(logits, *arguments, **options)
    total = (loss if weights is None else loss * weights).sum()
    return loss.detach(), torch.autograd.grad(total, logits)[0]


def random_case(
    seed: int, frames: list[int], lengths: list[int], tokens: int, durations: int = 5, scale: float = 2.0
) -> tuple[Tensor, ...]:
    """Logits in f64, targets, frames, lengths: a batch padded to the largest; the padding is random too."""
    generator = torch.Generator().manual_seed(seed)
    time, width = max(frames), max(lengths) + 1
    logits = torch.randn(len(frames), time, width, tokens + 1 + durations, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, tokens, (len(frames), width - 1), generator=generator)
    return logits * scale, targets, torch.tensor(frames), torch.tensor(lengths)


class LossTest(unittest.TestCase):
    def test_paths_are_listed_once_and_all(self) -> None:
        # One frame: the tokens stay, one blank ends. Two frames without tokens: 1 + 1 or 2.
        self.assertEqual(list(paths(1, 2, 5)), [[(0, 0, False, 0), (0, 1, False, 0), (0, 2, True, 1)]])
        self.assertEqual(list(paths(2, 0, 5)), [[(0, 0, True, 1), (1, 0, True, 1)], [(0, 0, True, 2)]])
        listed = [tuple(path) for path in paths(4, 2, 5)]
        self.assertEqual(len(listed), len(set(listed)))

    def test_agrees_with_the_sum_over_all_paths(self) -> None:
        shapes = [
            ([1], [0], 3, 5),
            ([1], [2], 3, 5),
            ([5], [0], 2, 5),
            ([4, 1, 3], [2, 1, 0], 3, 5),
            ([5, 4, 2], [1, 2, 3], 2, 5),
            ([6, 3], [1, 2], 4, 3),
            ([4, 3], [2, 1], 3, 2),
        ]
        for seed, (frames, lengths, tokens, durations) in enumerate(shapes):
            for sigma in (0.0, 0.05):
                with self.subTest(frames=frames, lengths=lengths, durations=durations, sigma=sigma):
                    case = random_case(seed, frames, lengths, tokens, durations)
                    logits, targets = case[0].requires_grad_(True), case[1]
                    want = torch.stack(
                        [
                            enumerated(logits[b], targets[b, :length].tolist(), count, tokens, durations, sigma)
                            for b, (count, length) in enumerate(zip(frames, lengths, strict=True))
                        ]
                    )
                    weights = torch.arange(1.0, len(frames) + 1, dtype=torch.float64)
                    (gradient,) = torch.autograd.grad((want * weights).sum(), logits)
                    options = {"blank": tokens, "durations": durations, "sigma": sigma, "lattice": "plain"}
                    for kind, tolerance in ((torch.float64, 1e-10), (torch.float32, 2e-5)):
                        got = both(logits.to(kind), *case[1:], weights=weights.to(kind), **options)
                        assert_near(got[0], want.detach(), tolerance, tolerance)
                        assert_near(got[1], gradient, tolerance, tolerance)

    def test_known_values(self) -> None:
        logits = lcg(6 * 4 * 10).reshape(1, 6, 4, 10)
        case = (torch.tensor([[1, 3, 0]]), torch.tensor([6]), torch.tensor([3]), 4)
        for sigma, want in KNOWN.items():
            self.assertAlmostEqual(tdt_loss(logits, *case, sigma=sigma).item(), want, places=12)
            self.assertAlmostEqual(tdt_loss(logits.float(), *case, sigma=sigma).item(), want, places=4)

    def test_padding_does_not_matter(self) -> None:
        logits, targets, frames, lengths = random_case(1, [9, 6, 7], [4, 2, 0], 5)
        want = both(logits, targets, frames, lengths, 5)
        wide = F.pad(logits, (0, 0, 0, 3, 0, 4))
        padding = F.pad(torch.zeros_like(logits), (0, 0, 0, 3, 0, 4), value=1.0).bool()
        for value in (0.0, -3e4, 3e4):
            # Logits of +-3e4 and ids that do not exist.
            noise = torch.sign(torch.randn(wide.shape, generator=torch.Generator().manual_seed(2))) * value
            longer = F.pad(targets, (0, 3), value=999)
            filled = torch.where(padding, noise.double(), wide)
            for kind, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
                got = both(filled.to(kind), longer, frames, lengths, 5)
                assert_near(got[0], want[0], tolerance, tolerance)
                assert_near(got[1][:, :9, :5], want[1], tolerance, tolerance)
                self.assertEqual(got[1][padding].abs().max().item(), 0.0)

    def test_gradient_ends_at_the_utterance(self) -> None:
        logits, *case = random_case(3, [6, 3], [3, 1], 4)
        gradient = both(logits, *case, 4)[1]
        self.assertEqual(gradient[1, 3:].abs().max().item(), 0.0)
        self.assertEqual(gradient[1, :, 2:].abs().max().item(), 0.0)
        self.assertGreater(gradient[1, :3, :2].abs().min().item(), 0.0)

    def test_utterances_without_a_path_count_nothing(self) -> None:
        logits, targets, frames, lengths = random_case(4, [5, 5, 5, 5, 5], [2, 2, 2, 2, 2], 4)
        want = both(logits, targets, frames, lengths, 4)
        frames = torch.tensor([5, 0, 5, 5, 0])
        lengths = torch.tensor([2, 2, 2, 2, 0])
        logits[2, :, 1, targets[2, 1]] = -torch.inf  # The second token is impossible,
        logits[3, ..., -4:] = -torch.inf  # or any way off a frame.
        for kind in (torch.float64, torch.float32):
            loss, gradient = both(logits.to(kind), targets, frames, lengths, 4)
            assert_near(loss[0], want[0][0], 1e-5, 1e-5)
            assert_near(gradient[0], want[1][0], 1e-5, 1e-5)
            self.assertEqual(loss[1:].tolist(), [0.0] * 4)
            self.assertEqual(gradient[1:].abs().max().item(), 0.0)

    def test_bf16_logits_are_summed_in_f32(self) -> None:
        logits, *case = random_case(5, [20, 14], [6, 5], 300)
        logits = logits.bfloat16()
        want = both(logits.double(), *case, 300)
        loss, gradient = both(logits, *case, 300)
        self.assertEqual((loss.dtype, gradient.dtype), (torch.float32, torch.bfloat16))
        assert_near(loss, want[0], 1e-5, 1e-5)
        # Half a step of bf16's 8 bits.
        assert_near(gradient, want[1], 1e-5, 2**-8)

    def test_refuses_what_does_not_fit(self) -> None:
        logits, targets, frames, lengths = random_case(6, [3], [2], 4)
        with self.assertRaises(ValueError):
            tdt_loss(logits, targets[:, :1], frames, lengths, 4)
        with self.assertRaises(ValueError):
            tdt_loss(logits, targets, frames, lengths, 4, durations=1)
        with self.assertRaises(ValueError):
            tdt_loss(logits, targets, frames, lengths, 4, lattice="numpy")


def compare_small(device: str) -> None:
    """Asserts that Triton's sweeps give what the plain ones do, on small lattices."""
    for seed, (frames, lengths, durations) in enumerate(
        [([1], [0], 5), ([6, 3, 0], [3, 0, 1], 5), ([3], [17], 5), ([3], [2], 3)]
    ):
        logits, *case = random_case(seed, frames, lengths, 6, durations)
        logits, case = logits.float().to(device), [x.to(device) for x in case]
        plain, triton = (both(logits, *case, 6, durations, lattice=lattice) for lattice in ("plain", "triton"))
        for want, got in zip(plain, triton, strict=True):
            assert_near(got, want, 1e-4, 1e-4)


class TritonTest(unittest.TestCase):
    # Where a GPU is, the kernels themselves are tested; Triton 3.6's interpreter does not work with NumPy 2.5 either.
    @unittest.skipUnless(find_spec("triton"), "Triton is not installed")
    @unittest.skipIf(torch.cuda.is_available(), "a GPU runs the kernels themselves")
    def test_interpreted_kernels_agree_with_pytorch(self) -> None:
        code = "import test_tdt_loss; assert test_tdt_loss.INTERPRETED; test_tdt_loss.compare_small('cpu')"
        environment = {**os.environ, "TRITON_INTERPRET": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)


@unittest.skipUnless(torch.cuda.is_available() and find_spec("triton"), "no GPU or no Triton")
class GpuTest(unittest.TestCase):
    def test_kernels_agree_with_pytorch(self) -> None:
        compare_small("cuda")

    def realistic(self, kind: torch.dtype) -> tuple[Tensor, list[Tensor]]:
        generator = torch.Generator("cuda").manual_seed(0)
        logits = torch.randn(48, 160, 61, 518, device="cuda", generator=generator).to(kind)
        targets = torch.randint(0, 512, (48, 60), device="cuda", generator=generator)
        # Full, and down to less than half.
        frames = 160 - 2 * torch.arange(48, device="cuda")
        lengths = 60 - torch.arange(48, device="cuda")
        return logits, [targets, frames, lengths]

    def test_agrees_at_full_size(self) -> None:
        # A log-likelihood of some -400 is off by a few 1e-4 in f32, and so, relatively, are the arcs' posteriors.
        for kind, relative in ((torch.float32, 1e-4), (torch.bfloat16, 2**-7)):
            with self.subTest(kind=kind):
                logits, case = self.realistic(kind)
                plain = both(logits, *case, 512, lattice="plain")
                triton = both(logits, *case, 512)
                assert_near(triton[0], plain[0], 1e-4, 1e-5)
                assert_near(triton[1], plain[1], 1e-3, relative)

    def test_does_not_wait_for_the_device(self) -> None:
        logits, case = self.realistic(torch.bfloat16)
        logits, case = logits[:4], [x[:4] for x in case]
        for lattice in ("plain", "triton"):
            both(logits, *case, 512, lattice=lattice)
            torch.cuda.set_sync_debug_mode("error")
            try:
                both(logits, *case, 512, lattice=lattice)
            finally:
                torch.cuda.set_sync_debug_mode("default")


if __name__ == "__main__":
    unittest.main()
