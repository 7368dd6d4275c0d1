#!/bin/sh
# The comparison on the CPU in one command: environment, ONNX Runtime's library, release build, table.
#
#   sh benches/cpu/run.sh [PROGRAM [OPTIONS...]]
#
# PROGRAM: a release build of dictoscope; without one it is built.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
python=$(sh "$root/scripts/python-env.sh" "$here" onnx-asr 11 onnx_asr onnxruntime onnx soundfile)
: "${ORT_DYLIB_PATH:=$(sh "$root/scripts/onnxruntime-library.sh")}"
export ORT_DYLIB_PATH
if [ $# -gt 0 ]; then
    program=$1
    shift
else
    (cd "$root" && cargo build --release)
    program=${CARGO_TARGET_DIR:-$root/target}/release/dictoscope
fi
exec "$python" "$here/run.py" "$program" "$@"
