"""The tables of a comparison, as Markdown, out of results.json."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from typing import Any

Found = dict[str, Any]
Turns = list[dict[str, Found]]

# The side that all are held against: what runs unless another engine is asked for.
YARDSTICK = "rten"
OURS = {"rten": "Dictoscope, rten", "onnxruntime": "Dictoscope, ONNX Runtime"}


def title(side: str, version: str) -> str:
    """A side as the table names it."""
    if side in OURS:
        return f"Dictoscope, {version}"
    return f"{version}, {side.removeprefix('whisper ')}" if side.startswith("whisper") else version


def rank(values: Iterable[float], share: float) -> float:
    """A percentile, nearest rank."""
    ordered = sorted(values)
    return ordered[max(-int(-len(ordered) * share // 1), 1) - 1]


def over(turns: Turns, side: str, figure: Callable[[Found], float]) -> float:
    """The median of a side's turns."""
    return statistics.median(figure(turn[side]) for turn in turns)


def factor(found: Found) -> float:
    """Seconds of work for a second of audio."""
    recordings = found["recordings"]
    return sum(r["millis"] for r in recordings) / 1e3 / sum(r["seconds"] for r in recordings)


def percents(accuracy: Found, side: str) -> list[str]:
    """Word error rates, whole and streamed."""
    entries = accuracy.get(side, {})
    return [f"{entries[mode]['percent']:.1f} %" if mode in entries else "–" for mode in ("whole", "streamed")]


def whole(turns: Turns, accuracy: Found) -> list[list[str]]:
    """A row for each side."""
    rows = []
    for side in turns[0]:
        factors = [factor(turn[side]) for turn in turns]
        ratio = statistics.median(factor(turn[side]) / factor(turn[YARDSTICK]) for turn in turns)
        rows.append(
            [
                title(side, turns[0][side]["version"]),
                *percents(accuracy, side)[:1],
                f"{statistics.median(factors):.4f}",
                f"{min(factors):.4f} – {max(factors):.4f}",
                f"{ratio:.2f}",
                f"{over(turns, side, lambda f: f['load_millis']) / 1e3:.2f}",
                f"{over(turns, side, lambda f: f['peak_memory_bytes']) / 1e6:.0f}",
            ]
        )
    return rows


def hops(found: Found, share: float) -> float:
    """A percentile of the cost of an update: over all of them, or the median of the recordings' own."""
    recordings = found["recordings"]
    if "hop_millis" in recordings[0]:
        return rank([millis for recording in recordings for millis in recording["hop_millis"]], share)
    return statistics.median(r["hop_p50" if share == 0.5 else "hop_p95"] for r in recordings)


def updates(found: Found) -> float:
    """How many updates a second of speech got."""
    recordings = found["recordings"]
    counts = [len(r["hop_millis"]) if "hop_millis" in r else r["hops"] for r in recordings]
    return sum(counts) / sum(r["seconds"] for r in recordings)


def first_word(found: Found) -> float:
    """Seconds, the median of the recordings that had one."""
    return statistics.median(r["first_word"] for r in found["recordings"] if r["first_word"] is not None)


def streamed(turns: Turns, accuracy: Found) -> list[list[str]]:
    """A row for each side."""
    rows = []
    for side in turns[0]:
        ratio = statistics.median(hops(turn[side], 0.5) / hops(turn[YARDSTICK], 0.5) for turn in turns)
        rows.append(
            [
                title(side, turns[0][side]["version"]),
                percents(accuracy, side)[1],
                f"{over(turns, side, first_word):.2f}",
                f"{over(turns, side, lambda f: hops(f, 0.5)):.0f} / {over(turns, side, lambda f: hops(f, 0.95)):.0f}",
                f"{ratio:.1f}",
                f"{over(turns, side, updates):.1f}",
            ]
        )
    return rows


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def table(results: Found) -> str:
    """All of it."""
    accuracy, speed = results.get("accuracy", {}), results.get("speed")
    lines = [f"{results['machine']}. {results['speech']}: {results['recordings']} recordings, {results['minutes']} minutes."]
    if not speed:
        rows = [[OURS.get(side, side), *percents(accuracy, side)] for side in accuracy]
        return "\n".join([*lines, "", *markdown(["side", "word errors, whole", "streamed"], rows)]) + "\n"
    before, after = speed["load_average"]
    for threads, turns in speed["whole"].items():
        count, seconds = len(turns[0][YARDSTICK]["recordings"]), sum(r["seconds"] for r in turns[0][YARDSTICK]["recordings"])
        lines += [
            "",
            f"Whole recordings, threads: {threads}. Times on {count} of them ({seconds:.0f} s), {len(turns)} turns; load average {before:.1f} to {after:.1f}.",
            "",
        ]
        head = ["side", "word errors", "real-time factor", "least – most", "times ours (rten)", "load, s", "peak memory, MB"]
        lines += markdown(head, whole(turns, accuracy))
        turns = speed["streamed"][threads]
        lines += ["", f"Streamed, threads: {threads}, an update each {results['hop']} s or as soon as the one before is done.", ""]
        head = ["side", "word errors", "first word, s", "update, ms, p50 / p95", "times ours (rten)", "updates a second"]
        lines += markdown(head, streamed(turns, accuracy))
    return "\n".join(lines) + "\n"
