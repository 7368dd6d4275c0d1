"""A Parakeet-TDT `.nemo` file through NeMo itself, with the interface of `decode.Model`.

Written against the API of NeMo 2.4 (`ASRModel.restore_from`, `EncDecRNNTBPEModel`), not run here: the lock file has no
NeMo, and the project has no such weights.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from errors import InputError
from words import BLANK

State = list[torch.Tensor] | tuple[torch.Tensor, torch.Tensor]


def derive_contract(file: Path, sha256: str, model: Any, pieces: list[str]) -> dict[str, Any]:
    """A contract of what the model's own settings say. It names the `.nemo` file where a model folder has graphs."""
    cfg, featurizer = model.cfg, model.preprocessor.featurizer
    encoder, predictor = cfg.encoder, cfg.decoder.prednet
    durations = cfg.model_defaults.get("tdt_durations")
    if durations is None:
        raise InputError(f"{file}: model_defaults.tdt_durations: expected the durations of a TDT model, found none")
    if featurizer.normalize != "per_feature":
        raise InputError(f"{file}: preprocessor.normalize: expected per_feature, found {featurizer.normalize}")
    rate, stride = cfg.preprocessor.sample_rate, encoder.subsampling_factor
    graph = {"file": file.name, "sha256": sha256, "inputs": [], "outputs": []}
    text = "".join(f"{piece} {number}\n" for number, piece in enumerate(pieces))
    # Settings may leave a value out or hold None for it; the featurizer has what is in force, but for the edges in Hz.
    return {
        "format": "dictoscope-contract-1",
        "name": file.stem,
        "languages": [],
        "weights": "f32",
        "sample_rate": rate,
        "front_end": {
            "mel_bins": featurizer.nfilt,
            "window": featurizer.win_length,
            "hop": featurizer.hop_length,
            "fft": featurizer.n_fft,
            "preemphasis": featurizer.preemph,
            "low_hz": cfg.preprocessor.get("lowfreq") or 0.0,
            "high_hz": cfg.preprocessor.get("highfreq") or rate / 2.0,
            "log_guard": featurizer.log_zero_guard_value,
            "normalization": "per_feature",
        },
        "encoder": {
            "subsampling": stride,
            "dim": encoder.d_model,
            "max_mel_frames": encoder.pos_emb_max_len * stride,
            "length_masks": True,
        },
        "predictor": {"layers": predictor.pred_rnn_layers, "hidden": predictor.pred_hidden},
        "vocabulary": {
            "file": "vocab.txt",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "size": len(pieces) - 1,
            "blank": len(pieces) - 1,
        },
        "durations": list(durations),
        "max_symbols": cfg.decoding.get("greedy", {}).get("max_symbols") or 10,
        "graphs": {"encoder": graph, "predictor": graph, "joint": graph},
    }


class NemoModel:
    """A model restored by NeMo on the CPU. Arrays are f32 NumPy, without a batch axis, time first."""

    def __init__(self, file: Path, contract: Path | None) -> None:
        try:
            import nemo
            from nemo.collections.asr.models import ASRModel
        except ImportError as error:
            raise InputError(f"--nemo: expected the package nemo_toolkit[asr], found: {error}") from None
        if not file.is_file():
            raise InputError(f"{file}: expected a .nemo file, found none")
        sha256 = hashlib.sha256()
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha256.update(block)
        self.version = nemo.__version__
        self.model = ASRModel.restore_from(str(file), map_location="cpu").float().eval()
        # Otherwise the joint answers log-probabilities over both heads together on a CPU, and raw logits on a GPU.
        self.model.joint.log_softmax = False
        self.model.preprocessor.featurizer.dither = 0.0
        self.model.preprocessor.featurizer.pad_to = 0
        tokenizer = self.model.tokenizer
        self.pieces = [*tokenizer.ids_to_tokens(list(range(tokenizer.vocab_size))), BLANK]
        self.contract: dict[str, Any] = (
            json.loads(contract.read_text(encoding="utf-8"))
            if contract
            else derive_contract(file, sha256.hexdigest(), self.model, self.pieces)
        )
        if self.contract["vocabulary"]["size"] != len(self.pieces) - 1:
            size = self.contract["vocabulary"]["size"]
            raise InputError(f"{contract}: vocabulary.size: expected {len(self.pieces) - 1} as in {file}, found {size}")

    def engine(self) -> dict[str, Any]:
        """The `engine` section of a trace's header."""
        return {
            "engine": f"NeMo {self.version}, PyTorch {torch.__version__}",
            "device": f"CPU, {torch.get_num_threads()} threads",
            "precision": "f32",
            "arithmetic": "f32",
            "model": self.contract["name"],
            "encoder_sha256": self.contract["graphs"]["encoder"]["sha256"],
        }

    @torch.inference_mode()
    def features(self, samples: np.ndarray) -> np.ndarray:
        """[samples] at 16 kHz to [mel_frames, mel_bins]; the masked frame at the end is left out."""
        signal, length = torch.from_numpy(samples)[None], torch.tensor([len(samples)])
        mel, lengths = self.model.preprocessor(input_signal=signal, length=length)
        frames = min(int(lengths[0]), len(samples) // self.contract["front_end"]["hop"])
        return mel[0, :, :frames].T.contiguous().numpy()

    @torch.inference_mode()
    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[mel_frames, mel_bins] to [encoder_frames, dim]."""
        signal = torch.from_numpy(mel).T[None].contiguous()
        encoded, lengths = self.model.encoder(audio_signal=signal, length=torch.tensor([len(mel)]))
        return encoded[0, :, : int(lengths[0])].T.contiguous().numpy()

    @torch.inference_mode()
    def predict(self, token: int, state: State | None) -> tuple[np.ndarray, State]:
        """The output [hidden] after `token`, and the next state; `None` is the zero state."""
        output, state = self.model.decoder.predict(torch.tensor([[token]]), state, add_sos=False, batch_size=1)
        return output[0, 0].numpy(), state

    @torch.inference_mode()
    def joint(self, frame: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """[dim] and [hidden] to the raw logits: tokens, blank, durations."""
        logits = self.model.joint.joint(torch.from_numpy(frame)[None, None], torch.from_numpy(prediction)[None, None])
        return logits[0, 0, 0].numpy()
