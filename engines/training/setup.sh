#!/bin/sh
# Makes the Python environment of the recipe and prints the path of its interpreter; progress goes to stderr.
# It has all that the reference and engines/probe.py need, too.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
exec sh "$here/../../scripts/python-env.sh" "$here" training 11 onnx onnxruntime safetensors scipy sentencepiece soundfile torch
