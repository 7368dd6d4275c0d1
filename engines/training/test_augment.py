"""Tests of the augmentation: `python -m unittest test_augment` in this folder."""

from __future__ import annotations

import dataclasses
import math
import random
import unittest

import numpy as np
import torch
from augment import (
    GRID,
    SAMPLE_RATE,
    AugmentSettings,
    augment,
    draw_length_factor,
    mask_features,
    resample_batch,
    scaled_lengths,
)
from torch import Generator, Tensor

# Small tensors: more threads only wait for each other on a busy machine.
torch.set_num_threads(1)

OFF = AugmentSettings(
    speed_probability=0.0,
    equaliser_probability=0.0,
    reverberation_probability=0.0,
    noise_probability=0.0,
    level_probability=0.0,
    dither=0.0,
)


def generator(seed: int = 0) -> Generator:
    """Of the CPU."""
    return Generator().manual_seed(seed)


def run(audio: Tensor, lengths: list[int], settings: AugmentSettings, seed: int = 0) -> tuple[Tensor, list[int], float]:
    """One augmentation."""
    audio, after, factor = augment(audio, torch.tensor(lengths), generator(seed), random.Random(seed), settings)
    return audio, after.tolist(), factor


def speech(lengths: list[int], samples: int, seed: int = 0) -> Tensor:
    """Noise that comes in syllables, of another level in each row, and zero beyond the lengths."""
    time = torch.arange(samples) / SAMPLE_RATE
    syllables = torch.sin(2 * math.pi * 2.5 * time).clamp_min(0)
    rows = 0.05 * torch.randn(len(lengths), samples, generator=generator(seed)) * syllables
    rows = rows * 10 ** (-torch.arange(len(lengths)) / 10)[:, None]
    return rows * (torch.arange(samples) < torch.tensor(lengths)[:, None])


def tone(hertz: float, samples: int) -> Tensor:
    """[1, samples] of amplitude 0.5."""
    # In f64, else the phase's rounding is a noise of -40 dB.
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(samples).double() / SAMPLE_RATE).float()[None]


def loudest_hertz(audio: Tensor) -> float:
    """The frequency of the largest line of one row."""
    return np.abs(np.fft.rfft(audio.numpy() * np.hanning(len(audio)))).argmax() * SAMPLE_RATE / len(audio)


def assert_near(got: Tensor, want: Tensor, absolute: float, relative: float = 0.0) -> None:
    """For all elements; `torch.testing` has it too, but takes seconds to load."""
    assert got.shape == want.shape
    excess = ((got - want).abs() - absolute - relative * want.abs()).max().item()
    # Not the other way round: a NaN fails.
    if not excess <= 0.0:
        raise AssertionError(f"Off by {excess:.3g} more than {absolute:g} + {relative:g} * magnitude.")


class ChainTest(unittest.TestCase):
    lengths = (4 * GRID, 4 * GRID - 1, 2 * GRID + 77, 5000, 30_000)

    def test_defaults_keep_shapes_lengths_and_silence_after_the_end(self) -> None:
        audio = speech(list(self.lengths), 4 * GRID)
        factors = set()
        for seed in range(40):
            out, lengths, factor = run(audio, list(self.lengths), AugmentSettings(), seed)
            factors.add(factor)
            self.assertEqual(out.shape[1] % GRID, 0)
            self.assertLess(out.shape[1] - 4 * GRID * factor, GRID)
            self.assertTrue(torch.isfinite(out).all())
            self.assertLessEqual(out.abs().max().item(), 1.0)
            for row, before, after in zip(out, self.lengths, lengths, strict=True):
                self.assertLessEqual(abs(after - before * factor), 0.5)
                self.assertLessEqual(after, out.shape[1])
                self.assertEqual(row[after:].abs().sum().item(), 0.0)
                self.assertGreater(row[:after].abs().max().item(), 0.05)
        self.assertGreater(len(factors), 5)

    def test_everything_off_is_the_identity(self) -> None:
        audio = speech(list(self.lengths), 4 * GRID)
        out, lengths, factor = run(audio, list(self.lengths), OFF)
        self.assertEqual((lengths, factor), (list(self.lengths), 1.0))
        assert_near(out, audio, 1e-6)

    def test_what_lies_beyond_the_length_does_not_matter(self) -> None:
        audio = speech(list(self.lengths), 4 * GRID)
        beyond = torch.arange(4 * GRID) >= torch.tensor(self.lengths)[:, None]
        want = run(audio, list(self.lengths), AugmentSettings(), 5)[0]
        got = run(torch.where(beyond, 0.7, audio), list(self.lengths), AugmentSettings(), 5)[0]
        assert_near(got, want, 0)

    def test_a_seed_repeats_and_the_input_stays(self) -> None:
        audio = speech(list(self.lengths), 4 * GRID).requires_grad_(True)
        copy = audio.detach().clone()
        first, again, other = (run(audio, list(self.lengths), AugmentSettings(), seed)[0] for seed in (3, 3, 4))
        self.assertTrue(torch.equal(first, again))
        self.assertFalse(first.shape == other.shape and torch.equal(first, other))
        self.assertTrue(torch.equal(audio, copy))
        self.assertFalse(first.requires_grad)

    def test_silence_stays_faint(self) -> None:
        loud = dataclasses.replace(AugmentSettings(), noise_probability=1.0)
        for quiet in (torch.zeros(3, 2 * GRID), 5e-4 * torch.sign(torch.randn(3, 2 * GRID, generator=generator()))):
            for seed in range(20):
                out = run(quiet, [2 * GRID, 9000, 0], loud, seed)[0]
                self.assertTrue(torch.isfinite(out).all())
                self.assertLess(out.abs().max().item(), 0.02)
                self.assertEqual(out[2].abs().max().item(), 0.0)
                self.assertGreater(out[0].std().item(), 1e-5)

    def test_refuses_lengths_off_the_grid(self) -> None:
        with self.assertRaises(ValueError):
            run(torch.zeros(1, GRID + 1), [100], OFF)


class SpeedTest(unittest.TestCase):
    def test_factors_are_within_bounds_for_short_batches_too(self) -> None:
        rng = random.Random(0)
        settings = AugmentSettings(speed_probability=1.0)
        drawn = [draw_length_factor(rng, settings) for _ in range(2000)]
        self.assertGreaterEqual(min(drawn), settings.length_factor_min)
        self.assertLessEqual(max(drawn), settings.length_factor_max)
        self.assertEqual(len(set(drawn)), 10)
        exact = AugmentSettings(speed_probability=1.0, length_factor_min=1.1, length_factor_max=1.1)
        self.assertEqual(draw_length_factor(rng, exact), 1.1)
        self.assertEqual(draw_length_factor(rng, OFF), 1.0)

    def test_a_tone_is_divided_by_the_factor(self) -> None:
        for factor in (0.9, 1.1):
            settings = dataclasses.replace(
                OFF, speed_probability=1.0, length_factor_min=factor, length_factor_max=factor
            )
            for hertz in (440.0, 6500.0):
                out, lengths, got = run(tone(hertz, 3 * GRID), [3 * GRID], settings)
                self.assertEqual((got, lengths), (factor, [round(3 * GRID * factor)]))
                self.assertAlmostEqual(loudest_hertz(out[0, : lengths[0]]), hertz / factor, delta=1.0)
                # Not duller, as between linearly joined samples.
                middle = out[0, 5000 : lengths[0] - 5000]
                self.assertAlmostEqual(middle.square().mean().item(), 0.125, delta=0.005)

    def test_nothing_is_folded_down(self) -> None:
        out, lengths = resample_batch(tone(7600.0, 3 * GRID), torch.tensor([3 * GRID]), 0.9)
        self.assertLess(out[0, 3000 : lengths[0] - 3000].abs().max().item(), 1e-3)

    def test_an_event_moves_with_the_length(self) -> None:
        audio = torch.zeros(1, 3 * GRID)
        audio[0, 20_000] = 1.0
        out, lengths = resample_batch(audio, torch.tensor([20_001]), 1.125)
        self.assertEqual((out[0].abs().argmax().item(), lengths.item()), (22_500, 22_501))
        self.assertEqual(out[0, 22_501:].abs().max().item(), 0.0)
        self.assertEqual(scaled_lengths(torch.tensor([3 * GRID]), 1.025).item(), 31_488)


class LevelTest(unittest.TestCase):
    def test_peak_is_in_the_range(self) -> None:
        settings = dataclasses.replace(OFF, level_probability=1.0)
        lengths = [GRID] * 199 + [3000]
        out = run(speech([GRID], GRID).expand(200, GRID), lengths, settings)[0]
        peaks = 20 * out.abs().amax(1).log10()
        self.assertGreaterEqual(peaks.min().item(), -22.001)
        self.assertLessEqual(peaks.max().item(), -0.499)
        self.assertGreater(peaks.max().item() - peaks.min().item(), 20.0)

    def test_dither_comes_last(self) -> None:
        out = run(torch.zeros(1, GRID), [8000], dataclasses.replace(OFF, dither=1e-3))[0][0]
        self.assertAlmostEqual(out[:8000].std().item(), 1e-3, delta=5e-5)
        self.assertEqual(out[8000:].abs().max().item(), 0.0)


class MaskTest(unittest.TestCase):
    def masks(self, frames: list[int], seed: int, settings: AugmentSettings) -> tuple[Tensor, Tensor]:
        """Which bands [B, 80] and which frames [B, T] are masked throughout."""
        features = torch.ones(len(frames), 80, max(frames))
        gone = mask_features(features, torch.tensor(frames), generator(seed), settings) == 0
        bands, stretches = gone.all(2), gone.all(1)
        self.assertTrue(torch.equal(gone, bands[:, :, None] | stretches[:, None]))
        return bands, stretches

    def test_masks_at_most_what_was_promised(self) -> None:
        frames = [400, 120, 10, 1]
        most = torch.zeros(4), torch.zeros(4)
        for seed in range(300):
            bands, stretches = self.masks(frames, seed, AugmentSettings())
            for row, count in enumerate(frames):
                self.assertLessEqual(bands[row].sum().item(), 30)
                masked = stretches[row, :count].sum().item()
                self.assertLessEqual(masked, min(5 * 21, 0.7 * count))
                self.assertEqual(stretches[row, count:].sum().item(), 0)
                most[0][row] = max(most[0][row], bands[row].sum())
                most[1][row] = max(most[1][row], masked)
        self.assertGreater(most[0].min().item(), 20)
        self.assertGreater(most[1][0].item(), 80)

    def test_a_single_mask_has_all_widths(self) -> None:
        settings = AugmentSettings(bin_masks=1, time_masks=1)
        drawn = [self.masks([200], seed, settings) for seed in range(400)]
        self.assertEqual({bands.sum().item() for bands, _ in drawn}, set(range(16)))
        self.assertEqual({stretches.sum().item() for _, stretches in drawn}, set(range(22)))
        self.assertTrue(torch.stack([bands[0] for bands, _ in drawn]).any(0).all(), "some bin is never masked")

    def test_rest_stays_and_nothing_is_masked_when_off(self) -> None:
        features = torch.randn(3, 80, 90, generator=generator()).requires_grad_(True)
        masked = mask_features(features, torch.tensor([90, 50, 3]), generator(1))
        self.assertFalse(masked.requires_grad)
        self.assertTrue(torch.equal(torch.where(masked == 0, features, masked), features))
        off = AugmentSettings(bin_masks=0, time_masks=0)
        self.assertTrue(torch.equal(mask_features(features, torch.tensor([90, 50, 3]), generator(1), off), features))


@unittest.skipUnless(torch.cuda.is_available(), "no GPU")
class GpuTest(unittest.TestCase):
    def test_does_not_wait_for_the_device(self) -> None:
        audio = speech([4 * GRID] * 8, 4 * GRID).cuda()
        lengths = torch.full((8,), 4 * GRID).cuda()
        draws = Generator("cuda").manual_seed(0)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for seed in range(4):
                out = augment(audio, lengths, draws, random.Random(seed), AugmentSettings())[0]
                mask_features(out[:, None, :1000].expand(8, 80, 1000), lengths // 160, draws)
        finally:
            torch.cuda.set_sync_debug_mode("default")


if __name__ == "__main__":
    unittest.main()
