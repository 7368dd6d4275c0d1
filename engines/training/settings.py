"""The settings of a training run; what is left out has the values that version 2 of the embedded model was made with."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from errors import InputError
from sizes import NAMED


def default_mix() -> dict[str, float]:
    """Recorded speech a third of the time, although it is a tenth of the hours: it is what scores hang on."""
    return {"real": 0.34, "kokoro": 0.44, "hibari": 0.22}


@dataclass(frozen=True)
class Settings:
    """Rates are per optimiser step of AdamW; seconds of audio are before augmentation."""

    # Which of `sizes.NAMED`.
    sizes: str = "embedded"
    seed: int = 1
    # Length of the whole run in seconds of wall time; the rates fall over it, also across a resume.
    run_seconds: float = 1500.0

    # --- batches
    # Audio in a batch on each device. Smaller ones for validation and small machines.
    batch_seconds: float = 800.0
    # Utterances in a batch at most (short ones would make the joint's lattice too large).
    batch_utterances: int = 256
    # Shares of the sources among utterances, by shard name.
    mix: dict[str, float] = field(default_factory=default_mix)
    # Longest training utterance; several short ones are joined up to `join_seconds`.
    max_seconds: float = 20.0
    join_seconds: float = 17.0
    # How often two or three utterances are joined, and how often an example is silence without any words.
    join_share: float = 0.4
    silence_share: float = 0.015
    # Processes that prepare batches, for each device.
    loaders: int = 8

    # --- optimiser
    # Peak rates of the new layers and of Whisper's; 7e-4 for the new ones diverged after some 1,500 steps.
    rate: float = 4.5e-4
    rate_pretrained: float = 4e-5
    warmup_steps: int = 800
    # What the cosine ends at, as a share of the peak.
    final_share: float = 0.02
    beta1: float = 0.9
    beta2: float = 0.98
    weight_decay: float = 0.01
    # Largest norm of the gradients, and the multiple of their usual norm beyond which a step is left out.
    clip: float = 1.0
    skip_over: float = 6.0
    # The average of the weights that is validated and saved forgets with this rate a step.
    average: float = 0.998

    # --- losses
    sigma: float = 0.05
    ctc_share: float = 0.3
    # Weight of keeping Whisper's output where the pretrained encoder has it: from the first value down to the
    # second over `distil_until` of the run, then held.
    distil_first: float = 1.0
    distil_last: float = 0.2
    distil_until: float = 0.5
    # Features are masked after this many steps.
    mask_after: int = 300

    # --- watching
    log_steps: int = 50
    validate_seconds: float = 180.0
    checkpoint_seconds: float = 180.0


def load(path: Path | None, changes: list[str]) -> Settings:
    """Settings from a TOML file (if any), then `key=value` changes, each value as in TOML."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path}: expected settings in TOML, found: {error}") from None
    for change in changes:
        key, _, value = change.partition("=")
        try:
            values |= tomllib.loads(f"{key}={value}")
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"--set {change}: expected key=value as in TOML, found: {error}") from None
    return checked(values, str(path or "--set"))


def checked(values: dict[str, Any], where: str) -> Settings:
    """Settings from a table; unknown keys and other types are errors."""
    kinds = {f.name: type(getattr(Settings(), f.name)) for f in fields(Settings)}
    for key, value in values.items():
        if key not in kinds:
            raise InputError(f"{where}: expected one of {', '.join(kinds)}, found {key}")
        if kinds[key] is float and isinstance(value, int) and not isinstance(value, bool):
            values[key] = float(value)
        elif not isinstance(value, kinds[key]):
            raise InputError(f"{where}: {key}: expected {kinds[key].__name__}, found {value!r}")
    settings = replace(Settings(), **values)
    if settings.sizes not in NAMED:
        raise InputError(f"{where}: sizes: expected one of {', '.join(NAMED)}, found {settings.sizes}")
    return settings


def table(settings: Settings) -> dict[str, Any]:
    """For writing beside a checkpoint; `checked` reads it back."""
    return json.loads(json.dumps(asdict(settings)))
