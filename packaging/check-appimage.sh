#!/bin/sh
# Starts an AppImage and transcribes with it; fails where anything but the right text comes out: check-appimage.sh IMAGE
#
# Unpacked by its own runtime and not mounted, which works without FUSE, too.
set -eu

fail() {
    echo "check-appimage.sh: $1" >&2
    exit 1
}
[ $# -eq 1 ] || { echo "usage: check-appimage.sh IMAGE" >&2; exit 2; }
[ -x "$1" ] || fail "$1: expected an AppImage, found none"
image=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' INT TERM HUP
(cd "$room" && "$image" --appimage-extract >/dev/null) || fail "$image: its runtime cannot unpack it"
for file in AppRun dictoscope.desktop dictoscope.png .DirIcon usr/share/metainfo/org.dictoscope.dictoscope.metainfo.xml; do
    [ -e "$room/squashfs-root/$file" ] || fail "$file: expected a file, found none"
done

expected=$(sed -n 's/^{.*"text": "\([^"]*\)".*/\1/p' assets/model/reference/short.jsonl)
found=$("$image" --appimage-extract-and-run transcribe assets/clips/short.flac)
[ "$found" = "$expected" ] || fail "expected \"$expected\", found \"$found\""
echo "check-appimage.sh: $image works: $found"
