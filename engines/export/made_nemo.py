#!/usr/bin/env python3
"""Writes a `.nemo` file with random weights, laid out as NeMo does it: for tests, and to try full size.

usage: made_nemo.py FILE.nemo [--size tiny|full]
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

ENGINES = Path(__file__).resolve().parent.parent
sys.path.append(str(ENGINES))

import numpy as np
import probe
import torch
import yaml
from parakeet_contract import FRONT_END
from parakeet_sizes import Sizes
from random_parakeet_layouts import pieces
from random_parakeet_weights import FULL, RandomWeights
from sentencepiece import sentencepiece_model_pb2

TINY = Sizes(layers=2, dim=16, heads=2, feed_forward=32, channels=4, positions=64, pieces=30, hidden=12, joint=12)
SIZES = {"tiny": TINY, "full": FULL}
SEED = 7
# NeMo puts a hash before the names of files that settings refer to.
PREFIX = "0123456789abcdef0123456789abcdef_"
# Fixed, so that the same arguments make the same file.
TIME = 0

State = dict[str, torch.Tensor]


def tokenizer(count: int) -> bytes:
    """A SentencePiece model of made-up pieces, the first of which is unknown."""
    model = sentencepiece_model_pb2.ModelProto()
    model.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    model.trainer_spec.unk_id, model.trainer_spec.bos_id, model.trainer_spec.eos_id = 0, -1, -1
    made = pieces()
    for number in range(count):
        kind = sentencepiece_model_pb2.ModelProto.SentencePiece
        model.pieces.add(piece=next(made), score=-float(number), type=kind.NORMAL if number else kind.UNKNOWN)
    return model.SerializeToString(deterministic=True)


def config(sizes: Sizes, streaming: bool = False) -> dict[str, Any]:
    """Settings as NeMo writes them beside a model, but for those of training and data."""
    durations = list(sizes.durations)
    return {
        "sample_rate": 16000,
        "target": "nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel",
        "nemo_version": "2.4.0",
        "model_defaults": {
            "enc_hidden": sizes.dim,
            "pred_hidden": sizes.hidden,
            "joint_hidden": sizes.joint,
            "tdt_durations": durations,
            "num_tdt_durations": len(durations),
        },
        "tokenizer": {
            "dir": None,
            "type": "bpe",
            "model_path": f"nemo:{PREFIX}tokenizer.model",
            "vocab_path": f"nemo:{PREFIX}vocab.txt",
            "spe_tokenizer_vocab": f"nemo:{PREFIX}tokenizer.vocab",
        },
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "sample_rate": "${model.sample_rate}",
            "normalize": "per_feature",
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "features": sizes.mel_bins,
            "n_fft": 512,
            "log": True,
            "frame_splicing": 1,
            "dither": 1e-5,
            "pad_to": 0,
            "pad_value": 0.0,
        },
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConformerEncoder",
            "feat_in": "${model.preprocessor.features}",
            "feat_out": -1,
            "n_layers": sizes.layers,
            "d_model": "${model.model_defaults.enc_hidden}",
            "use_bias": sizes.biases,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": sizes.channels,
            "causal_downsampling": False,
            "reduction": None,
            "reduction_position": None,
            "reduction_factor": 1,
            "ff_expansion_factor": sizes.feed_forward // sizes.dim,
            "self_attention_model": "rel_pos",
            "n_heads": sizes.heads,
            "att_context_size": [70, 13] if streaming else [-1, -1],
            "att_context_style": "chunked_limited" if streaming else "regular",
            "xscaling": sizes.scaled,
            "untie_biases": True,
            "pos_emb_max_len": sizes.positions,
            "conv_kernel_size": sizes.kernel,
            "conv_norm_type": "batch_norm",
            "conv_context_size": "causal" if streaming else None,
            "dropout": 0.1,
        },
        "decoder": {
            "_target_": "nemo.collections.asr.modules.RNNTDecoder",
            "normalization_mode": None,
            "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {
                "pred_hidden": sizes.hidden,
                "pred_rnn_layers": sizes.lstm_layers,
                "t_max": None,
                "dropout": 0.2,
            },
            "vocab_size": sizes.pieces,
        },
        "joint": {
            "_target_": "nemo.collections.asr.modules.RNNTJoint",
            "log_softmax": None,
            "num_extra_outputs": len(durations),
            "jointnet": {
                "joint_hidden": "${model.model_defaults.joint_hidden}",
                "activation": "relu",
                "dropout": 0.2,
                "encoder_hidden": sizes.dim,
                "pred_hidden": sizes.hidden,
            },
            "num_classes": sizes.pieces,
        },
        "decoding": {
            "strategy": "greedy_batch",
            "model_type": "tdt",
            "durations": durations,
            "greedy": {"max_symbols": 10},
        },
        "loss": {"loss_name": "tdt", "tdt_kwargs": {"durations": durations, "sigma": 0.02, "omega": 0.1}},
    }


def state(sizes: Sizes, seed: int = SEED) -> State:
    """All that a model's `state_dict` has, in NeMo's names."""
    weights = RandomWeights(sizes, seed)
    found = {name: torch.from_numpy(weights[name]) for name in weights.shapes}
    for layer in range(sizes.layers):
        found[f"encoder.layers.{layer}.conv.batch_norm.num_batches_tracked"] = torch.tensor(1000)
    front_end = FRONT_END | {"mel_bins": sizes.mel_bins}
    found["preprocessor.featurizer.window"] = torch.hann_window(400, periodic=False)
    found["preprocessor.featurizer.fb"] = torch.from_numpy(probe.mel_filterbank(front_end, 16000))[None]
    return found


def hybrid(settings: dict[str, Any], weights: State, sizes: Sizes) -> tuple[dict[str, Any], State]:
    """The same with a CTC decoder beside it, as hybrid models have it."""
    target = "nemo.collections.asr.models.hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel"
    aux = {"ctc_loss_weight": 0.3, "decoder": {"_target_": "nemo.collections.asr.modules.ConvASRDecoder"}}
    scores = {
        "ctc_decoder.decoder_layers.0.weight": torch.zeros(sizes.pieces + 1, sizes.dim, 1),
        "ctc_decoder.decoder_layers.0.bias": torch.zeros(sizes.pieces + 1),
    }
    return settings | {"target": target, "aux_ctc": aux}, weights | scores


def write(path: Path, settings: Mapping[str, Any], weights: State, count: int) -> None:
    """The archive: settings, weights, and a tokenizer of `count` pieces."""
    listed = [piece for piece, _ in zip(pieces(), range(count), strict=False)]
    texts = {
        "model_config.yaml": yaml.safe_dump(dict(settings), sort_keys=False).encode(),
        f"{PREFIX}tokenizer.model": tokenizer(count),
        f"{PREFIX}vocab.txt": "".join(f"{piece}\n" for piece in listed).encode(),
        f"{PREFIX}tokenizer.vocab": "".join(f"{piece}\t-{n}\n" for n, piece in enumerate(listed)).encode(),
    }
    with tempfile.TemporaryDirectory(dir=path.parent) as work, tarfile.open(path, "w:") as archive:
        for name, data in texts.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mtime = len(data), TIME
            archive.addfile(member, io.BytesIO(data))
        copy = Path(work) / "model_weights.ckpt"
        torch.save(weights, copy)
        member = tarfile.TarInfo("./model_weights.ckpt")
        member.size, member.mtime = copy.stat().st_size, TIME
        with copy.open("rb") as stream:
            archive.addfile(member, stream)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="FILE.nemo")
    parser.add_argument("--size", choices=SIZES, default="tiny", help="full: 2.5 GB (default: %(default)s)")
    options = parser.parse_args()
    sizes = SIZES[options.size]
    write(options.out, config(sizes), state(sizes), sizes.pieces)
    print(f"made_nemo: {options.out}: {asdict(sizes)}")


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
