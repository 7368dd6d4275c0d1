#!/bin/sh
# Makes the Python environment of the export and prints the path of its interpreter; progress goes to stderr.
# It stands on the environment of the training recipe, which has PyTorch, ONNX and ONNX Runtime.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
below=$(sh "$here/../training/setup.sh")
exec sh "$here/../../scripts/python-env.sh" --above "$below" "$here" export 11 yaml torch onnxruntime
