#!/usr/bin/env python3
"""A Markdown table out of results.json of run.py: `benches/gpu/table.py results.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Found = dict[str, Any]
# Goals, in milliseconds.
HOP_P95, CLIP = 12.0, 25.0


def result(results: Found, name: str) -> Any:
    """What a step gave, if it did."""
    return results["steps"].get(name, {}).get("result") or {}


def number(value: float | None, places: int = 2) -> str:
    """For a cell."""
    return "–" if value is None else f"{value:.{places}f}"


def both(spread: Found | None) -> str:
    """Median and 95th percentile."""
    if not spread or "p50" not in spread:
        return "–"
    return f"{number(spread['p50'])} / {number(spread['p95'])}"


def ratio(ours: Found | None, theirs: Found | None) -> str:
    """How many times as fast as the yardstick."""
    if not ours or not theirs or "p50" not in ours or "p50" not in theirs:
        return "–"
    return f"{theirs['p50'] / ours['p50']:.2f}"


def rows(heads: list[str], cells: list[list[str]]) -> list[str]:
    """A table."""
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *cells)]
    return [*lines, ""]


def calls_of(results: Found, precision: str, kind: str) -> list[Found]:
    """All windows of one way of running the encoder: more windows than an engine records come from several steps."""
    names = [name for name in results["steps"] if name.startswith(f"calls {precision} {kind}")]
    return [entry for name in names for entry in result(results, name).get("encode", [])]


def encoder(results: Found, precision: str) -> list[str]:
    """One row a window: ours against PyTorch, from features on the host to frames on the host."""
    by_window = {
        kind: {entry["window_secs"]: entry["millis"] for entry in calls_of(results, precision, kind)}
        for kind in ("graphs", "launched")
    }
    theirs = {entry["window_secs"]: entry for entry in result(results, f"torch {precision}").get("encode", [])}
    cells = []
    for window in sorted({*by_window["graphs"], *by_window["launched"], *theirs}):
        torch = theirs.get(window, {})
        eager, graph = torch.get("eager_with_copies"), torch.get("graph_with_copies")
        ours = by_window["graphs"].get(window)
        launched = by_window["launched"].get(window)
        device = torch.get("graph", {}).get("device_p50")
        cells.append([f"{window:g}", both(ours), both(launched), both(eager), both(graph), number(device)])
        cells[-1] += [ratio(ours or launched, eager), ratio(ours or launched, graph)]
    heads = ["window, s", "ours, graphs", "ours, launched", "PyTorch eager", "PyTorch graph", "its device time"]
    heads += ["eager / ours", "graph / ours"]
    return [f"Encoder, {precision}, ms (p50 / p95), copies from and to the host counted:", "", *rows(heads, cells)]


def steps(results: Found, precision: str) -> list[str]:
    """Predictor and joint."""
    ours = result(results, f"calls {precision} graphs") or result(results, f"calls {precision} launched")
    theirs = result(results, f"torch {precision}")
    predict = theirs.get("predict", {}).get("eager")
    cells = [["predictor step", both(ours.get("predict_millis")), both(predict), "–", "–", "–", "–"]]
    cells[0].append(ratio(ours.get("predict_millis"), predict))
    cells.append(["prediction to the host", both(ours.get("fetch_millis")), *["–"] * 6])
    ours_by = {entry["frames"]: entry["millis"] for entry in ours.get("joint_rows", [])}
    theirs_by = {entry["frames"]: entry for entry in theirs.get("joint", [])}
    for count in sorted({*ours_by, *theirs_by}):
        torch, mine = theirs_by.get(count, {}), ours_by.get(count)
        eager = torch.get("eager_with_copies")
        parts = [torch.get("eager", {}).get("launch_p50"), torch.get("graph", {}).get("device_p50")]
        copies = [torch.get(name, {}).get("p50") for name in ("copy_in", "copy_out")]
        name = f"joint, {count} frame{'s' * (count > 1)}"
        copied = " + ".join(number(value, 3) for value in copies)
        cells.append([name, both(mine), both(eager), both(torch.get("graph_with_copies"))])
        cells[-1] += [number(parts[0], 3), number(parts[1], 3), copied, ratio(mine, eager)]
    heads = ["call", "ours", "PyTorch eager", "PyTorch graph", "its launches", "its device time", "its copies in + out"]
    return [f"Decoder, {precision}, ms (p50 / p95):", "", *rows([*heads, "eager / ours"], cells)]


def whole(results: Found) -> list[str]:
    """Hops and clips, stage by stage, and whether they reach their goals."""
    cells, verdicts = [], []
    for name, step in results["steps"].items():
        kind, _, rest = name.partition(" ")
        if kind not in ("hops", "clip"):
            continue
        report = step.get("result") or {}
        millis = report.get("full_window_millis") if kind == "hops" else report.get("hop_millis")
        millis = millis or {}
        cells.append([name, *(both(millis.get(stage)) for stage in ("features", "encode", "decode", "total"))])
        total = millis.get("total")
        peak = report.get("peak_memory_bytes")
        cells[-1] += [str(total["count"]) if total else "–", number(peak and peak / 1e6, 0)]
        if rest == "fp16 graphs" and total and results["options"].get("device") == "cuda":
            what, found, goal = (
                ("hop, p95", total["p95"], HOP_P95) if kind == "hops" else ("12 s clip, median", total["p50"], CLIP)
            )
            verdict = "reached" if found <= goal else "missed"
            verdicts.append(f"Goal, {what} with fp16: at most {goal:g} ms; {verdict} with {found:.2f} ms.")
    heads = ["run", "features", "encoder", "decode", "whole", "count", "peak memory, MB"]
    about = "Hops of 0.5 s with all left context in a window of 12.5 s, and 12 s at once; 12 decisions a second, ms:"
    return [about, "", *rows(heads, cells), *verdicts, ""]


def table(results: Found) -> str:
    """All tables."""
    made = [result(results, name) for name in ("gpu", "program")]
    machine = results.get("machine", {})
    torch = result(results, "torch fp16").get("torch", "none")
    head = f"{made[0] or 'no GPU'}; {machine.get('cpu')}, {machine.get('cores')} cores; {made[1]}; PyTorch {torch}"
    lines = [head, ""]
    for precision in ("fp16", "fp32"):
        if any(f" {precision}" in name for name in results["steps"]):
            lines += encoder(results, precision) + steps(results, precision)
    lines += whole(results)
    failed = [f"- {name}: {step['error']}" for name, step in results["steps"].items() if "error" in step]
    return "\n".join(lines + (["Not measured:", "", *failed, ""] if failed else []))


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
