#!/bin/sh
# Makes a model folder of a .nemo file: installs what is missing, then export.py. Arguments are those of export.py.
#
#   engines/export/export.sh FILE.nemo --out FOLDER
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=$(sh "$here/setup.sh")
exec "$python" "$here/export.py" "$@"
