#!/usr/bin/env python3
"""Compares the program's engines on the CPU with onnx-asr: same weights, same recording, same threads, in turns.

usage: benches/cpu/run.py PROGRAM [--out FOLDER]

Each turn runs every side once, each in a process of its own that warms up and then takes the recording --runs times from
samples to text; --turns of them. A side's figure is the median of its turns' medians, and each ratio is the median of the
turns' ratios, so that what slows the whole machine for a while slows both of its sides. Writes results.json and table.md.
ORT_DYLIB_PATH names ONNX Runtime's library; `sh benches/cpu/run.sh` sets everything up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import soundfile
from convert import convert

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODEL = ROOT / "assets" / "model"
RECORDING = ROOT / "assets" / "clips" / "story.flac"
SECONDS = 12
SIDES = ("rten", "onnxruntime", "onnx-asr")
TIMEOUT = 600

Found = dict[str, Any]


def ours(program: Path, engine: str, wav: Path, threads: int, runs: int) -> Found:
    """One of the program's engines."""
    arguments = ["bench", str(wav), "--whole", "--json", "--runs", str(runs), "--engine", engine]
    report = call([str(program), *arguments, "--threads", str(threads)], threads)
    millis = {name: report["hop_millis"][name]["p50"] for name in ("features", "encode", "decode")}
    return {"version": report["engine"]["engine"], "total_millis": report["hop_millis"]["total"]["p50"]} | millis


def theirs(model: Path, wav: Path, threads: int, runs: int) -> Found:
    """onnx-asr."""
    return call([sys.executable, str(HERE / "side_onnx_asr.py"), *map(str, (model, wav, threads, runs))], threads)


def call(command: list[str], threads: int) -> Found:
    """The object that a command prints."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT, env=environment)
    if ran.returncode:
        sys.exit(f"{' '.join(command)}: exit code {ran.returncode}: {ran.stderr[-800:]}")
    found: Found = json.loads(ran.stdout.splitlines()[-1])
    return found


def text_of(program: Path, wav: Path, engine: str) -> str:
    """What the program writes."""
    text: str = call([str(program), "transcribe", "--json", "--engine", engine, str(wav)], 1)["text"]
    return text


def compare(turns: list[dict[str, Found]]) -> Found:
    """Medians, and ratios turn by turn."""
    totals = {side: [turn[side]["total_millis"] for turn in turns] for side in SIDES}
    ratios = {
        side: statistics.median(other / own for own, other in zip(totals[side], totals["onnx-asr"], strict=True))
        for side in SIDES
    }
    return {
        side: {
            "rtf": statistics.median(totals[side]) / 1000 / SECONDS,
            "least": min(totals[side]) / 1000 / SECONDS,
            "most": max(totals[side]) / 1000 / SECONDS,
            "times_as_fast_as_onnx_asr": ratios[side],
        }
        for side in SIDES
    }


def table(results: Found) -> str:
    """As Markdown."""
    lines = [
        f"{results['machine']}; {SECONDS} s of story.flac at once; {results['turns']} turns of {results['runs']} runs",
        "",
    ]
    lines += ["| threads | side | real-time factor | least – most | times as fast as onnx-asr |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for threads, sides in results["compared"].items():
        for side, found in sides.items():
            spread = f"{found['least']:.4f} – {found['most']:.4f}"
            ratio = f"{found['times_as_fast_as_onnx_asr']:.2f}"
            lines.append(f"| {threads} | {results['versions'][side]} | {found['rtf']:.4f} | {spread} | {ratio} |")
    return "\n".join(lines) + "\n\n" + results["same_text"] + "\n"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, metavar="PROGRAM")
    parser.add_argument("--out", type=Path, default=Path("target/cpu-bench"), help="(%(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1], help="(2 and 1)")
    parser.add_argument("--turns", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="(%(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for variable, folder in (("DICTOSCOPE_DATA_DIR", "data"), ("DICTOSCOPE_CONFIG_DIR", "config")):
        os.environ.setdefault(variable, str(options.out.resolve() / folder))
    model, wav = options.out / "onnx-asr", options.out / "recording.wav"
    convert(MODEL, model)
    samples, rate = soundfile.read(RECORDING, dtype="int16")
    soundfile.write(wav, samples[: SECONDS * rate], rate)
    raw: dict[str, list[dict[str, Found]]] = {}
    for threads in options.threads:
        turns = raw[str(threads)] = []
        for turn in range(options.turns):
            found = {side: ours(options.program, side, wav, threads, options.runs) for side in SIDES[:2]}
            found["onnx-asr"] = theirs(model, wav, threads, options.runs)
            turns.append(found)
            rtf = ", ".join(f"{side} {found[side]['total_millis'] / 1000 / SECONDS:.4f}" for side in SIDES)
            print(f"{threads} threads, turn {turn + 1}: {rtf}", flush=True)
    last = raw[str(options.threads[-1])][-1]
    texts = {side: text_of(options.program, wav, side) for side in SIDES[:2]} | {"onnx-asr": last["onnx-asr"]["text"]}
    versions = {side: last[side]["version"] for side in SIDES}
    versions["onnx-asr"] += f", ONNX Runtime {last['onnx-asr']['onnxruntime']}"
    same = len({text.strip() for text in texts.values()}) == 1
    results = {
        "machine": next(
            (
                line.partition(":")[2].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if "model name" in line
            ),
            "unknown processor",
        )
        + f", {os.cpu_count()} cores",
        "turns": options.turns,
        "runs": options.runs,
        "versions": versions,
        "compared": {threads: compare(turns) for threads, turns in raw.items()},
        "same_text": "All three wrote the same text." if same else f"The texts differ: {texts}",
        "raw": raw,
    }
    (options.out / "results.json").write_text(
        json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (options.out / "table.md").write_text(table(results), encoding="utf-8")
    print("\n" + table(results))


if __name__ == "__main__":
    main()
