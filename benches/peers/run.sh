#!/bin/sh
# The comparison with peers on the CPU in one command: environment, ONNX Runtime's library, release build, table.
#
#   sh benches/peers/run.sh [PROGRAM] [OPTIONS...]
#
# PROGRAM: a release build of dictoscope; without one it is built. OPTIONS: `sh benches/peers/run.sh --help`.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
python=$(sh "$root/scripts/python-env.sh" "$here" peers 11 onnx_asr onnxruntime onnx soundfile sherpa_onnx faster_whisper)
: "${ORT_DYLIB_PATH:=$(sh "$root/scripts/onnxruntime-library.sh")}"
export ORT_DYLIB_PATH
case ${1-} in
'' | -*)
    case ${1-} in -h | --help) ;; *) (cd "$root" && cargo build --release) >&2 ;; esac
    program=${CARGO_TARGET_DIR:-$root/target}/release/dictoscope
    ;;
*)
    program=$1
    shift
    ;;
esac
exec "$python" "$here/run.py" "$program" "$@"
