#!/usr/bin/env python3
"""Trains the model on shards, which may still be arriving; watches itself, saves checkpoints, can be resumed.

usage: train.py SHARDS OUT --whisper model.bin --tokenizer tokenizer.model [--validation FOLDER] [--set KEY=VALUE]
       torchrun --nproc-per-node 2 train.py ...   for several GPUs

`OUT/last` is the newest checkpoint, `OUT/step-N` the earlier ones, `OUT/log.jsonl` a line for each interval.
"""

from __future__ import annotations

import argparse
import json
import platform
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import checkpoint
import errors
import sentencepiece
import shards
import torch
import whisper
from band import band_offset
from batches import Loaders
from errors import InputError
from ranks import Ranks
from settings import Settings, load, table
from sizes import NAMED
from trainer import LOSSES, Trainer
from validate import error_rates
from watch import Verdict, Watch

# Utterances that the band offset is measured on.
BAND_UTTERANCES = 300


class Inventory:
    """The hashes of the shards, taken in a thread, since they may be many gigabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hashes, self.thread = folder, {}, None

    def look(self) -> None:
        """Begins to hash what has come since."""
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self.hash_new, daemon=True)
            self.thread.start()

    def wait(self) -> None:
        """Until all have been hashed."""
        self.look()
        if self.thread is not None:
            self.thread.join()

    def hash_new(self) -> None:
        """Hashes each shard once."""
        for path in shards.listed(self.folder):
            if path.name not in self.hashes:
                self.hashes[path.name] = shards.sha256(path)


class Run:
    """One process of a run."""

    def __init__(self, options: argparse.Namespace, settings: Settings, ranks: Ranks) -> None:
        self.options, self.settings, self.ranks = options, settings, ranks
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        if not options.tokenizer.is_file():
            raise InputError(f"{options.tokenizer}: expected a SentencePiece model, found no file")
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(options.tokenizer))
        self.watch, self.elapsed_before = Watch(), 0.0
        state = checkpoint.load_resume(options.resume, ranks.device) if options.resume else None
        teacher = None if options.whisper is None else whisper.weights(options.whisper, NAMED[settings.sizes])
        begin = checkpoint.load(options.begin).state_dict() if options.begin else None
        band = torch.zeros(80) if state or begin else self.band()
        self.trainer = Trainer(settings, ranks, teacher, band.to(ranks.device))
        if begin:
            self.trainer.begin_with(begin)
        if state:
            self.trainer.restore(state)
            self.elapsed_before = float(state["elapsed"])
            self.watch = Watch(**json.loads(state["watch"]))
        ranks.same_weights(self.trainer.model)
        seed = settings.seed + self.trainer.step_number
        self.loaders = Loaders(options.shards, options.tokenizer, settings, ranks.rank, ranks.count, seed)
        self.inventory = Inventory(options.shards)
        self.ingredients = {
            "whisper_sha256": shards.sha256(options.whisper) if options.whisper else None,
            "tokenizer_sha256": shards.sha256(options.tokenizer),
        }
        self.seconds_seen = 0.0

    def band(self) -> torch.Tensor:
        """Measured on the first shards there are."""
        found = [u for path in shards.listed(self.options.shards)[:3] for u in shards.utterances(path)]
        if not found:
            raise InputError(f"{self.options.shards}: expected shards (unpack.py, synthesise.py), found none")
        return band_offset(found[:BAND_UTTERANCES])

    def say(self, text: str) -> None:
        """The first process speaks."""
        if self.ranks.first:
            print(text, flush=True)

    def log(self, entry: dict[str, Any]) -> None:
        """A line of the log."""
        if self.ranks.first:
            with (self.options.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def save(self, elapsed: float, losses: dict[str, float]) -> None:
        """A checkpoint of the averaged weights, and what is needed to go on."""
        if not self.ranks.first:
            return
        about = {
            "step": self.trainer.step_number,
            "run_seconds": round(elapsed, 1),
            "processes": self.ranks.count,
            "audio_hours_per_process": round(self.seconds_seen / 3600.0, 1),
            "settings": table(self.settings),
            "losses": losses,
            "validations": self.watch.validations,
            "returns": self.watch.returns,
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine(),
            "begun_with": str(self.options.begin.name) if self.options.begin else None,
            **self.ingredients,
            "shards_sha256": dict(sorted(self.inventory.hashes.items())),
        }
        for folder in (self.options.out / f"step-{self.trainer.step_number}", self.options.out / "last"):
            checkpoint.save(folder, self.trainer.average, self.trainer.sizes, about)
        state = {**self.trainer.state(), "elapsed": elapsed, "watch": json.dumps(asdict(self.watch))}
        checkpoint.save_resume(self.options.out / "last", state)
        self.inventory.look()

    def validate(self) -> Verdict:
        """Scores the averaged weights; the verdict is the same in all processes."""
        mean = 0.0
        if self.ranks.first:
            model = self.trainer.model
            training = {k: v.clone() for k, v in model.state_dict().items()}
            model.load_state_dict(self.trainer.average)
            model.eval()
            folder, device = self.options.validation, self.ranks.device
            rates = error_rates(model, self.trainer.mel, self.pieces, folder, device)
            model.load_state_dict(training)
            model.train()
            mean = sum(rates.values()) / max(1, len(rates))
            self.say(f"validation at step {self.trainer.step_number}: {rates}")
            self.log({"step": self.trainer.step_number, "validation": rates})
        (mean,) = self.ranks.first_says([mean])
        return self.watch.validation(mean)

    def train(self) -> None:
        """Until the time is over or nothing can be won any more."""
        options, settings, trainer = self.options, self.settings, self.trainer
        began = time.monotonic()
        good, sums, since = trainer.snapshot(), [], began
        validated = saved = began
        progress, losses = min(1.0, self.elapsed_before / settings.run_seconds), {}
        trainer.model.train()
        if self.ranks.first:
            self.inventory.look()
        for batch in self.loaders:
            sums.append(trainer.step(batch, progress, self.watch.rate_factor))
            self.seconds_seen += batch[0].numel() / shards.SAMPLE_RATE
            if len(sums) < settings.log_steps:
                continue
            means = self.ranks.mean(torch.stack(sums).mean(0)).tolist()
            losses = dict(zip(LOSSES, (round(v, 4) for v in means), strict=True))
            now = time.monotonic()
            elapsed = self.elapsed_before + now - began
            validate = options.validation is not None and now - validated > settings.validate_seconds
            save = now - saved > settings.checkpoint_seconds
            over = elapsed >= settings.run_seconds or now - began >= options.seconds
            over |= trainer.step_number >= options.steps
            values = [elapsed, validate, save, over, now - since]
            elapsed, validate, save, over, spent = self.ranks.first_says([float(v) for v in values])
            entry = {
                "step": trainer.step_number,
                "seconds": round(elapsed, 1),
                **losses,
                "skipped": int(trainer.skipped),
                "rate": trainer.optimiser.param_groups[0]["lr"],
                "audio_hours": round(self.seconds_seen * self.ranks.count / 3600.0, 1),
                "ms_per_step": round(1000.0 * spent / len(sums), 1),
                "gpu_gb": round(torch.cuda.max_memory_allocated() / 1e9, 1) if torch.cuda.is_available() else 0.0,
            }
            self.log(entry)
            self.say(
                "train: " + ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in entry.items())
            )
            sums, verdict = [], self.watch.interval(means[0])
            progress = min(1.0, elapsed / settings.run_seconds)
            if verdict is Verdict.GO_BACK:
                trainer.go_back(good)
                self.say(f"train: the loss jumped; back to good weights, rates times {self.watch.rate_factor:g}")
            elif verdict is Verdict.GOOD:
                good = trainer.snapshot()
            if validate and verdict is Verdict.GOOD:
                verdict, validated = self.validate(), time.monotonic()
            if over or verdict is Verdict.STOP:
                break
            if save and verdict is Verdict.GOOD:
                self.save(elapsed, losses)
                saved = time.monotonic()
            since = time.monotonic()
        if self.watch.returns and verdict is Verdict.STOP:
            trainer.go_back(good)
        if options.validation is not None:
            self.validate()
        if self.ranks.first:
            self.inventory.wait()
        self.save(elapsed, losses)
        self.say(f"train: ended after step {trainer.step_number}, {elapsed:.0f} s ({verdict.value})")
        self.loaders.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("shards", type=Path, help="folder of shards")
    add("out", type=Path, help="folder for checkpoints and the log")
    add("--whisper", type=Path, metavar="FILE", help="Whisper base's model.bin (fetch.py); left out, random weights")
    add("--tokenizer", type=Path, required=True, metavar="FILE", help="SentencePiece model")
    add("--validation", type=Path, metavar="FOLDER", help="held-out shards")
    add("--settings", type=Path, metavar="FILE", help="settings in TOML")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, as in TOML; may be repeated")
    add("--steps", type=float, default=float("inf"), metavar="N", help="end at this step, counted over all calls")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run of this checkpoint")
    begin.add_argument("--begin", type=Path, metavar="FOLDER", help="a new run with this checkpoint's weights")
    add("--seconds", type=float, default=float("inf"), metavar="S", help="time limit of this call (default: the run's)")
    options = parser.parse_args()
    ranks = Ranks()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        Run(options, load(options.settings, options.set), ranks).train()
    finally:
        ranks.close()


if __name__ == "__main__":
    errors.run(main)
