#!/bin/sh
# Prints the path of a cargo tool in just this version; builds it into the cache first if it is not there.
#
#   scripts/cargo-tool.sh NAME VERSION [FEATURES]
#
# CARGO_TOOL_FLAGS=--debug builds in half the time, for tools whose own speed does not matter.
set -eu

[ $# -ge 2 ] || { echo "usage: cargo-tool.sh NAME VERSION [FEATURES]" >&2; exit 2; }
root=${DICTOSCOPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dictoscope}/tools/$1-$2
if [ ! -x "$root/bin/$1" ]; then
    echo "cargo-tool.sh: building $1 $2 into $root" >&2
    # Not into the project's target folder, which other profiles and flags share.
    # shellcheck disable=SC2086 # flags are words
    env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 "${CARGO:-cargo}" install ${CARGO_TOOL_FLAGS:-} --quiet --locked --version "=$2" ${3:+--features "$3"} --root "$root" "$1" >&2
fi
echo "$root/bin/$1"
