#!/usr/bin/env python3
"""Writes assets/engine-packages.toml: which wheels hold the engines' libraries, and which of their members are wanted.

To pin other versions, change PACKAGES and run this with network. It asks PyPI for addresses, sizes and hashes, and reads
only the directories of the wheels. Standard library only.
"""

import functools
import io
import json
import pathlib
import re
import sys
import urllib.request
import zipfile

PLATFORMS = {
    "linux-x86_64": r"manylinux.*_x86_64",
    "linux-aarch64": r"manylinux.*_aarch64",
    "windows-x86_64": r"win_amd64",
    "macos-aarch64": r"macosx_\d+_\d+_arm64",
}
CUDA = "NVIDIA CUDA Toolkit EULA"
# The package, its version, and its wheels: project, version, group, licence, whether the licence has to be accepted.
PACKAGES = [
    ("onnxruntime", "1.32.0", [("onnxruntime", "1.32.0", "", "MIT", False)]),
    (
        "onnxruntime-gpu",
        "1.31.1",
        [
            ("onnxruntime-gpu", "1.31.1", "", "MIT", False),
            # CUDA 13.3 as a whole: parts of one release are made for each other.
            ("nvidia-cublas", "13.5.1.27", "cuda", CUDA, True),
            ("nvidia-cuda-runtime", "13.3.29", "cuda", CUDA, True),
            ("nvidia-cuda-nvrtc", "13.3.33", "cuda", CUDA, True),
            ("nvidia-curand", "10.4.3.29", "cuda", CUDA, True),
            ("nvidia-cufft", "12.3.0.29", "cuda", CUDA, True),
            ("nvidia-nvjitlink", "13.3.33", "cuda", CUDA, True),
            ("nvidia-cudnn-cu13", "9.20.0.48", "cuda", "NVIDIA cuDNN licence agreement", True),
        ],
    ),
    (
        "tensorrt",
        "1.7.1.116",
        [("tensorrt-rtx-cu13-libs", "1.7.1.116", "", "NVIDIA TensorRT licence agreement", True)],
    ),
]
LIBRARY = re.compile(r"(\.so(\.\d+)*|\.dll|\.dylib)$")
LICENCE = re.compile(r"(^|/)(licen[cs]e|thirdpartynotices|privacy|notice|eula)[^/]*$", re.IGNORECASE)
# The Python bindings, what goes to a library of another name and version (TensorRT, not RTX), and what nobody asks for.
UNWANTED = re.compile(r"pybind11|providers_tensorrt|nvblas|cufftw")
BLOCK = 1 << 18


class Remote(io.RawIOBase):
    """A file on a server, read in blocks by range."""

    def __init__(self, url: str, size: int) -> None:
        self.url, self.size, self.at, self.blocks = url, size, 0, {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer) -> int:
        if self.at >= self.size:
            return 0
        block, skip = divmod(self.at, BLOCK)
        if block not in self.blocks:
            last = min(self.size, (block + 1) * BLOCK) - 1
            request = urllib.request.Request(self.url, headers={"Range": f"bytes={block * BLOCK}-{last}"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.blocks[block] = answer.read()
        data = self.blocks[block][skip : skip + len(buffer)]
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


@functools.cache
def wheels(project: str, version: str) -> dict[str, dict]:
    """The wheel for each platform, as the index describes it."""
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"https://pypi.org/simple/{project}/", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    # The libraries are the same for every Python.
    name = re.compile(rf"^{project.replace('-', '_')}-{re.escape(version)}-(cp312-cp312|py3-none)-(.+)\.whl$")
    found = {}
    for file in files:
        match = name.match(file["filename"])
        for platform, pattern in PLATFORMS.items():
            if match and re.search(pattern, match[2]) and not file.get("yanked"):
                found[platform] = file
    return {platform: found[platform] for platform in PLATFORMS if platform in found}


def members(file: dict, project: str) -> tuple[dict[str, str], int]:
    """Place in the package and name in the wheel of what is wanted, and its size unpacked."""
    wanted, size = {}, 0
    with zipfile.ZipFile(io.BufferedReader(Remote(file["url"], file["size"]), 1 << 16)) as wheel:
        for member in wheel.infolist():
            base = member.filename.rsplit("/", 1)[-1]
            if UNWANTED.search(base):
                continue
            if LIBRARY.search(base):
                wanted[base] = member.filename
            elif LICENCE.search(member.filename) and not member.filename.endswith((".py", ".h")):
                wanted[f"licences/{project}/{base}"] = member.filename
            else:
                continue
            size += member.file_size
    if not any(LIBRARY.search(name) for name in wanted) or not any(name.startswith("licences/") for name in wanted):
        sys.exit(f"{file['filename']}: expected libraries and a licence, found {sorted(wanted)}")
    return wanted, size


def main() -> None:
    out = ["# The engines' libraries: wheels of PyPI and what is taken out of them."]
    out += ["# Written by scripts/engine-packages.py."]
    for name, version, parts in PACKAGES:
        out += ["", "[[package]]", f'name = "{name}"', f'version = "{version}"']
        for project, project_version, group, licence, accept in parts:
            for platform, file in wheels(project, project_version).items():
                if platform not in wheels(parts[0][0], version):
                    continue
                wanted, size = members(file, project)
                out += ["", "[[package.wheel]]", f'platform = "{platform}"', f'project = "{project}"']
                out += [f'version = "{project_version}"']
                out += [f'group = "{group}"'] if group else []
                out += [f'licence = "{licence}"', f"accept = {str(accept).lower()}", f'url = "{file["url"]}"']
                out += [f"size = {file['size']}", f"unpacked = {size}", f'sha256 = "{file["hashes"]["sha256"]}"']
                out += ["[package.wheel.files]"]
                folder = f"{group}/" if group else ""
                out += [f'"{folder}{place}" = "{member}"' for place, member in sorted(wanted.items())]
                print(name, platform, file["filename"], file["size"], file=sys.stderr)
    path = pathlib.Path(__file__).resolve().parent.parent / "assets" / "engine-packages.toml"
    path.write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
