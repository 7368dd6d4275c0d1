"""Watching a run, its schedules, the band offset, and the teacher's distance."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from band import band_offset
from mel import ModelMel, WhisperMel
from model import DECIMAL
from schedule import distil_weight, rate_share
from settings import Settings
from trainer import distance
from watch import GRACE_INTERVALS, LEAST_GAIN, MOST_RETURNS, PATIENCE, Verdict, Watch


class Losses(unittest.TestCase):
    """When a run goes back, and when it ends."""

    def watch(self) -> Watch:
        """One that has settled at 0.6."""
        watch = Watch()
        for i in range(GRACE_INTERVALS + 1):
            self.assertIs(watch.interval(3.0 - i * 0.4), Verdict.GOOD)
        return watch

    def test_a_rise_in_the_grace_time_is_no_jump(self) -> None:
        watch = Watch()
        watch.interval(2.0)
        self.assertIs(watch.interval(9.0), Verdict.GOOD)

    def test_a_jump_goes_back_at_half_the_rate(self) -> None:
        watch = self.watch()
        self.assertIs(watch.interval(0.7), Verdict.GOOD)
        self.assertIs(watch.interval(1.5), Verdict.GO_BACK)
        self.assertEqual((watch.rate_factor, watch.best), (0.5, 3.0 - GRACE_INTERVALS * 0.4))

    def test_not_a_number_goes_back_even_in_the_grace_time(self) -> None:
        self.assertIs(Watch().interval(float("nan")), Verdict.GO_BACK)

    def test_too_many_jumps_end_the_run(self) -> None:
        watch = self.watch()
        verdicts = [watch.interval(9.0) for _ in range(MOST_RETURNS + 1)]
        self.assertEqual(verdicts, [Verdict.GO_BACK] * MOST_RETURNS + [Verdict.STOP])

    def test_validations_that_do_not_gain_end_the_run(self) -> None:
        watch = Watch()
        self.assertIs(watch.validation(20.0), Verdict.GOOD)
        for _ in range(PATIENCE - 1):
            self.assertIs(watch.validation(20.0 - LEAST_GAIN / 2), Verdict.GOOD)
        self.assertIs(watch.validation(20.0), Verdict.STOP)
        self.assertIs(watch.validation(19.0), Verdict.GOOD)


class Schedules(unittest.TestCase):
    """Rates and weights over the run."""

    def test_rate_rises_then_falls(self) -> None:
        settings = Settings(warmup_steps=100, final_share=0.1)
        self.assertAlmostEqual(rate_share(settings, 0.0, 49), 0.5)
        self.assertAlmostEqual(rate_share(settings, 0.0, 1000), 1.0)
        self.assertAlmostEqual(rate_share(settings, 0.5, 1000), 0.55)
        self.assertAlmostEqual(rate_share(settings, 1.0, 1000), 0.1)
        self.assertAlmostEqual(rate_share(settings, 1.7, 1000), 0.1)

    def test_distillation_falls_to_its_last_weight(self) -> None:
        settings = Settings(distil_first=1.0, distil_last=0.2, distil_until=0.5)
        self.assertEqual([round(distil_weight(settings, p), 3) for p in (0.0, 0.25, 0.5, 1.0)], [1.0, 0.6, 0.2, 0.2])


class Bands(unittest.TestCase):
    """The offset between the two front-ends."""

    def test_it_brings_the_features_onto_whispers_scale(self) -> None:
        random = np.random.default_rng(1)
        noise = (random.normal(size=32000) * 3000).astype(np.int16)
        offset = band_offset([(noise, "")])
        other = torch.from_numpy((random.normal(size=(1, 32000)) * 0.02).astype(np.float32))
        ours, theirs = ModelMel()(other)[0] * DECIMAL, WhisperMel().decimal(other)[0]
        before = (theirs - ours).mean(1).abs().max()
        after = (theirs - ours).mean(1).sub(offset).abs().max()
        self.assertGreater(float(before), 1.0)
        self.assertLess(float(after), 0.1)


class Teacher(unittest.TestCase):
    """The distance of two encoders' outputs."""

    def test_scale_does_not_count_and_padding_neither(self) -> None:
        torch.manual_seed(1)
        a = torch.randn(2, 10, 16)
        b = a * 3.0 + 1.0
        b[1, 4:] = 100.0 * torch.randn(6, 16)
        self.assertAlmostEqual(float(distance(a, b, torch.tensor([20, 8]))), 0.0, places=5)
        self.assertGreater(float(distance(a, b, torch.tensor([20, 20]))), 0.1)


if __name__ == "__main__":
    unittest.main()
