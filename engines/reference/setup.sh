#!/bin/sh
# Makes the Python environment of the reference and prints the path of its interpreter; progress goes to stderr.
# Does nothing if it is there already: its folder is named after the lock file's hash.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
lock=$here/requirements.lock

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

# Versions for which every package in the lock has a wheel.
usable() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' >/dev/null 2>&1
}

if command -v sha256sum >/dev/null; then
    hash=$(sha256sum <"$lock" | cut -c1-12)
else
    hash=$(shasum -a 256 <"$lock" | cut -c1-12)
fi
cache=${DICTOSCOPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dictoscope}
venv=$cache/reference-$hash
python=$venv/bin/python

if [ ! -e "$venv/complete" ]; then
    found=
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if usable "$candidate"; then
            found=$candidate
            break
        fi
    done
    [ -n "$found" ] || fail "expected Python 3.10 to 3.13, found none by the usual names (set PYTHON to name one)"
    # What an interrupted run left cannot be trusted.
    rm -rf "$venv"
    mkdir -p "$cache"
    echo "setup.sh: installing into $venv: 2.8 GB to download, 5 GB on the disk" >&2
    "$found" -m venv "$venv" >&2 \
        || fail "$found -m venv failed (on Debian and Ubuntu it needs the package python3-venv)"
    # pip's own cache would hold the downloads a second time.
    "$python" -m pip install --no-cache-dir --no-compile --only-binary :all: --require-hashes -r "$lock" >&2 \
        || fail "pip could not install $lock"
    "$python" -c 'import onnx, soundfile, torch' >&2 || fail "the packages were installed but do not load"
    touch "$venv/complete"
fi
echo "$python"
