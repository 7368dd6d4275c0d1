"""What is in a `.nemo` file: a tar of settings, weights and tokenizer, none of which is trusted."""

from __future__ import annotations

import pickle
import re
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

import torch
import yaml
from errors import InputError
from torch import Tensor

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
# Settings of large models have 20 KB, tokenizers 0.5 MB.
LARGEST_TEXT = 64 << 20
BLOCK = 1 << 20
# A value that points at another one, as OmegaConf has it.
REFERENCE = re.compile(r"^\$\{([\w.]+)\}$")
# How NeMo names a file of the archive.
NEMO = "nemo:"


class NemoFile:
    """A `.nemo` file: its members by name, settings, and weights, which are copied into `work`."""

    def __init__(self, path: Path, work: Path) -> None:
        self.path, self.work, self.stack = path, work, ExitStack()
        try:
            self.archive = self.stack.enter_context(tarfile.open(path, "r:*"))
            self.members = self.listed()
        except (OSError, EOFError, tarfile.TarError) as error:
            raise InputError(f"{path}: expected a .nemo file, which is a tar archive, found: {error}") from None

    def __enter__(self) -> NemoFile:
        """Closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Weights that are mapped stay."""
        self.stack.close()

    def listed(self) -> dict[str, tarfile.TarInfo]:
        """Its files by name. A member that is no plain file in the archive's own folder makes all of it suspect."""
        found: dict[str, tarfile.TarInfo] = {}
        for member in self.archive.getmembers():
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                raise InputError(f"{self.path}: expected files inside the archive's folder, found {member.name!r}")
            if member.isdir():
                continue
            if not member.isfile():
                raise InputError(f"{self.path}: {member.name}: expected a plain file, found a link or a device")
            if str(name) in found:
                raise InputError(f"{self.path}: {name}: expected it once, found it twice")
            found[str(name)] = member
        return found

    def member(self, name: str) -> tarfile.TarInfo:
        """One file; its absence is told with what is there instead."""
        if name not in self.members:
            there = ", ".join(sorted(self.members)[:12]) or "nothing"
            raise InputError(f"{self.path}: expected {name} in it, found {there}")
        return self.members[name]

    def read(self, name: str) -> bytes:
        """A small file of it."""
        member = self.member(name)
        if member.size > LARGEST_TEXT:
            raise InputError(f"{self.path}: {name}: expected at most {LARGEST_TEXT} bytes, found {member.size}")
        try:
            stream = self.archive.extractfile(member)
            data = stream.read() if stream else b""
        except (OSError, EOFError, tarfile.TarError) as error:
            raise InputError(f"{self.path}: {name}: expected {member.size} bytes, found: {error}") from None
        if len(data) != member.size:
            raise InputError(f"{self.path}: {name}: expected {member.size} bytes, found {len(data)}")
        return data

    def referred(self, key: str, value: Any) -> bytes:
        """The file that a setting such as `nemo:abc_tokenizer.model` means."""
        if not isinstance(value, str) or not value:
            raise InputError(f"{self.path}: {CONFIG}: {key}: expected the name of a file, found {value!r}")
        return self.read(PurePosixPath(value.removeprefix(NEMO)).name)

    def config(self) -> dict[str, Any]:
        """The settings, values that point at others replaced by those."""
        where = f"{self.path}: {CONFIG}"
        try:
            config = yaml.safe_load(self.read(CONFIG))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{where}: expected YAML, found: {error}") from None
        if not isinstance(config, dict):
            raise InputError(f"{where}: expected a table of settings, found {type(config).__name__}")
        return resolved(config, config, where, 0)

    def weights(self) -> dict[str, Tensor]:
        """Names and tensors; nothing of the pickle is run but the making of tensors (`weights_only`)."""
        member, copy = self.member(WEIGHTS), self.work / WEIGHTS
        where = f"{self.path}: {WEIGHTS}"
        try:
            stream = self.archive.extractfile(member)
            assert stream is not None
            with copy.open("wb") as out:
                while block := stream.read(BLOCK):
                    out.write(block)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise InputError(f"{where}: expected {member.size} bytes, found: {error}") from None
        if copy.stat().st_size != member.size:
            raise InputError(f"{where}: expected {member.size} bytes, found {copy.stat().st_size}")
        try:
            # Mapped, a tensor is read when it is used.
            state = torch.load(copy, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(copy))
        except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
            text = str(error).partition("\n")[0]
            raise InputError(f"{where}: expected tensors by name as torch.save writes them, found: {text}") from None
        if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
            raise InputError(f"{where}: expected tensors by name, found {type(state).__name__} of other things")
        return dict(state)


def resolved(value: Any, root: dict[str, Any], where: str, depth: int) -> Any:
    """`value` with every `${a.b}` replaced by what it points at, seen from the top or from `model`."""
    if depth > 64:
        raise InputError(f"{where}: expected settings that end, found values that point at each other")
    if isinstance(value, dict):
        return {key: resolved(item, root, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, root, where, depth + 1) for item in value]
    if isinstance(value, str) and (match := REFERENCE.match(value)):
        found: Any = root
        for key in match[1].removeprefix("model.").split("."):
            # What points outside the settings matters only if somebody asks for it.
            found = found.get(key) if isinstance(found, dict) else None
        return resolved(found, root, where, depth + 1)
    return value
