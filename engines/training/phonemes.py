"""Text to phonemes with hibari's own rules, American or British, without hibari's network."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, NoReturn

from errors import InputError
from synthesis_plan import Skipped


def import_hibari(assets: Path) -> Any:
    """The package, from ASSETS/hibari."""
    folder = assets / "hibari"
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        import hibari
        import hibari.g2p
    except ImportError as error:
        raise InputError(f"{folder}: expected the package hibari (fetch.py gets it), found: {error}") from None
    return hibari


def unknown_word(*_: Any) -> NoReturn:
    """Stands in for the network that reads words which are not in the dictionary."""
    raise Skipped("unknown word, and no onnxruntime to read it")


class Phonemes:
    """One accent."""

    def __init__(self, assets: Path, british: bool) -> None:
        hibari = import_hibari(assets)
        reader = None if importlib.util.find_spec("onnxruntime") else unknown_word
        # Its constructor would load the network that makes sound; splitting and reading text need the rules alone.
        self.splitter = hibari.Hibari.__new__(hibari.Hibari)
        self.splitter._g2p = hibari.g2p.G2P(oov=reader, british=british)

    def __call__(self, text: str) -> list[str]:
        """Phonemes of each sentence in a text."""
        return self.splitter.phonemize(text)
