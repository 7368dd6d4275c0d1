#!/bin/sh
# Installs a .deb into a bare Debian of its own and uses the program there; fails where anything but the right text comes out.
#
#   packaging/check-deb.sh target/packaging/dictoscope_0.1.0-1_amd64.deb
#
# Needs mmdebstrap and lintian. The tree holds what apt needs and nothing more, comes from the repositories of this machine, and
# is gone afterwards. As another user than root it is made in a user namespace.
set -eu

fail() {
    echo "check-deb.sh: $1" >&2
    exit 1
}

# inside ROOT: called by mmdebstrap, the .deb lies at /dictoscope.deb in the tree.
inside() {
    root=$1
    # Neither home nor sound server, as on a server.
    dictoscope() { chroot "$root" env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/root dictoscope "$@"; }
    apt_get() { chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2; }
    # refuses WHAT_IT_SAYS ARGUMENTS...: it must fail, say so, and not panic.
    refuses() {
        expected=$1
        shift
        if found=$(dictoscope "$@" 2>&1); then fail "dictoscope $*: expected a failure, found: $found"; fi
        case $found in *panicked*) fail "dictoscope $*: $found" ;; *"$expected"*) ;; *) fail "dictoscope $*: expected \"$expected\", found: $found" ;; esac
        echo "dictoscope $*: $found"
    }
    transcribes() {
        found=$(dictoscope transcribe /usr/share/dictoscope/samples/short.flac)
        [ "$found" = "$EXPECTED" ] || fail "$1: expected \"$EXPECTED\", found \"$found\""
        echo "$1: transcribes: $found"
    }

    # Debian's images for containers leave out documentation; this one has it.
    apt_get install -y --no-install-recommends /dictoscope.deb
    # shellcheck disable=SC2016
    echo "installed: $(chroot "$root" dpkg-query -W -f='${Package} ${Version}, ${Installed-Size} KiB, depends: ${Depends}' dictoscope)"
    transcribes "without the recommended packages"
    engines=$(dictoscope engines)
    echo "$engines"
    case $engines in "* rten: rten"*) ;; *) fail "engines: expected rten to be usable, found: $engines" ;; esac
    for engine in onnxruntime onnxruntime-cuda tensorrt; do
        case $engines in *" $engine: not usable: "*) ;; *) fail "engines: expected a reason why $engine is not usable" ;; esac
    done
    devices=$(dictoscope devices 2>&1) || fail "devices: $devices"
    case $devices in *"no input device found"*) echo "devices: $devices" ;; *) fail "devices: $devices" ;; esac
    refuses "no display to open a window on"
    refuses "no input device" dictate
    chroot "$root" env -i PATH=/usr/bin:/bin bash -c '. /usr/share/bash-completion/completions/dictoscope && complete -p dictoscope' \
        || fail "bash: no completion"
    for file in man/man1/dictoscope.1.gz man/man1/dictoscope-engines-install.1.gz icons/hicolor/48x48/apps/dictoscope.png \
        applications/dictoscope.desktop doc/dictoscope/copyright doc/dictoscope/NOTICE.gz; do
        [ -s "$root/usr/share/$file" ] || fail "/usr/share/$file: expected a file, found none"
    done

    # mmdebstrap leaves recommended packages out, unless it is told.
    apt_get install -y -o APT::Install-Recommends=true --fix-policy
    [ -n "$(find "$root/usr/lib" -name "libxkbcommon-x11.so.0")" ] || fail "the recommended packages were not installed"
    transcribes "with the recommended packages"
    refuses "no display to open a window on"

    apt_get purge -y dictoscope
    left=$(find "$root/usr" -iname '*dictoscope*')
    [ -z "$left" ] || fail "removed, but left: $left"
}

if [ "${1:-}" = --inside ]; then
    inside "$2"
    exit 0
fi

[ $# -eq 1 ] || { echo "usage: check-deb.sh PACKAGE" >&2; exit 2; }
[ -f "$1" ] || fail "$1: expected a package, found none"
deb=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."

EXPECTED=$(sed -n 's/^{.*"text": "\([^"]*\)".*/\1/p' assets/model/reference/short.jsonl)
[ -n "$EXPECTED" ] || fail "assets/model/reference/short.jsonl: expected a text, found none"
export EXPECTED

lintian --fail-on error "$deb" || fail "lintian has errors"

# The release of this machine unless CODENAME names another, with the sources that apt uses here.
codename=${CODENAME:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
# shellcheck disable=SC2086
mmdebstrap --variant=apt --quiet --aptopt='Acquire::Check-Valid-Until "false"' \
    --customize-hook="upload '$deb' /dictoscope.deb" \
    --customize-hook="sh packaging/check-deb.sh --inside \"\$1\"" \
    "$codename" /dev/null ${SOURCES:-} || fail "$deb: see above"
echo "check-deb.sh: $deb works"
