#!/usr/bin/env python3
"""An hour of dictation at the pace of speech, through a virtual microphone: memory, drift against the clock, text.

usage: benches/soak/microphone.py PROGRAM [--minutes 60] [--speech FOLDER]

Starts a PulseAudio of its own with a null sink, plays recordings into it with silences between, and listens to
`dictoscope dictate --json`. Prints one JSON line for each five minutes and a summary; ends with 1 if memory grows by 1 MB an
hour or more, or if samples are missing that nobody was told of. A text that differs from that of the first playing is counted:
windows begin elsewhere each time, so that a few may. Needs pulseaudio and pulseaudio-utils (`make setup-test`).
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT / "assets" / "clips"
SINK = "module-null-sink sink_name=vmic sink_properties=device.description=vmic rate=48000 channels=1"
# Seconds between two recordings: longer than what ends an utterance.
SILENCE = 6.0
LINE = 300.0
# Of the program: it first loads its model, and grows until its buffers have their size.
WARM_UP = 600.0
MEMORY_SLOPE = 1.0
# Seconds by which samples and clock may part: the delay of the sound server, up to half a second, is among them.
DRIFT = 1.0

Event = dict[str, Any]


def environment(folder: Path) -> dict[str, str]:
    """No sound, settings or history but its own."""
    (folder / "pulse").mkdir(mode=0o700)
    (folder / "asound.conf").touch()
    own = {
        "XDG_RUNTIME_DIR": folder,
        "PULSE_RUNTIME_PATH": folder / "pulse",
        "PULSE_SERVER": f"unix:{folder}/pulse/native",
        "HOME": folder,
        "ALSA_CONFIG_PATH": folder / "asound.conf",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "DICTOSCOPE_CONFIG_DIR": folder / "config",
        "DICTOSCOPE_DATA_DIR": folder / "data",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "DICTOSCOPE_"))}
    kept.pop("DISPLAY", None)
    kept.pop("WAYLAND_DISPLAY", None)
    return kept | {name: str(value) for name, value in own.items()}


def start_server(folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A PulseAudio that answers."""
    command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=60"]
    command += ["--resample-method=speex-float-10", f"--log-target=file:{folder}/pulse.log"]
    command += ["-L", SINK, "-L", f"module-native-protocol-unix socket={folder}/pulse/native"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        if subprocess.run(["pactl", "info"], env=env, capture_output=True, check=False).returncode == 0:
            return server
        time.sleep(0.1)
    server.kill()
    sys.exit("pulseaudio does not answer")


def resident(process: int) -> float:
    """Megabytes of a process that are in memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def slope(points: list[tuple[float, float]]) -> float:
    """Of the line with the least squares."""
    if len(points) < 2:
        return float("nan")
    fit: float = statistics.linear_regression(*zip(*points, strict=True)).slope
    return fit


class Run:
    """One dictation and all that it said."""

    def __init__(self, program: Path, env: dict[str, str], errors: Path) -> None:
        with errors.open("wb") as log:
            command = [str(program), "dictate", "--json"]
            self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        self.events: queue.SimpleQueue[tuple[float, Event]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.started = 0.0
        self.words: list[str] = []
        self.lags: list[tuple[float, float]] = []
        self.lost = 0.0
        self.last_end = 0.0
        self.others: list[Event] = []

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.put((time.monotonic(), json.loads(line)))

    def take(self) -> None:
        """What came since the last call."""
        while not self.events.empty():
            at, event = self.events.get()
            match event["event"]:
                case "started":
                    self.started = at - event.get("skipped_secs", 0.0)
                case "committed":
                    self.words += event["text"].split()
                case "utterance_end":
                    # How far the program's samples are behind the clock, its own delay included.
                    self.last_end = event["at_secs"]
                    self.lags.append(((at - self.started) / 3600, at - self.started - event["at_secs"]))
                case "audio_lost":
                    self.lost += event["lost_secs"]
                case "tail" | "ready" | "stopped":
                    pass
                case _:
                    self.others.append(event)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, metavar="PROGRAM")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--speech", type=Path, default=CLIPS, help="(%(default)s)")
    options = parser.parse_args()
    recordings = sorted(path for path in options.speech.iterdir() if path.suffix in {".flac", ".wav", ".ogg"})
    if not recordings:
        sys.exit(f"{options.speech}: expected recordings, found none")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o700)
        env = environment(folder)
        server = start_server(folder, env)
        run = Run(options.program, env, folder / "stderr")
        try:
            return soak(options.minutes * 60, recordings, run, env)
        finally:
            for process in (run.process, server):
                process.kill()
                process.wait()


def soak(seconds: float, recordings: list[Path], run: Run, env: dict[str, str]) -> int:
    """Plays until the time is over; the exit code."""
    while not run.started:
        run.take()
        if run.process.poll() is not None:
            sys.exit(f"the program ended with {run.process.returncode}")
        time.sleep(0.1)
    began = time.monotonic()
    memory: list[tuple[float, float]] = []
    first: dict[Path, list[str]] = {}
    played = different = turn = 0
    next_line = LINE
    while (elapsed := time.monotonic() - began) < seconds:
        recording = recordings[turn % len(recordings)]
        turn += 1
        run.words.clear()
        subprocess.run(["paplay", "--device=vmic", str(recording)], env=env, check=True)
        time.sleep(SILENCE)
        run.take()
        played += 1
        different += first.setdefault(recording, list(run.words)) != run.words
        if elapsed > WARM_UP:
            memory.append((elapsed / 3600, resident(run.process.pid)))
        if elapsed >= next_line:
            next_line += LINE
            recent = [lag for at, lag in run.lags if at * 3600 > elapsed - LINE]
            line = {"minutes": elapsed / 60, "memory_mb": resident(run.process.pid), "lost_secs": run.lost}
            line |= {"behind_secs": statistics.median(recent or [float("nan")]), "played": played}
            print(json.dumps(line | {"different": different}), flush=True)
    # In the middle of a recording, so that the last utterance ends with the last sample.
    speaking = subprocess.Popen(["paplay", "--device=vmic", str(recordings[0])], env=env)
    time.sleep(2)
    stopped = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    code = run.process.wait(timeout=60)
    speaking.wait()
    run.take()
    # Samples that came, beside the seconds in which they came; what was lost has its place in the count.
    drift = run.last_end - (stopped - run.started)
    grows = slope(memory)
    holds = code == 0 and grows < MEMORY_SLOPE and abs(drift) < DRIFT
    summary = {"minutes": (time.monotonic() - began) / 60, "exit_code": code, "memory_slope_mb_per_hour": grows}
    summary |= {"memory_mb": memory[-1][1] if memory else None, "drift_secs": drift, "lost_secs": run.lost}
    summary |= {"played": played, "different_text": different, "other_events": run.others[:20], "holds": holds}
    print(json.dumps(summary), flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
