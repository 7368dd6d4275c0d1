#!/bin/sh
# Makes a .deb of what stage.sh laid out in target/packaging/stage: deb.sh OUT_FOLDER [FLAGS OF CARGO-DEB...]
#
# What is in it, and what it depends on, stands in Cargo.toml. DEBFULLNAME and DEBEMAIL name the maintainer, as for Debian's tools.
set -eu

[ $# -ge 1 ] || { echo "usage: deb.sh OUT_FOLDER [FLAGS...]" >&2; exit 2; }
out=$1
shift
cd "$(dirname "$0")/../.."
tool=$(sh scripts/cargo-tool.sh cargo-deb 3.8.0)
[ -z "${DEBEMAIL:-}" ] || set -- "$@" --maintainer "${DEBFULLNAME:-Dictoscope packagers} <$DEBEMAIL>"
"$tool" --no-build --locked --output "$out/" "$@"
