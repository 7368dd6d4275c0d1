#!/bin/sh
# Licences, bans and sources of every crate, and RustSec's advisories where its database can be fetched (deny.toml).
set -eu

deny=$(CARGO_TOOL_FLAGS=--debug sh "$(dirname "$0")/cargo-tool.sh" cargo-deny 0.20.2)
"$deny" --all-features check --hide-inclusion-graph licenses bans sources
if "$deny" --all-features fetch db >/dev/null 2>&1; then
    "$deny" --all-features check --disable-fetch --hide-inclusion-graph advisories
else
    echo "deny.sh: advisories were NOT checked: RustSec's database (on GitHub) cannot be reached from here" >&2
fi
