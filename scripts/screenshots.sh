#!/bin/sh
# Takes assets/screenshots/dark.png and light.png: the window while it dictates a recording through a virtual microphone.
#
#   cargo build --release && scripts/screenshots.sh
#
# Needs what `make setup-test` installs. Screen (Xvfb), sound server (PulseAudio with a null sink), settings and home are its
# own and gone afterwards; nothing of the desktop it runs on is heard, shown or changed. Takes about a minute.
set -eu

cd "$(dirname "$0")/.."
program=$PWD/target/release/dictoscope
recording=$PWD/assets/clips/story.flac
pictures=$PWD/assets/screenshots
most_bytes=120000

for needed in Xvfb xdotool import convert pulseaudio paplay; do
    command -v "$needed" >/dev/null || { echo "screenshots: $needed is missing; make setup-test installs it" >&2; exit 1; }
done
[ -x "$program" ] || { echo "screenshots: $program is missing; cargo build --release makes it" >&2; exit 1; }

room=$(mktemp -d)
started=
# By their ids, newest first; the folder last.
clean_up() {
    for id in $started; do kill "$id" 2>/dev/null || true; done
    wait
    rm -rf "$room"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
# Runs a program in the background until the end.
start() {
    "$@" >>"$room/log" 2>&1 &
    started="$! $started"
}
fail() {
    echo "screenshots: $1" >&2
    cat "$room/log" >&2
    exit 1
}
# until_true SECONDS COMMAND...
until_true() {
    tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

mkdir -m 700 "$room/pulse" "$room/home"
export HOME="$room/home" XDG_RUNTIME_DIR="$room" PULSE_RUNTIME_PATH="$room/pulse" DICTOSCOPE_CONFIG_DIR="$room/config" DICTOSCOPE_DATA_DIR="$room/data"
export PULSE_SERVER="unix:$room/pulse/native" DBUS_SESSION_BUS_ADDRESS=disabled:
unset WAYLAND_DISPLAY WAYLAND_SOCKET PULSE_SINK PULSE_SOURCE PULSE_COOKIE DISPLAY || true

start pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --resample-method=speex-float-10 \
    -L "module-null-sink sink_name=vmic sink_properties=device.description=vmic rate=48000 channels=1" \
    -L "module-native-protocol-unix socket=$room/pulse/native"
until_true 20 pactl info || fail "pulseaudio does not answer"

# Xvfb picks a free display and writes its number.
mkfifo "$room/display"
Xvfb -displayfd 3 -screen 0 1280x800x24 +extension GLX -nolisten tcp 3>"$room/display" >>"$room/log" 2>&1 &
started="$! $started"
read -r number <"$room/display" || fail "Xvfb does not start"
export DISPLAY=":$number"

# picture THEME SECONDS_OF_SPEECH KEY X Y: speaks so long, presses KEY (none: -), points at X Y, takes the picture.
picture() {
    start "$program" --theme "$1"
    window_program=$!
    until_true 30 xdotool search --onlyvisible --name Dictoscope || fail "no window"
    window=$(xdotool search --onlyvisible --name Dictoscope | head -n 1)
    # Without a window manager nothing else gives it the keyboard. The model loads meanwhile.
    xdotool windowfocus --sync "$window" mousemove 1279 799
    sleep 3
    xdotool key space
    # A null sink delivers its first samples up to 2 s late.
    sleep 4
    paplay --device=vmic "$recording" >>"$room/log" 2>&1 &
    speaker=$!
    started="$speaker $started"
    sleep "$2"
    [ "$3" = - ] || xdotool key "$3"
    xdotool mousemove "$4" "$5"
    sleep 1
    import -window "$window" "$room/$1.png"
    kill "$speaker" "$window_program"
    wait "$speaker" "$window_program" 2>/dev/null || true

    convert "$room/$1.png" +dither -colors 128 -strip -define png:compression-level=9 "PNG8:$room/small.png"
    bytes=$(wc -c <"$room/small.png")
    [ "$bytes" -le "$most_bytes" ] || fail "$1.png: $bytes bytes, at most $most_bytes"
    mkdir -p "$pictures"
    mv "$room/small.png" "$pictures/$1.png"
    echo "$pictures/$1.png: $bytes bytes"
}

# As it runs, the newest words still grey.
picture dark 28 - 1279 799
# Frozen, the record of the decision under the pointer open.
picture light 13 f 420 560
