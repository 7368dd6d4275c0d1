"""The two synthesisers behind one interface: plan on the CPU, launch on the device, finish to int16 at 16 kHz."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from errors import InputError
from phonemes import Phonemes, import_hibari
from synthesis_audio import finish
from synthesis_plan import BLENDS, Choices, Skipped, draw_hibari, draw_kokoro, usable_voices

HIBARI_VOICES = ["heart"]


class Engine(Protocol):
    """What a worker needs; `plan` of the next utterance runs while the device still works on the last."""

    def describe(self) -> str:
        """Device and library, for the record."""

    def plan(self, text: str, rng: random.Random) -> Any:
        """All random choices and the phonemes."""

    def launch(self, job: Any) -> Any:
        """Starts the synthesis."""

    def finish(self, pending: Any) -> np.ndarray:
        """Waits for the sound: int16 [samples] at 16 kHz."""


def kokoro_voices(assets: Path) -> dict[str, np.ndarray]:
    """Kokoro's styles by the names of the voices: f16 [phonemes, 256]."""
    path = assets / "kokoro" / "voices.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in sorted(arrays.files)}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected Kokoro's voices (kokoro_convert.py), found: {error}") from None


@dataclass(frozen=True)
class KokoroJob:
    """Phoneme numbers and style of each sentence, and the choices."""

    parts: list[tuple[list[int], np.ndarray]]
    choices: Choices


class KokoroEngine:
    """Kokoro-82M on one device."""

    def __init__(self, assets: Path, device: str | None, voices: Sequence[str], blends: float = BLENDS) -> None:
        import torch
        from kokoro_model import MAX_TOKENS, SAMPLE_RATE, Kokoro
        from resample import resample

        torch.set_num_threads(1)
        self.torch, self.resample = torch, resample
        self.most_tokens, self.sample_rate = MAX_TOKENS - 1, SAMPLE_RATE
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        if self.device.type == "cuda" and (self.device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"--device: expected one of {torch.cuda.device_count()} GPUs, found {self.device}")
        styles = kokoro_voices(assets)
        self.names, self.blends = list(styles), blends
        self.usable = usable_voices(self.names, only=voices)
        # f32 [voices, 510, 256]
        self.styles = np.stack(list(styles.values())).astype(np.float32)
        self.british = np.array([name.startswith("b") for name in self.names])
        path = assets / "kokoro" / "vocab.json"
        try:
            self.numbers: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))["vocab"]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: expected numbers of phonemes under vocab, found: {error!r}") from None
        accents = {bool(self.british[i]) for i in self.usable}
        self.phonemes = {british: Phonemes(assets, british) for british in accents}
        self.model = Kokoro(assets / "kokoro" / "kokoro.npz", self.device)
        self.noise = torch.Generator(self.device)

    def describe(self) -> str:
        """Device and library, for the record."""
        name = self.torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        return f"{self.device} ({name}), PyTorch {self.torch.__version__}"

    def plan(self, text: str, rng: random.Random) -> KokoroJob:
        """All random choices and the phonemes."""
        choices = draw_kokoro(rng, self.usable, len(self.names), self.blends)
        british = bool(choices.weights[self.british].sum() > 0.5)
        parts = []
        for sentence in self.phonemes[british](text):
            tokens = [self.numbers[p] for p in sentence if p in self.numbers]
            if len(tokens) > self.most_tokens:
                raise Skipped("too many phonemes")
            if len(tokens) > 1:
                # A voice's style depends on how long the sentence is.
                parts.append((tokens, np.tensordot(choices.weights, self.styles[:, len(tokens) - 1], 1)))
        if not parts:
            raise Skipped("no phonemes")
        return KokoroJob(parts, choices)

    def launch(self, job: KokoroJob) -> tuple[Any, float]:
        """Sound at 16 kHz on the device, and its level."""
        torch, choices = self.torch, job.choices
        self.noise.manual_seed(choices.seed)
        try:
            with torch.inference_mode():
                sounds = [self.model(tokens, style, choices.speed, self.noise) for tokens, style in job.parts]
                sound = sounds[0] if len(sounds) == 1 else torch.cat(sounds)
                return self.resample(sound, 16_000 / self.sample_rate * choices.stretch), choices.level
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise Skipped("too little GPU memory") from None

    def finish(self, pending: tuple[Any, float]) -> np.ndarray:
        """Waits for the device."""
        sound, level = pending
        return finish(sound.float().cpu().numpy(), level)


class HibariEngine:
    """hibari on one core."""

    def __init__(self, assets: Path) -> None:
        import scipy.signal

        self.resample = scipy.signal.resample
        try:
            self.synthesiser = import_hibari(assets).Hibari(voice=HIBARI_VOICES[0], threads=1)
        except ImportError as error:
            raise InputError(f"hibari: expected onnxruntime, found: {error}") from None

    def describe(self) -> str:
        """Device and library, for the record."""
        import onnxruntime

        return f"CPU, ONNX Runtime {onnxruntime.__version__}"

    def plan(self, text: str, rng: random.Random) -> tuple[str, Choices]:
        """All random choices; the phonemes are hibari's own business."""
        return text, draw_hibari(rng)

    def launch(self, job: tuple[str, Choices]) -> tuple[np.ndarray, float]:
        """Sound at 16 kHz, and its level."""
        text, choices = job
        sound = self.synthesiser(text, speed=choices.speed, seed=choices.seed)
        if not len(sound):
            raise Skipped("no phonemes")
        length = int(len(sound) * 16_000 / self.synthesiser.sample_rate * choices.stretch)
        return self.resample(sound, length), choices.level

    def finish(self, pending: tuple[np.ndarray, float]) -> np.ndarray:
        """Trimmed, int16."""
        return finish(*pending)
