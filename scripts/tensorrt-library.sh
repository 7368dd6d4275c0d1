#!/bin/sh
# Prints the folder with TensorRT's libraries, out of the PyPI package that engines/requirements-tensorrt.lock pins (95 MB).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# Its module would load the libraries; that they are there is enough, and the tests load them.
python=$(sh "$here/python-env.sh" "$here/../engines/requirements-tensorrt.lock" tensorrt 10 sysconfig)
"$python" - <<'END'
import pathlib
import sys
import sysconfig

folder = pathlib.Path(sysconfig.get_path("platlib")) / "tensorrt_rtx_libs"
missing = [name for name in ("libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1") if not (folder / name).is_file()]
if missing:
    sys.exit(f"{folder}: expected {', '.join(missing)}, found none")
print(folder)
END
