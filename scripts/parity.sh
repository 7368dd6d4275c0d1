#!/bin/sh
# Holds the program's engine against the reference in PyTorch on the shipped recordings and prints the report.
#
#   scripts/parity.sh PROGRAM [RECORDING ...]
#
# What both sides wrote stays in target/parity for a closer look. Exit code 0 passed, 1 failed.
set -eu

cd "$(dirname "$0")/.."
program=${1:?usage: scripts/parity.sh PROGRAM [RECORDING ...]}
shift
[ $# -gt 0 ] || set -- assets/clips/*.flac
python=$(sh engines/reference/setup.sh)
exec "$python" engines/reference/parity.py "$program" assets/model target/parity "$@"
