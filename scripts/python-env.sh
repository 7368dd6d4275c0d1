#!/bin/sh
# Makes a Python environment from a lock file and prints the path of its interpreter; progress goes to stderr.
#
#   scripts/python-env.sh [--above PYTHON] LOCK NAME OLDEST MODULE...
#
# LOCK is a lock file, or a folder with requirements.lock; NAME begins the environment's name; OLDEST is the oldest
# Python (3.OLDEST) for which every package in the lock has a wheel; the MODULEs must load. Does nothing if it is there
# already: its folder is named after the lock file's hash. With --above it sees the packages of another such environment,
# whose interpreter PYTHON is, and holds only what the lock adds to them.
set -eu

fail() {
    echo "python-env.sh: $*" >&2
    exit 1
}

below=
if [ "${1:-}" = --above ]; then
    below=${2:-}
    [ -x "$below" ] || fail "--above $below: expected an interpreter, found none"
    shift 2
fi
[ $# -ge 4 ] || fail "usage: scripts/python-env.sh [--above PYTHON] LOCK NAME OLDEST MODULE..."
lock=$1
[ ! -d "$lock" ] || lock=$lock/requirements.lock
name=$2
oldest=$3
shift 3
# The newest for which every package had a wheel when the locks were made.
newest=13
[ -f "$lock" ] || fail "$lock: expected a lock file, found none"

usable() {
    "$1" -c "import sys; sys.exit(not (3, $oldest) <= sys.version_info[:2] <= (3, $newest))" >/dev/null 2>&1
}

if command -v sha256sum >/dev/null; then
    sum="sha256sum"
else
    sum="shasum -a 256"
fi
hash=$({ cat "$lock" && printf '%s' "$below"; } | $sum | cut -c1-12)
cache=${DICTOSCOPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dictoscope}
venv=$cache/$name-$hash
python=$venv/bin/python

if [ ! -e "$venv/complete" ]; then
    found=
    for candidate in ${below:-${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}}; do
        if usable "$candidate"; then
            found=$candidate
            break
        fi
    done
    [ -n "$found" ] || fail "expected Python 3.$oldest to 3.$newest, found none by the usual names (set PYTHON to name one)"
    # What an interrupted run left cannot be trusted.
    rm -rf "$venv"
    mkdir -p "$cache"
    size=
    ! grep -q '^torch==' "$lock" || size=": 2.8 GB to download, 5 GB on the disk"
    echo "python-env.sh: installing $lock into $venv$size" >&2
    "$found" -m venv "$venv" >&2 \
        || fail "$found -m venv failed (on Debian and Ubuntu it needs the package python3-venv)"
    if [ -n "$below" ]; then
        packages='import sysconfig; print(sysconfig.get_path("purelib"))'
        "$below" -c "$packages" >"$("$python" -c "$packages")/below.pth"
    fi
    # pip's own cache would hold the downloads a second time.
    "$python" -m pip install --no-cache-dir --no-compile --only-binary :all: --require-hashes -r "$lock" >&2 \
        || fail "pip could not install $lock"
    for module in "$@"; do
        "$python" -c "import $module" >&2 || fail "the packages of $lock were installed, but $module does not load"
    done
    touch "$venv/complete"
fi
echo "$python"
