"""Checkpoints: a folder with `weights.safetensors` (f16) and `checkpoint.json` (what made them).

What is needed to go on training (f32 weights, their average, the optimiser's moments) lies beside them in
`resume.pt`, which is not needed for anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from errors import InputError
from model import TdtModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sizes import Sizes
from torch import Tensor

FORMAT = "dictoscope-checkpoint-1"
WEIGHTS, ABOUT, RESUME = "weights.safetensors", "checkpoint.json", "resume.pt"


def save(folder: Path, state: Mapping[str, Tensor], sizes: Sizes, about: Mapping[str, Any]) -> None:
    """Writes the weights of a `TdtModel`; a checkpoint that is there already is replaced only when this one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {k: v.detach().cpu().half() if v.is_floating_point() else v.detach().cpu() for k, v in state.items()}
    partial = folder / f"{WEIGHTS}.tmp"
    save_file({k: v.contiguous() for k, v in stored.items()}, partial)
    text = json.dumps({"format": FORMAT, "sizes": asdict(sizes), **about}, indent=1)
    (folder / f"{ABOUT}.tmp").write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / WEIGHTS)
    (folder / f"{ABOUT}.tmp").replace(folder / ABOUT)


def about(folder: Path) -> dict[str, Any]:
    """`checkpoint.json`."""
    path = folder / ABOUT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a checkpoint, found: {error}") from None
    if found.get("format") != FORMAT:
        raise InputError(f"{path}: format: expected {FORMAT}, found {found.get('format')}")
    return found


def load(folder: Path) -> TdtModel:
    """The model of a checkpoint, f32, for inference."""
    model = TdtModel(Sizes(**about(folder)["sizes"]))
    path = folder / WEIGHTS
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: expected weights, found: {error}") from None
    expected = model.state_dict()
    if state.keys() != expected.keys():
        differ = sorted(state.keys() ^ expected.keys())
        raise InputError(f"{path}: expected the weights of the sizes in {ABOUT}, found others: {differ[:3]}")
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise InputError(f"{path}: {name}: expected {list(expected[name].shape)}, found {list(value.shape)}")
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    return model.eval().requires_grad_(False)


def save_resume(folder: Path, state: Mapping[str, Any]) -> None:
    """What training goes on from."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{RESUME}.tmp"
    torch.save(dict(state), partial)
    partial.replace(folder / RESUME)


def load_resume(folder: Path, device: str) -> dict[str, Any]:
    """What `save_resume` wrote."""
    path = folder / RESUME
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: expected the state of a training run, found: {error}") from None
