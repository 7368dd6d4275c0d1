#!/bin/sh
# Makes an AppImage of what stage.sh laid out: appimage.sh STAGE OUT_FOLDER
#
# An AppImage is the runtime of the AppImage project with a squashfs file system behind it. Nothing is bundled besides: the
# program links libc, libstdc++ and libasound, which every desktop has and which AppImages must take from it.
# DICTOSCOPE_APPIMAGE_RUNTIME names a runtime at hand instead of the one that is fetched and checked.
set -eu

[ $# -eq 2 ] || { echo "usage: appimage.sh STAGE OUT_FOLDER, both seen from the root of the project" >&2; exit 2; }
stage=$1
out=$2
fail() {
    echo "appimage.sh: $1" >&2
    exit 1
}

cd "$(dirname "$0")/../.."
machine=$(uname -m)
# Statically linked: it asks for no libfuse on the user's system. https://github.com/AppImage/type2-runtime
release=20251108
case $machine in
x86_64) hash=2fca8b443c92510f1483a883f60061ad09b46b978b2631c807cd873a47ec260d ;;
aarch64) hash=00cbdfcf917cc6c0ff6d3347d59e0ca1f7f45a6df1a428a0d6d8a78664d87444 ;;
*) fail "no runtime is known for $machine" ;;
esac

runtime=${DICTOSCOPE_APPIMAGE_RUNTIME:-}
if [ -z "$runtime" ]; then
    cache=${DICTOSCOPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dictoscope}
    runtime=$cache/tools/appimage-runtime-$release-$machine
    if [ ! -e "$runtime" ]; then
        url=https://github.com/AppImage/type2-runtime/releases/download/$release/runtime-$machine
        mkdir -p "$cache/tools"
        curl --fail --silent --show-error --location --retry 2 --connect-timeout 20 --output "$runtime.new" "$url" \
            || fail "$url cannot be fetched; DICTOSCOPE_APPIMAGE_RUNTIME may name a copy"
        found=$(sha256sum <"$runtime.new" | cut -d ' ' -f 1)
        [ "$found" = "$hash" ] || fail "$url: expected SHA-256 $hash, found $found"
        mv "$runtime.new" "$runtime"
    fi
fi
[ -f "$runtime" ] || fail "$runtime: expected the runtime of AppImages, found none"

# What only Debian's tools read stays out.
folder=$out/AppDir
rm -rf "$folder"
mkdir -p "$folder"
cp -a "$stage/usr" "$folder/usr"
rm -rf "$folder/usr/share/lintian" "$folder/usr/share/doc/dictoscope/changelog.Debian.gz"
cp packaging/linux/copyright "$folder/usr/share/doc/dictoscope/copyright"
ln -s usr/bin/dictoscope "$folder/AppRun"
ln -s usr/share/applications/dictoscope.desktop "$folder/dictoscope.desktop"
ln -s usr/share/icons/hicolor/256x256/apps/dictoscope.png "$folder/dictoscope.png"
ln -s dictoscope.png "$folder/.DirIcon"
[ "$("$folder/AppRun" --version)" = "$("$stage/usr/bin/dictoscope" --version)" ] || fail "$folder/AppRun does not start"

version=$("$folder/AppRun" --version | cut -d ' ' -f 2)
image=$out/Dictoscope-$version-$machine.AppImage
# Two builds of one commit are equal. gzip: every runtime since the first reads it, and the model hardly shrinks by any.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
mksquashfs "$folder" "$out/image.squashfs" -root-owned -noappend -no-progress -quiet -b 1M -comp gzip >&2
cat "$runtime" "$out/image.squashfs" >"$image"
rm "$out/image.squashfs"
chmod 755 "$image"
echo "$image"
