#!/bin/sh
# Writes the licences of all crates in the program to FILE, which every package carries: licences.sh FILE
set -eu

[ $# -eq 1 ] || { echo "usage: licences.sh FILE" >&2; exit 2; }
mkdir -p "$(dirname "$1")"
file=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
# Reading the sources of several hundred crates takes a minute; they change with the lock only.
if [ -e "$file" ] && [ -z "$(find Cargo.lock packaging/about.toml packaging/about.hbs packaging/licences.sh -newer "$file")" ]; then
    exit 0
fi
about=$(sh scripts/cargo-tool.sh cargo-about 0.9.3 cli)
"$about" generate --locked --fail --features tensorrt --config packaging/about.toml packaging/about.hbs --output-file "$file.new"
mv "$file.new" "$file"
