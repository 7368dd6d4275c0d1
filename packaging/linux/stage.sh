#!/bin/sh
# Lays out what every package for Linux holds, below FOLDER as it will lie below /: stage.sh PROGRAM FOLDER
#
# `make package` calls it. Needs rsvg-convert, desktop-file-validate and appstreamcli.
set -eu

[ $# -eq 2 ] || { echo "usage: stage.sh PROGRAM FOLDER" >&2; exit 2; }
program=$1
root=$2
cd "$(dirname "$0")/../.."
[ -x "$program" ] || { echo "stage.sh: $program: expected the program, found none" >&2; exit 1; }

here=packaging/linux
share=$root/usr/share
docs=$share/doc/dictoscope
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# One date for all that a package dates: that of the commit, so that two builds of it are equal.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
packed() { gzip -9 -n <"$1" >"$2"; }

rm -rf "$root"
install -D -m 755 "$program" "$root/usr/bin/dictoscope"
# The program must be one of this version: manual pages and completions come out of it.
[ "$("$root/usr/bin/dictoscope" --version)" = "dictoscope $version" ] \
    || { echo "stage.sh: $program: expected version $version, found $("$program" --version)" >&2; exit 1; }

install -D -m 644 "$here/dictoscope.desktop" "$share/applications/dictoscope.desktop"
install -D -m 644 "$here/org.dictoscope.dictoscope.metainfo.xml" "$share/metainfo/org.dictoscope.dictoscope.metainfo.xml"
desktop-file-validate "$share/applications/dictoscope.desktop"
appstreamcli validate --no-net --pedantic "$share/metainfo/org.dictoscope.dictoscope.metainfo.xml" >&2

for size in 16 24 32 48 64 128 256 512; do
    mkdir -p "$share/icons/hicolor/${size}x$size/apps"
    rsvg-convert --width $size --height $size --output "$share/icons/hicolor/${size}x$size/apps/dictoscope.png" assets/icon.svg
done
install -D -m 644 assets/icon.svg "$share/icons/hicolor/scalable/apps/dictoscope.svg"

"$root/usr/bin/dictoscope" generate man "$share/man/man1"
for page in "$share"/man/man1/*.1; do gzip -9 -n "$page"; done
mkdir -p "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
"$root/usr/bin/dictoscope" generate completions bash >"$share/bash-completion/completions/dictoscope"
"$root/usr/bin/dictoscope" generate completions zsh >"$share/zsh/vendor-completions/_dictoscope"
"$root/usr/bin/dictoscope" generate completions fish >"$share/fish/vendor_completions.d/dictoscope.fish"

# Something to transcribe without a microphone.
install -D -m 644 assets/clips/short.flac "$share/dictoscope/samples/short.flac"

# The copyright file comes from Cargo.toml into the .deb, and by appimage.sh into an AppImage.
install -D -m 644 "$here/70-dictoscope-uinput.rules" "$docs/examples/70-dictoscope-uinput.rules"
sh packaging/licences.sh "$(dirname "$root")/licences-of-crates.txt"
packed "$(dirname "$root")/licences-of-crates.txt" "$docs/licences-of-crates.txt.gz"
packed NOTICE "$docs/NOTICE.gz"
packed CHANGELOG.md "$docs/changelog.gz"
cat >"$root/changelog" <<END
dictoscope ($version-1) unstable; urgency=medium

  * Version $version; what is new in it stands in changelog.gz.

 -- Dictoscope authors <dictoscope@localhost>  $(LC_ALL=C date -u -R -d "@$epoch")
END
packed "$root/changelog" "$docs/changelog.Debian.gz"
rm "$root/changelog"
install -D -m 644 "$here/lintian-overrides" "$share/lintian/overrides/dictoscope"
