"""What models are exported of: `.nemo` files, and checkpoints of the recipe in `training`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import selfcheck
from decode import Transducer
from errors import InputError
from graphs import TorchCheckpoint, TorchNemo
from nemo_config import Config
from nemo_file import NemoFile
from nemo_weights import Halved, NemoWeights, check_front_end
from parakeet_contract import Job, write_contract, write_graphs
from parakeet_graph import EXTERNAL_LIMIT
from vocabulary import write_vocabulary

RECIPE = Path(__file__).resolve().parent.parent / "training"
# How a precision stores weights, by `Graph`'s kinds. All is computed in f32.
KINDS = {"fp16": "stored", "fp32": "f32"}

# What the graphs are held against, and how near they must be.
Held = tuple[str, Transducer, selfcheck.Bounds]


class Source(Protocol):
    """A checkpoint of either kind."""

    def write(self, folder: Path, precision: str, single: bool) -> None:
        """Graphs, vocabulary and contract. With `single` they are typed f32 all over, whatever is stored later."""

    def models(self, contract: dict[str, Any]) -> Iterator[Held]:
        """In PyTorch, one after the other: no two large models are in memory for this."""


class Nemo:
    """A `.nemo` file."""

    def __init__(self, path: Path, work: Path, name: str | None, external_over: int = EXTERNAL_LIMIT) -> None:
        with NemoFile(path, work) as file:
            self.config = Config(path, file.config())
            self.config.check_kind()
            self.front_end, self.name = self.config.front_end(), name or path.stem
            self.tokenizer = work / "tokenizer.model"
            key = "tokenizer.model_path"
            self.tokenizer.write_bytes(file.referred(key, self.config.get(key)))
            state = file.weights()
        check_front_end(path, state, self.front_end)
        self.weights = NemoWeights(path, state, self.config)
        self.half, self.external_over = False, external_over

    def write(self, folder: Path, precision: str, single: bool) -> None:
        """By the writer of graphs that random models have."""
        self.half = precision == "fp16"
        weights = Halved(self.weights) if self.half else self.weights
        kind = "f32" if single else KINDS[precision]
        job = Job(folder, weights, kind, self.name, "of a NeMo checkpoint", "export", self.external_over)
        interfaces = write_graphs(job)
        write_vocabulary(self.tokenizer, self.weights.sizes.pieces, folder)
        write_contract(job, interfaces, self.front_end)
        path = folder / "contract.json"
        contract = json.loads(path.read_text(encoding="utf-8"))
        contract["max_symbols"] = self.config.max_symbols()
        path.write_text(json.dumps(contract, indent=1) + "\n", encoding="utf-8")

    def models(self, contract: dict[str, Any]) -> Iterator[Held]:
        """The modules of the recipe, with the weights as they are, and as f16 holds them."""
        if self.half:
            yield "PyTorch, weights rounded to f16", TorchNemo(Halved(self.weights), contract), selfcheck.EXACT
        yield "PyTorch", TorchNemo(self.weights, contract), selfcheck.ROUNDED if self.half else selfcheck.EXACT


class Checkpoint:
    """A checkpoint of `training`, by the recipe's own export."""

    def __init__(self, path: Path, name: str | None, tokenizer: Path) -> None:
        self.path, self.name, self.tokenizer = path, name, tokenizer

    def write(self, folder: Path, precision: str, single: bool) -> None:
        """A process of its own: its modules have names of those here."""
        command: list[str | Path] = [sys.executable, RECIPE / "export.py", self.path, folder]
        command += ["--tokenizer", self.tokenizer, "--precision", "fp32" if single else precision]
        command += ["--name", self.name] if self.name else []
        ran = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if ran.returncode != 0:
            raise InputError(ran.stderr.strip().removeprefix("error: ") or f"training/export.py: {ran.returncode}")
        sys.stdout.write(ran.stdout)

    def models(self, contract: dict[str, Any]) -> Iterator[Held]:
        """The recipe's model. Its weights are f16; what the graphs fold is rounded again, or not."""
        yield "PyTorch", TorchCheckpoint(self.path, contract), selfcheck.EXACT
