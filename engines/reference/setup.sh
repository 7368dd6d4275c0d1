#!/bin/sh
# Makes the Python environment of the reference and prints the path of its interpreter; progress goes to stderr.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
exec sh "$here/../../scripts/python-env.sh" "$here" reference 10 onnx soundfile torch
