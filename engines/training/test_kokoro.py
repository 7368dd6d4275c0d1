"""Tests of Kokoro's parts against other ways to compute them; none needs the downloaded assets."""

from __future__ import annotations

import unittest

import kokoro_convert
import numpy as np
import torch
import torch.nn.functional as F
from kokoro_layers import Doubling, dequantise, normalise
from kokoro_model import whole_frames


class TestModel(unittest.TestCase):
    """Weights, layers and frames."""

    def test_dequantisation_is_that_of_numpy(self) -> None:
        rng = np.random.default_rng(0)
        for shape in ((6, 4), (6, 4, 3)):
            values = rng.integers(-128, 128, shape, dtype=np.int8)
            for rows in ((), (6,)):
                scale = rng.uniform(0.01, 0.1, rows).astype(np.float32)
                zero = rng.integers(-200, 200, rows).astype(np.int16)
                spread = tuple(rows) + (1,) * (len(shape) - 1) if rows else ()
                expected = (values.astype(np.float32) - zero.reshape(spread)) * scale.reshape(spread)
                found = dequantise(values, scale, zero)
                np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)

    def test_unsigned_weights_keep_their_value(self) -> None:
        converter = kokoro_convert.Converter.__new__(kokoro_convert.Converter)
        converter.arrays = {}
        values, zero = np.array([[0, 128], [200, 255]], np.uint8), np.array(130, np.uint8)
        converter.put_quantised("w", values, np.array(0.5), zero)
        found = dequantise(converter.arrays["w|q"], converter.arrays["w|s"], converter.arrays["w|z"])
        np.testing.assert_array_equal(found.numpy(), (values.astype(np.float32) - 130) * 0.5)

    def test_names_of_modules_come_from_the_outputs_of_nodes(self) -> None:
        for output, name in {
            "/encoder/F0.0/conv1/Conv_output_0_output_quantized": "predictor.F0.0.conv1",
            "/encoder/text_encoder/cnn.0/cnn.0.0/Conv_output_0_output_quantized": "text_encoder.cnn.0.0",
            "/encoder/predictor/text_encoder/lstms.5/fc/Gemm_output_0_MatMul": "predictor.text_encoder.lstms.5.fc",
            "/decoder/decoder/asr_res/asr_res.0/Conv_output_0_output_quantized": "decoder.asr_res.0",
            "/decoder/decoder/generator/ups.1/ConvTranspose_output_0": "decoder.generator.ups.1",
            "/encoder/bert_encoder/MatMul_output_0_output_quantized": "bert_encoder",
        }.items():
            self.assertEqual(kokoro_convert.parameter_name(output), name)

    def test_doubling_is_a_transposed_convolution(self) -> None:
        torch.manual_seed(0)
        weights = {"pool.weight": torch.randn(5, 1, 3), "pool.bias": torch.randn(5)}
        x = torch.randn(1, 5, 7)
        expected = F.conv_transpose1d(x, weights["pool.weight"], weights["pool.bias"], 2, 1, 1, groups=5)
        torch.testing.assert_close(Doubling(weights, "pool")(x), expected)

    def test_normalisation_is_over_time(self) -> None:
        torch.manual_seed(0)
        x, scale, shift = torch.randn(1, 3, 50) * 4 + 1, torch.randn(3), torch.randn(3)
        torch.testing.assert_close(normalise(x, (scale, shift)), F.instance_norm(x, weight=scale, bias=shift))

    def test_frames_come_in_few_numbers_by_longer_ends(self) -> None:
        frames = whole_frames(np.array([3.0, 0.1, 7.6, 2.0], np.float32), 1.0, 16)
        self.assertEqual(frames.tolist(), [4, 1, 8, 3])
        self.assertEqual(whole_frames(np.full(5, 8.0, np.float32), 2.0, 1).tolist(), [4] * 5)


if __name__ == "__main__":
    unittest.main()
