"""The weights of a `.nemo` file as the writer of graphs wants them: by name, every shape checked, nothing left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import probe
import torch
from errors import InputError
from nemo_config import SAMPLE_RATE, Config
from nemo_file import WEIGHTS
from parakeet_graph import LARGE
from parakeet_sizes import Shape, Sizes, parameters, statistics
from torch import Tensor

# What inference does not use, or what the layers hold as well (`pos_bias`, where the layers share it).
UNUSED = re.compile(
    r"^(preprocessor|ctc_decoder|spec_augmentation|loss|wer|ctc_wer)\.|\.num_batches_tracked$|^encoder\.pos_"
)
# The joint's last linear: NeMo counts the dropout before it, if there is one.
LAST, LAST_WITHOUT_DROPOUT = "joint.joint_net.2.", "joint.joint_net.1."
LAYER = re.compile(r"^encoder\.layers\.(\d+)\.")
LSTM = "decoder.prediction.dec_rnn.lstm."
FIRST = "encoder.layers.0."
# Largest difference between a filterbank or a window of the file and ours.
FRONT_END = 1e-6


class NemoWeights:
    """Arrays by NeMo's names, f32."""

    def __init__(self, path: Path, state: Mapping[str, Tensor], config: Config) -> None:
        self.where = f"{path}: {WEIGHTS}"
        self.state = {
            name.replace(LAST_WITHOUT_DROPOUT, LAST): tensor
            for name, tensor in state.items()
            if not UNUSED.search(name)
        }
        self.sizes = self.measured(config)
        self.shapes = parameters(self.sizes) | statistics(self.sizes)
        missing, others = sorted(self.shapes.keys() - self.state.keys()), sorted(self.state.keys() - self.shapes.keys())
        if missing or others:
            raise InputError(
                f"{self.where}: expected the weights of FastConformer, LSTM and joint: "
                f"not found {missing[:3]}, found besides {others[:3]}"
            )
        for name, shape in self.shapes.items():
            self.check(name, shape)
        blank = self["decoder.prediction.embed.weight"][-1]
        if blank.any():
            raise InputError(f"{self.where}: decoder.prediction.embed.weight: expected zeros for blank, found others")

    def check(self, name: str, shape: Shape) -> None:
        """One tensor's shape, kind and values."""
        tensor = self.state[name]
        if tuple(tensor.shape) != shape:
            raise InputError(f"{self.where}: {name}: expected shape {list(shape)}, found {list(tensor.shape)}")
        if not tensor.is_floating_point():
            raise InputError(f"{self.where}: {name}: expected floats, found {tensor.dtype}")
        if not torch.isfinite(tensor).all():
            raise InputError(f"{self.where}: {name}: expected finite values, found others")

    def shape(self, name: str, rank: int) -> Shape:
        """Of a tensor that sizes are read of."""
        tensor = self.state.get(name)
        if tensor is None or tensor.dim() != rank or 0 in tensor.shape:
            found = "none" if tensor is None else f"shape {list(tensor.shape)}"
            raise InputError(f"{self.where}: {name}: expected a tensor of {rank} axes, found {found}")
        return tuple(tensor.shape)

    def measured(self, config: Config) -> Sizes:
        """Sizes by the weights' shapes; what shapes do not tell, by the settings."""
        layers = [int(match[1]) for name in self.state if (match := LAYER.match(name))]
        pieces, hidden = self.shape("decoder.prediction.embed.weight", 2)
        classes, joint = self.shape(f"{LAST}weight", 2)
        heads, _ = self.shape(f"{FIRST}self_attn.pos_bias_u", 2)
        sizes = Sizes(
            layers=1 + max(layers, default=0),
            dim=self.shape("encoder.pre_encode.out.weight", 2)[0],
            heads=heads,
            feed_forward=self.shape(f"{FIRST}feed_forward1.linear1.weight", 2)[0],
            channels=self.shape("encoder.pre_encode.conv.0.weight", 4)[0],
            positions=config.positions(),
            pieces=pieces - 1,
            hidden=hidden,
            joint=joint,
            mel_bins=config.front_end()["mel_bins"],
            kernel=self.shape(f"{FIRST}conv.depthwise_conv.weight", 3)[2],
            lstm_layers=sum(name.startswith(f"{LSTM}weight_ih_l") for name in self.state),
            durations=config.durations(classes - pieces),
            biases=f"{FIRST}feed_forward1.linear1.bias" in self.state,
            scaled=bool(config.get("encoder.xscaling", True)),
        )
        for key, found in (
            ("encoder.n_layers", sizes.layers),
            ("encoder.d_model", sizes.dim),
            ("encoder.n_heads", sizes.heads),
            ("encoder.conv_kernel_size", sizes.kernel),
            ("decoder.prednet.pred_hidden", sizes.hidden),
            ("decoder.prednet.pred_rnn_layers", sizes.lstm_layers),
            ("joint.jointnet.joint_hidden", sizes.joint),
        ):
            if config.get(key, found) != found:
                raise config.wrong(key, f"{found}, as the weights have it", config.get(key))
        if sizes.kernel % 2 == 0 or sizes.dim % sizes.heads:
            raise InputError(f"{self.where}: expected an odd kernel and a width that the heads divide, found {sizes}")
        return sizes

    def __getitem__(self, name: str) -> np.ndarray:
        """Read when it is asked for."""
        array: np.ndarray = self.state[name].float().contiguous().numpy()
        return array


class Halved:
    """Weights whose matrices are rounded to f16. What a graph folds, and single rows, stay as they are."""

    def __init__(self, weights: NemoWeights) -> None:
        self.weights, self.sizes, self.shapes, self.where = weights, weights.sizes, weights.shapes, weights.where

    def __getitem__(self, name: str) -> np.ndarray:
        """f32 all the same."""
        array = self.weights[name]
        if array.ndim < 2 or array.size < LARGE or "depthwise_conv" in name:
            return array
        with np.errstate(over="ignore"):
            rounded = array.astype(np.float16)
        if not np.isfinite(rounded).all():
            raise InputError(
                f"{self.where}: {name}: expected weights within 65504, the range of f16, found others; "
                "--precision fp32 keeps them"
            )
        return rounded.astype(np.float32)


def check_front_end(path: Path, state: Mapping[str, Tensor], front_end: Mapping[str, Any]) -> None:
    """The file's own filterbank and window, where it has them, against those of the settings."""
    width = front_end["window"]
    taps = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(width) / (width - 1))).astype(np.float32)
    for name, expected in (
        ("fb", probe.mel_filterbank(dict(front_end), SAMPLE_RATE)),
        ("window", taps),
    ):
        key = f"preprocessor.featurizer.{name}"
        if key not in state:
            continue
        found = state[key].float().numpy().reshape(-1)
        if found.shape != expected.reshape(-1).shape:
            raise InputError(
                f"{path}: {WEIGHTS}: {key}: expected {list(expected.shape)} as the settings say, found "
                f"{list(state[key].shape)}"
            )
        difference = float(np.abs(found - expected.reshape(-1)).max())
        if not difference <= FRONT_END:
            raise InputError(
                f"{path}: {WEIGHTS}: {key}: expected that of the settings within {FRONT_END:g}, found {difference:.1e} off"
            )
