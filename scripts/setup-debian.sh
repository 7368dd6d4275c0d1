#!/bin/sh
# Installs the system packages that are missing, on Debian 12/13 and Ubuntu 22.04/24.04.
#
#   setup-debian.sh run     to build and to run
#   setup-debian.sh test    the same and what the tests use
#   setup-debian.sh package what `make package` and `make check-package` use
#   setup-debian.sh list    print all of them and change nothing
#
# With nothing missing it prints nothing and takes no time. Elsewhere than on Debian it says what is needed and goes on.
set -eu

mode=${1:-run}

# One package a line: name (or names, first choice first, where systems differ) and why.
build_packages='
pkg-config|pkgconf            finds libasound while building
libasound2-dev                microphone (ALSA), headers
'
run_packages='
libxkbcommon0                 keyboard
libxkbcommon-x11-0            keyboard under X11
libx11-xcb1                   window under X11
libxcursor1                   mouse pointer under X11
libxi6                        mouse and touch under X11
libxrandr2                    screens under X11
libwayland-client0            window under Wayland
libegl1                       drawing (OpenGL)
libgl1                        drawing (OpenGL)
libgl1-mesa-dri               drawing (OpenGL drivers, software too)
'
tensorrt_packages='
g++                           compiles the bindings of TensorRT
libclang-dev                  reads the headers of TensorRT while its bindings are built
'
test_packages='
libvulkan1                    pictures of the panels
mesa-vulkan-drivers           pictures of the panels (software Vulkan)
xvfb                          a screen in memory
xdotool                       keys and clicks for that screen
xterm                         takes what is typed
openbox                       a window manager: who has the focus, what is minimised
xclip                         copies as another program does
imagemagick                   screenshots
x11-utils                     asks the screen about windows
pulseaudio-utils              plays into the virtual microphone
sox                           makes and measures sound
strace                        sees whether a program asks the network
dbus-daemon|dbus              a session bus for the portal that tests stand in for
'
package_packages='
appstream                     checks the description for software centres
curl                          fetches the runtime of AppImages
desktop-file-utils            checks the menu entry
dpkg-dev                      finds out which packages the program links
librsvg2-bin                  icons
lintian                       checks the .deb
mmdebstrap                    a bare Debian to install the .deb into
squashfs-tools                AppImage
'
# Apart from the others: on a desktop with PipeWire it may stand in the way of what is installed.
sound_packages='
pulseaudio                    the virtual microphone
'

# The training recipe's tests make an environment with Python 3.11 to 3.13.
python_packages=
makes_environments() {
    "$1" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}
if ! { makes_environments python3 || makes_environments python3.13 || makes_environments python3.12 \
    || makes_environments python3.11; }; then
    if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python_packages='
python3-venv                  environment for the training recipe
'
    else
        python_packages='
python3.11-venv               environment for the training recipe
'
    fi
fi

case $mode in
run) all="$build_packages$run_packages" ;;
test) all="$build_packages$run_packages$tensorrt_packages$test_packages$python_packages$sound_packages" ;;
package) all="$build_packages$tensorrt_packages$package_packages" ;;
list) all="$build_packages$run_packages$tensorrt_packages$test_packages$python_packages$sound_packages$package_packages" ;;
*)
    echo "usage: setup-debian.sh run|test|package|list" >&2
    exit 2
    ;;
esac

say() { printf '%s\n' "$*" >&2; }

if [ "$mode" = list ]; then
    printf '%s' "$all" | sed '/^$/d'
    exit 0
fi

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    # A build that finds ALSA will do; only say something where it would not.
    if ! pkg-config --exists alsa 2>/dev/null; then
        say "setup: this is no Debian or Ubuntu. Building needs pkg-config and the ALSA headers;"
        say "setup: README.md, \"Packages on other systems\", names them. Going on with cargo."
    fi
    exit 0
fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')

is_installed() { printf '%s\n' "$installed" | grep -qxF -- "$1"; }

# Names from a table of which no alternative is installed, first choice only where it cannot be told what apt has.
missing_of() {
    printf '%s' "$1" | while read -r names why; do
        [ -n "$names" ] || continue
        found=
        for name in $(printf '%s' "$names" | tr '|' ' '); do
            if is_installed "$name"; then found=yes; fi
        done
        [ -n "$found" ] || printf '%s %s\n' "$names" "$why"
    done
}

missing=$(missing_of "$all")
[ -n "$missing" ] || exit 0

say "setup: these system packages are missing:"
printf '%s\n' "$missing" | while read -r names why; do
    printf '  %-28s %s\n' "${names%%|*}" "$why" >&2
done

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=sudo
else
    as_root=none
fi

first_choices() { printf '%s\n' "$1" | while read -r names _; do printf '%s ' "${names%%|*}"; done; }

give_up() {
    say "setup: $1. As root, this installs them:"
    say "  apt-get update && apt-get install --no-install-recommends $(first_choices "$missing")"
    if [ -n "$(missing_of "$build_packages")" ] && ! pkg-config --exists alsa 2>/dev/null; then
        say "setup: without pkg-config and libasound2-dev it cannot be built."
        exit 1
    fi
    say "setup: going on without them."
    exit 0
}

[ "$as_root" != none ] || give_up "not root, and sudo asks for a password that nobody can type here"

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2; }

# The name that this release knows, of several.
candidate() {
    for name in $(printf '%s' "$1" | tr '|' ' '); do
        if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
            printf '%s' "$name"
            return
        fi
    done
    printf '%s' "${1%%|*}"
}

install_table() {
    list=$(missing_of "$1")
    [ -n "$list" ] || return 0
    chosen=$(printf '%s\n' "$list" | while read -r names _; do printf '%s ' "$(candidate "$names")"; done)
    # Never at the price of something that is installed.
    # shellcheck disable=SC2086
    apt install -y --no-install-recommends --no-remove $chosen
}

say "setup: apt-get update"
apt update || say "setup: apt-get update failed; trying with the lists at hand"
say "setup: apt-get install"
install_table "$build_packages" || give_up "apt-get could not install them"
if [ "$mode" = package ]; then
    install_table "$tensorrt_packages$package_packages" || give_up "apt-get could not install them"
    exit 0
fi
install_table "$run_packages" || give_up "apt-get could not install them"
if [ "$mode" = test ]; then
    install_table "$tensorrt_packages$test_packages$python_packages" || give_up "apt-get could not install them"
    if ! install_table "$sound_packages"; then
        say "setup: pulseaudio could not be installed beside what is here (PipeWire?);"
        say "setup: the test that dictates through a virtual microphone needs the program pulseaudio."
    fi
fi
