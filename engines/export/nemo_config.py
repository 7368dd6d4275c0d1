"""What the settings of a `.nemo` file say of its model: what kind it is, its front-end, its durations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from errors import InputError
from nemo_file import CONFIG
from parakeet_sizes import MAX_SYMBOLS, SUBSAMPLING

SAMPLE_RATE = 16_000
# NeMo's defaults, which settings leave out (`FilterbankFeatures`, `ConformerEncoder`).
LOG_GUARD, PREEMPHASIS, POSITIONS = 2.0**-24, 0.97, 5000
# Classes of models by the end of their name, and what they are.
TRANSDUCERS = ("EncDecRNNTBPEModel", "EncDecHybridRNNTCTCBPEModel")
OTHERS = {
    "EncDecCTCModel": "a CTC model",
    "EncDecCTCModelBPE": "a CTC model",
    "EncDecMultiTaskModel": "an attention encoder-decoder (AED), as Canary",
    "EncDecTransfModelBPE": "an attention encoder-decoder (AED)",
    "EncDecRNNTModel": "a transducer over characters",
    "EncDecHybridRNNTCTCModel": "a transducer over characters",
    "EncDecRNNTBPEModelWithPrompt": "a transducer with a prompt",
    "EncDecHybridRNNTCTCBPEModelWithPrompt": "a transducer with a prompt",
}


class Config:
    """The settings, with the words for what is wrong with them."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.where, self.values = f"{path}: {CONFIG}", values

    def get(self, key: str, default: Any = None) -> Any:
        """The value at `a.b.c`; the default where it is missing or null."""
        value: Any = self.values
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    def wrong(self, key: str, expected: str, found: Any) -> InputError:
        """What to raise."""
        return InputError(f"{self.where}: {key}: expected {expected}, found {found}")

    def expect(self, key: str, allowed: tuple[Any, ...], default: Any, meaning: str = "") -> None:
        """Refuses all values but some."""
        value = self.get(key, default)
        if value not in allowed:
            raise self.wrong(key, " or ".join(map(str, allowed)), f"{value}{meaning and f': {meaning}'}")

    def number(self, key: str, default: float | None, low: float, high: float) -> float:
        """A number of a range; without a default it must be there."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, f"a number from {low:g} to {high:g}", value)
        return value

    def check_kind(self) -> None:
        """Refuses what is no offline TDT transducer of FastConformer, by what it is."""
        target = str(self.get("target", "")).rpartition(".")[2]
        if target not in TRANSDUCERS:
            known = OTHERS.get(target, f"{target or 'no class'}, which is unknown here")
            raise self.wrong("target", "a TDT transducer", known)
        encoder = str(self.get("encoder._target_", "")).rpartition(".")[2]
        if encoder != "ConformerEncoder":
            raise self.wrong("encoder._target_", "ConformerEncoder", encoder or "none")
        decoder = str(self.get("decoder._target_", "")).rpartition(".")[2]
        if decoder != "RNNTDecoder":
            raise self.wrong("decoder._target_", "RNNTDecoder, an LSTM", decoder or "none")
        context = self.get("encoder.att_context_size", [-1, -1])
        streams = (
            self.get("encoder.att_context_style", "regular") != "regular"
            or self.get("encoder.causal_downsampling", False)
            or self.get("encoder.conv_context_size") not in (None, [self.half_kernel()] * 2)
        )
        if streams or (context and isinstance(context[0], list)):
            raise self.wrong("encoder", "attention over the whole window", "a cache-aware streaming encoder")
        if list(context) != [-1, -1]:
            raise self.wrong("encoder.att_context_size", "[-1, -1], the whole window", context)
        self.expect("encoder.self_attention_model", ("rel_pos",), "rel_pos")
        self.expect("encoder.subsampling", ("dw_striding",), "striding", "a Conformer, no FastConformer")
        self.expect("encoder.subsampling_factor", (SUBSAMPLING,), 4)
        self.expect("encoder.conv_norm_type", ("batch_norm",), "batch_norm")
        self.expect("encoder.reduction", (None,), None)
        self.expect("decoder.normalization_mode", (None,), None)
        self.expect("decoder.blank_as_pad", (True,), True)
        self.expect("joint.jointnet.activation", ("relu",), "relu")
        loss = self.get("loss.loss_name", "default")
        if loss not in ("default", "tdt"):
            raise self.wrong("loss.loss_name", "tdt", loss)
        kind = self.get("tokenizer.type", "bpe")
        if kind != "bpe":
            raise self.wrong("tokenizer.type", "bpe, a SentencePiece model", kind)

    def half_kernel(self) -> int:
        """Frames that a symmetric depthwise convolution sees on each side."""
        return (int(self.number("encoder.conv_kernel_size", 31, 1, 1001)) - 1) // 2

    def durations(self, extra: int) -> tuple[int, ...]:
        """Entries of the duration head; the joint has `extra` outputs besides tokens and blank."""
        keys = ("model_defaults.tdt_durations", "loss.tdt_kwargs.durations", "decoding.durations")
        key = next((key for key in keys if self.get(key)), None)
        if extra == 0 or key is None:
            raise self.wrong("target", "a TDT transducer", "an RNN-T transducer: its joint has no durations")
        found = self.get(key)
        whole = isinstance(found, list) and all(isinstance(d, int) and not isinstance(d, bool) for d in found)
        if not whole or found != sorted({*found}) or not found or found[0] < 0 or found[-1] < 1:
            raise self.wrong(key, "rising whole numbers", found)
        if len(found) != extra:
            raise self.wrong(key, f"{extra} durations, as many as the joint gives", found)
        return tuple(found)

    def front_end(self) -> dict[str, Any]:
        """The section of a contract."""
        name = "preprocessor"
        target = str(self.get(f"{name}._target_", "")).rpartition(".")[2]
        if target != "AudioToMelSpectrogramPreprocessor":
            raise self.wrong(f"{name}._target_", "AudioToMelSpectrogramPreprocessor", target or "none")
        rate = self.get(f"{name}.sample_rate", SAMPLE_RATE)
        if rate != SAMPLE_RATE:
            raise self.wrong(f"{name}.sample_rate", f"{SAMPLE_RATE} Hz", rate)
        for key, allowed, default in (
            ("window", ("hann",), "hann"),
            ("frame_splicing", (1,), 1),
            ("log", (True,), True),
            ("log_zero_guard_type", ("add",), "add"),
            ("mag_power", (2, 2.0), 2.0),
            ("mel_norm", ("slaney",), "slaney"),
            ("exact_pad", (False,), False),
        ):
            self.expect(f"{name}.{key}", allowed, default)
        window = int(self.number(f"{name}.window_size", 0.02, 0.001, 0.5) * rate)
        normalization = {"per_feature": "per_feature", "NA": "none", "none": "none"}.get(
            str(self.get(f"{name}.normalize", "none"))
        )
        if normalization is None:
            raise self.wrong(f"{name}.normalize", "per_feature or NA", self.get(f"{name}.normalize"))
        return {
            "mel_bins": int(self.number(f"{name}.features", 64, 1, 1024)),
            "window": window,
            "hop": int(self.number(f"{name}.window_stride", 0.01, 0.001, 0.5) * rate),
            "fft": int(self.number(f"{name}.n_fft", 1 << (window - 1).bit_length(), 2, 1 << 16)),
            "preemphasis": self.number(f"{name}.preemph", PREEMPHASIS, 0.0, 1.0),
            "low_hz": float(self.number(f"{name}.lowfreq", 0.0, 0.0, rate / 2)),
            "high_hz": float(self.number(f"{name}.highfreq", rate / 2, 1.0, rate / 2)),
            "log_guard": self.number(f"{name}.log_zero_guard_value", LOG_GUARD, 1e-30, 1.0),
            "normalization": normalization,
        }

    def positions(self) -> int:
        """Longest window in encoder frames."""
        return int(self.number("encoder.pos_emb_max_len", POSITIONS, 1, 1 << 17))

    def max_symbols(self) -> int:
        """Tokens at most on one frame."""
        return int(self.number("decoding.greedy.max_symbols", MAX_SYMBOLS, 1, 1000))
