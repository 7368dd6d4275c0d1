#!/bin/sh
# Prints the path of ONNX Runtime's library, out of the PyPI package that engines/requirements-probe.lock pins (20 MB).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=$(sh "$here/python-env.sh" "$here/../engines/requirements-probe.lock" probe 10 onnxruntime safetensors)
"$python" - <<'END'
import pathlib
import sys

import onnxruntime

# libonnxruntime.so.1.32.0, libonnxruntime.1.32.0.dylib, onnxruntime.dll; not the library of the providers.
folder = pathlib.Path(onnxruntime.__file__).parent / "capi"
found = [p for p in folder.iterdir() if p.name.split(".")[0] in ("libonnxruntime", "onnxruntime") and p.suffix != ".py"]
if not found:
    sys.exit(f"{folder}: expected ONNX Runtime's library, found none")
print(max(found, key=lambda p: len(p.name)))
END
