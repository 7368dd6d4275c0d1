"""Kokoro-82M in plain PyTorch, for making speech only: one utterance at a time, about 560 kernels each.

Weights are those of the int8 ONNX file (`kokoro_convert.py`). The GPU is waited for once in an utterance, to read the
durations. The number of frames is kept to few values, by lengthening the silence at both ends: cuDNN plans each shape
anew, which would take longer than the work itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from kokoro_layers import LeakyBlock, Style, StyleProjections, Weights, load_weights, make_lstm
from kokoro_vocoder import SAMPLE_RATE, Vocoder
from torch import Tensor

__all__ = ["MAX_TOKENS", "SAMPLE_RATE", "Kokoro"]

# A voice has a style for each number of phonemes up to this.
MAX_TOKENS = 510
STYLE = 256
ALBERT_LAYERS, HEADS, HEAD_DIM = 12, 12, 64


def linear(weights: Weights, name: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer or a norm."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


class Albert:
    """The language model over phonemes: one layer, used twelve times."""

    def __init__(self, weights: Weights) -> None:
        embeddings, layer = "bert.embeddings", "bert.encoder.albert_layer_groups.0.albert_layers.0"
        self.words = weights[f"{embeddings}.word_embeddings.weight"]
        kinds = weights[f"{embeddings}.token_type_embeddings.weight"]
        self.positions = weights[f"{embeddings}.position_embeddings.weight"] + kinds[0]
        self.norm = linear(weights, f"{embeddings}.LayerNorm")
        self.widen = linear(weights, "bert.encoder.embedding_hidden_mapping_in")
        parts = [linear(weights, f"{layer}.attention.{part}") for part in ("query", "key", "value")]
        self.query_key_value = (torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts]))
        self.dense = linear(weights, f"{layer}.attention.dense")
        self.attention_norm = linear(weights, f"{layer}.attention.LayerNorm")
        self.inner, self.outer = linear(weights, f"{layer}.ffn"), linear(weights, f"{layer}.ffn_output")
        self.layer_norm = linear(weights, f"{layer}.full_layer_layer_norm")
        self.out = linear(weights, "bert_encoder")

    def __call__(self, ids: Tensor) -> Tensor:
        """[n] to [n, 512]."""
        n, width = ids.shape[0], HEADS * HEAD_DIM
        x = F.layer_norm(self.words[ids] + self.positions[:n], (128,), *self.norm, 1e-12)
        x = F.linear(x, *self.widen)
        for _ in range(ALBERT_LAYERS):
            q, k, v = F.linear(x, *self.query_key_value).view(n, 3, HEADS, HEAD_DIM).permute(1, 2, 0, 3)[:, None]
            y = F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).reshape(n, width)
            x = F.layer_norm(F.linear(y, *self.dense).add_(x), (width,), *self.attention_norm, 1e-12)
            y = F.linear(F.gelu(F.linear(x, *self.inner), approximate="tanh"), *self.outer)
            x = F.layer_norm(y.add_(x), (width,), *self.layer_norm, 1e-12)
        return F.linear(x, *self.out)


class TextEncoder:
    """Phonemes for the decoder: three convolutions and an LSTM."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.embedding = weights["text_encoder.embedding.weight"]
        self.layers = [
            (
                linear(weights, f"text_encoder.cnn.{i}.0"),
                (weights[f"text_encoder.cnn.{i}.1.gamma"], weights[f"text_encoder.cnn.{i}.1.beta"]),
            )
            for i in range(3)
        ]
        self.lstm = make_lstm(weights, "text_encoder.lstm", 512, device)

    def __call__(self, ids: Tensor) -> Tensor:
        """[n] to [1, n, 512]."""
        x = self.embedding[ids].t()[None]
        for convolution, norm in self.layers:
            x = F.conv1d(x, *convolution, 1, 2)
            x = F.layer_norm(x.transpose(1, 2), (512,), *norm, 1e-5)
            x = F.leaky_relu_(x, 0.2).transpose(1, 2)
        return self.lstm(x.transpose(1, 2))[0]


class Prosody:
    """How long each phoneme is, and the curves of pitch and loudness."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.encoder = [make_lstm(weights, f"predictor.text_encoder.lstms.{i}", 640, device) for i in (0, 2, 4)]
        self.norms = [f"predictor.text_encoder.lstms.{i}" for i in (1, 3, 5)]
        self.lstm = make_lstm(weights, "predictor.lstm", 640, device)
        self.shared = make_lstm(weights, "predictor.shared", 640, device)
        self.duration = linear(weights, "predictor.duration_proj.linear_layer")
        self.blocks = [[LeakyBlock(weights, f"predictor.{curve}.{i}") for i in range(3)] for curve in ("F0", "N")]
        self.projections = [linear(weights, f"predictor.{curve}_proj") for curve in ("F0", "N")]

    def encode(self, x: Tensor, style: Tensor, norms: Style) -> Tensor:
        """[1, n, 512] to [1, n, 640]; the style [1, 128] is beside the phonemes at every step."""
        beside = style[:, None].expand(1, x.shape[1], 128)
        x = torch.cat([x, beside], 2)
        for lstm, norm in zip(self.encoder, self.norms, strict=True):
            x = lstm(x)[0]
            x = torch.cat([F.layer_norm(x, (512,), *norms[norm], 1e-5), beside], 2)
        return x

    def durations(self, x: Tensor) -> Tensor:
        """[1, n, 640] to frames for each phoneme, [n]: the sum of 50 probabilities."""
        return torch.sigmoid_(F.linear(self.lstm(x)[0][0], *self.duration)).sum(1)

    def curves(self, x: Tensor, norms: Style) -> tuple[Tensor, Tensor]:
        """[1, frames, 640] to pitch in Hz and loudness, [1, 1, 2 frames] each."""
        shared = self.shared(x)[0].transpose(1, 2).contiguous()
        pitch = loudness = shared
        for pitch_block, loudness_block in zip(*self.blocks, strict=True):
            pitch, loudness = pitch_block(pitch, norms), loudness_block(loudness, norms)
        return F.conv1d(pitch, *self.projections[0]), F.conv1d(loudness, *self.projections[1])


def whole_frames(durations: np.ndarray, speed: float, multiple: int) -> np.ndarray:
    """Frames for each phoneme, at least 1; the ends are lengthened to make the sum a multiple of `multiple`."""
    frames = np.maximum(np.round(durations / float(speed)), 1).astype(np.int64)
    missing = -int(frames.sum()) % multiple
    frames[0] += missing // 2
    frames[-1] += missing - missing // 2
    return frames


class Kokoro:
    """The model on one device."""

    def __init__(self, path: Path, device: torch.device, noise: bool = True, frame_multiple: int = 16) -> None:
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = False
        self.device, self.frame_multiple = device, frame_multiple
        weights = load_weights(path, device)
        self.prosody_style = StyleProjections(weights, "predictor.")
        self.decoder_style = StyleProjections(weights, "decoder.")
        self.albert = Albert(weights)
        self.text = TextEncoder(weights, device)
        self.prosody = Prosody(weights, device)
        self.vocoder = Vocoder(weights, device, noise)

    @torch.inference_mode()
    def __call__(
        self, tokens: Sequence[int], style: np.ndarray, speed: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Phonemes without end marks and a style [256] to [samples] at 24 kHz, on the device; noise of `generator`."""
        ids = torch.tensor([0, *tokens, 0], device=self.device)
        both = torch.as_tensor(np.asarray(style, np.float32).reshape(1, STYLE)).to(self.device, non_blocking=True)
        decoder_half, prosody_half = both[:, : STYLE // 2], both[:, STYLE // 2 :]
        prosody_norms, decoder_norms = self.prosody_style(prosody_half), self.decoder_style(decoder_half)
        encoded = self.prosody.encode(self.albert(ids)[None], prosody_half, prosody_norms)
        durations = self.prosody.durations(encoded)
        text = self.text(ids)
        # The one wait for the GPU; the text was sent before it, to be computed meanwhile.
        frames = whole_frames(durations.float().cpu().numpy(), speed, self.frame_multiple)
        phoneme = torch.from_numpy(np.repeat(np.arange(len(frames)), frames)).to(self.device, non_blocking=True)
        pitch, loudness = self.prosody.curves(encoded[0].index_select(0, phoneme)[None], prosody_norms)
        spread = text[0].index_select(0, phoneme).t()[None].contiguous()
        return self.vocoder(spread, pitch, loudness, decoder_norms, generator)
