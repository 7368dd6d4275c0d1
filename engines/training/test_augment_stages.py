"""Tests of the augmentation's filters and noise: `python -m unittest test_augment_stages` in this folder."""

from __future__ import annotations

import dataclasses
import math
import unittest

import torch
from augment import (
    GRID,
    IMPULSE_SAMPLES,
    SAMPLE_RATE,
    AugmentSettings,
    coloured_noise,
    equaliser_response,
    impulse_responses,
)
from test_augment import OFF, assert_near, generator, run, speech, tone
from torch import Tensor


def decibels(ratio: float) -> float:
    """Of a ratio of energies."""
    return 10 * math.log10(ratio)


class FilterTest(unittest.TestCase):
    def test_equaliser_has_the_asked_spread(self) -> None:
        settings = AugmentSettings(equaliser_probability=1.0, low_pass_probability=0.0)
        gain = 20 * equaliser_response(4000, 10, generator(), settings).log10()
        assert_near(gain.std(0), torch.full((10,), 4.0), 0, 0.05)
        half = equaliser_response(4000, 10, generator(), dataclasses.replace(settings, equaliser_probability=0.7))
        self.assertAlmostEqual((half == 1.0).all(1).float().mean().item(), 0.3, delta=0.03)

    def test_low_pass_cuts_above_its_edge_alone(self) -> None:
        settings = dataclasses.replace(
            OFF,
            equaliser_probability=1.0,
            equaliser_deviation_db=0.0,
            low_pass_probability=1.0,
            low_pass_min_hz=4000.0,
            low_pass_max_hz=4000.0,
        )
        for hertz, want in ((1000.0, 0.0), (3500.0, 0.0), (4000.0, -30.0), (4500.0, -60.0), (7000.0, -60.0)):
            out = run(tone(hertz, 3 * GRID), [3 * GRID], settings)[0][0, 8000:-8000]
            self.assertAlmostEqual(decibels(out.square().mean().item() / 0.125), want, delta=0.6)

    def test_reverberation_keeps_the_direct_sound_and_follows_it(self) -> None:
        settings = dataclasses.replace(OFF, reverberation_probability=1.0)
        audio = torch.zeros(4, 3 * GRID)
        audio[:, 12_000] = 0.5
        out = run(audio, [3 * GRID, 3 * GRID, 3 * GRID, 13_000], settings)[0]
        self.assertLess(out[:, :12_000].abs().max().item(), 1e-6)
        assert_near(out[:, 12_000], torch.full((4,), 0.5), 1e-5)
        self.assertLess(out[:, 12_001:12_032].abs().max().item(), 1e-6)
        self.assertGreater(out[0, 12_033:].abs().max().item(), 1e-4)
        self.assertEqual(out[3, 13_000:].abs().max().item(), 0.0)
        self.assertLess(out[:3, 12_001 + IMPULSE_SAMPLES :].abs().max().item(), 1e-6)
        # A sound at the end does not come round to the start.
        out = run(audio.roll(18_000, 1), [3 * GRID] * 4, settings)[0]
        self.assertLess(out[:, :30_000].abs().max().item(), 1e-6)

    def test_reverberation_has_the_asked_strength_and_decay(self) -> None:
        settings = AugmentSettings(
            reverberation_probability=1.0,
            reverberation_min=0.5,
            reverberation_max=0.5,
            decay_min_s=0.3,
            decay_max_s=0.3,
        )
        tail = impulse_responses(200, generator(), settings)[:, 1:]
        assert_near(tail.square().sum(1), torch.full((200,), 0.25), 0, 1e-3)
        early, late = (tail[:, start : start + 800].square().mean().item() for start in (800, 800 + 2400))
        self.assertAlmostEqual(decibels(early / late), 60 * 0.15 / 0.3, delta=1.0)


class NoiseTest(unittest.TestCase):
    lengths = (4 * GRID, 2 * GRID, 9000, 33_000)

    def added(self, settings: AugmentSettings, samples: int = 4 * GRID) -> tuple[Tensor, Tensor]:
        """The speech, and what was added to it."""
        audio = speech(list(self.lengths), samples)
        return audio, run(audio, list(self.lengths), settings)[0] - audio

    def test_the_ratio_is_met_over_the_utterance(self) -> None:
        for voices in (0.0, 1.0):
            for want in (0.0, 10.0, 25.0):
                settings = dataclasses.replace(
                    OFF,
                    noise_probability=1.0,
                    babble_probability=voices,
                    noise_snr_min_db=want,
                    noise_snr_max_db=want,
                    babble_snr_min_db=want,
                    babble_snr_max_db=want,
                )
                for samples in (4 * GRID, 9 * GRID):
                    audio, noise = self.added(settings, samples)
                    for row, (length, clean, extra) in enumerate(zip(self.lengths, audio, noise, strict=True)):
                        with self.subTest(voices=voices, want=want, samples=samples, row=row):
                            ratio = clean[:length].square().sum() / extra[:length].square().sum()
                            self.assertAlmostEqual(decibels(ratio.item()), want, delta=0.1)
                            self.assertEqual(extra[length:].abs().max() if length < samples else 0.0, 0.0)

    def test_noise_of_silence_is_relative_to_a_fixed_level(self) -> None:
        settings = dataclasses.replace(
            OFF, noise_probability=1.0, babble_probability=0.0, noise_snr_min_db=20.0, noise_snr_max_db=20.0
        )
        noise = run(torch.zeros(2, 3 * GRID), [3 * GRID, 5000], settings)[0]
        for row, length in zip(noise, (3 * GRID, 5000), strict=True):
            self.assertAlmostEqual(row[:length].square().mean().sqrt().item(), 3e-4, delta=3e-6)

    def test_ratios_are_spread_over_the_range(self) -> None:
        settings = dataclasses.replace(OFF, noise_probability=1.0, babble_probability=0.0)
        audio = speech([GRID], GRID).expand(300, GRID)
        noise = run(audio, [GRID] * 300, settings)[0] - audio
        ratios = 10 * (audio.square().sum(1) / noise.square().sum(1)).log10()
        self.assertGreater(ratios.min().item(), 3.9)
        self.assertLess(ratios.max().item(), 45.1)
        self.assertAlmostEqual(ratios.mean().item(), 24.5, delta=2.0)

    def test_babble_is_others_voices(self) -> None:
        settings = dataclasses.replace(OFF, noise_probability=1.0, babble_probability=1.0, second_voice=0.0)
        audio, noise = self.added(settings)
        for row, length in enumerate(self.lengths):
            pair = torch.stack([noise[row, :length], audio[row - 1, :length]])
            self.assertGreater(torch.corrcoef(pair)[0, 1].item(), 0.999)

    def test_two_utterances_have_noise_instead_of_babble(self) -> None:
        settings = dataclasses.replace(OFF, noise_probability=1.0, babble_probability=1.0)
        audio = speech([GRID, GRID], GRID)
        noise = run(audio, [GRID, GRID], settings)[0] - audio
        self.assertGreater(noise.abs().amax(1).min().item(), 0.0)
        self.assertLess(torch.corrcoef(torch.cat([noise[:1], audio[1:]]))[0, 1].abs().item(), 0.05)

    def test_colour(self) -> None:
        for slope in (0.0, 1.0):
            settings = AugmentSettings(noise_slope_min=slope, noise_slope_max=slope)
            noise = coloured_noise(64, 2 * GRID, generator(), settings)
            self.assertAlmostEqual(noise.square().mean().item(), 1.0, delta=0.05)
            self.assertLess(noise.mean(1).abs().max().item(), 1e-4)
            power = torch.fft.rfft(noise).abs().square().mean(0)
            hertz = torch.linspace(0, SAMPLE_RATE / 2, len(power))
            low, high = (power[(hertz > f * 0.9) & (hertz < f * 1.1)].mean().item() for f in (500.0, 4000.0))
            self.assertAlmostEqual(decibels(low / high), slope * 18.06, delta=1.0)


if __name__ == "__main__":
    unittest.main()
