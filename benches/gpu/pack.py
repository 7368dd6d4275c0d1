#!/usr/bin/env python3
"""Packs what run.py needs into files small enough for a machine that takes only so much at once.

usage: benches/gpu/pack.py PROGRAM ONNXRUNTIME_FOLDER OUT [--part-mb N]

PROGRAM is a release build; its copy has the embedded encoder zeroed (the benchmarks bring their own models), so that it packs to
a few MB. ONNXRUNTIME_FOLDER holds libonnxruntime.so.* and its CUDA provider. Writes OUT/part-00 and so on. There:

    cat PARTS | tar xz -C FOLDER && cd FOLDER && sh bench.sh --out RESULTS
"""

from __future__ import annotations

import argparse
import io
import gzip
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "assets/clips/story.flac",
    *(f"benches/gpu/{name}.py" for name in ("run", "table", "yardstick")),
    *(f"engines/random_parakeet{part}.py" for part in ("", "_layouts", "_weights")),
    *(f"engines/parakeet_{part}.py" for part in ("contract", "graph", "layers", "sizes", "torch")),
    "engines/training/fastconformer.py",
)
LIBRARIES = ("libonnxruntime.so.*", "libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so")
# What the program links against and a machine without sound lacks.
SYSTEM = ("libasound.so.2",)
START = """#!/bin/sh
# CUDA's libraries: those of the Python packages beside PyTorch, in one folder.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export ORT_DYLIB_PATH=$(ls "$here"/lib/libonnxruntime.so.*)
if [ -z "${DICTOSCOPE_CUDA:-}" ]; then
    export DICTOSCOPE_CUDA=$here/cuda
    mkdir -p "$DICTOSCOPE_CUDA"
    packages=$(python3 -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])')
    find "$packages/nvidia" -name 'lib*.so*' -exec ln -sf {} "$DICTOSCOPE_CUDA"/ ';'
fi
export LD_LIBRARY_PATH=$here/lib:$DICTOSCOPE_CUDA${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PYTHONUNBUFFERED=1
exec python3 "$here/benches/gpu/run.py" "$here/dictoscope" --models "$here/models" "$@"
"""


def slim(program: Path) -> bytes:
    """The program without the weights it carries."""
    binary = program.read_bytes()
    encoder = (ROOT / "assets" / "model" / "encoder.onnx").read_bytes()
    at = binary.find(encoder)
    if at < 0:
        print(f"{program}: the embedded encoder of this tree is not in it; packed as it is")
        return binary
    return binary[:at] + bytes(len(encoder)) + binary[at + len(encoder) :]


def linked(program: Path) -> list[Path]:
    """Files of those system libraries."""
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(line.split()[2]) for line in told if line.split()[0] in SYSTEM and "=> /" in line]


def add(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    """One file."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, metavar="PROGRAM")
    parser.add_argument("libraries", type=Path, metavar="ONNXRUNTIME_FOLDER")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--part-mb", type=int, default=55, help="size of a part (%(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    packed = options.out / "all.tar.gz"
    with gzip.open(packed, "wb", compresslevel=1) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        add(archive, "dictoscope", slim(options.program), 0o755)
        add(archive, "bench.sh", START.encode(), 0o755)
        for name in FILES:
            add(archive, name, (ROOT / name).read_bytes())
        for path in linked(options.program):
            add(archive, f"lib/{path.name}", path.read_bytes(), 0o755)
        for pattern in LIBRARIES:
            for path in sorted(options.libraries.glob(pattern)):
                add(archive, f"lib/{path.name}", path.read_bytes(), 0o755)
    for stale in options.out.glob("part-*"):
        stale.unlink()
    size = options.part_mb * 10**6
    with packed.open("rb") as stream:
        for number in range(-(-packed.stat().st_size // size)):
            part = options.out / f"part-{number:02}"
            part.write_bytes(stream.read(size))
            print(f"{part}: {part.stat().st_size / 1e6:.1f} MB")
    packed.unlink()


if __name__ == "__main__":
    main()
