"""The model, its optimiser and one training step. No host-device synchronisation inside a step."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import torch
from augment import AugmentSettings, augment, mask_features, scaled_lengths
from batches import Batch
from mel import HOP, ModelMel, WhisperMel
from model import TdtModel
from ranks import Ranks
from schedule import distil_weight, rate_share
from settings import Settings
from sizes import NAMED
from tdt_loss import tdt_loss
from torch import Tensor
from torch.nn import functional as F
from whisper import WhisperEncoder

# What `step` returns, per token, per token, mean square, norm.
LOSSES = ("tdt", "ctc", "distil", "gradient")
# Steps in which no gradient is judged: their usual norm is not known yet.
LEARN_NORM_STEPS = 200


class Trainer:
    """Holds everything that a checkpoint restores."""

    def __init__(self, settings: Settings, ranks: Ranks, teacher: Mapping[str, Tensor] | None, band: Tensor) -> None:
        self.settings, self.ranks, device = settings, ranks, ranks.device
        self.sizes = NAMED[settings.sizes]
        torch.manual_seed(settings.seed)
        self.model = TdtModel(self.sizes).to(device)
        self.teacher = WhisperEncoder(self.sizes).to(device).eval().requires_grad_(False)
        if teacher is not None:
            self.teacher.load_state_dict(dict(teacher))
        self.model.enc.w.load_state_dict(self.teacher.state_dict())
        self.model.enc.band.copy_(band)
        self.mel, self.whisper_mel = ModelMel().to(device), WhisperMel().to(device)
        # A rate of 0 freezes Whisper's layers, and saves their backward pass.
        self.model.enc.w.requires_grad_(settings.rate_pretrained > 0.0)
        pretrained = [p for n, p in self.model.named_parameters() if n.startswith("enc.w.") and p.requires_grad]
        new = [p for n, p in self.model.named_parameters() if not n.startswith("enc.w.")]
        self.parameters = [*pretrained, *new]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": new, "peak": settings.rate},
                *([{"params": pretrained, "peak": settings.rate_pretrained}] if pretrained else []),
            ],
            lr=settings.rate,
            betas=(settings.beta1, settings.beta2),
            weight_decay=settings.weight_decay,
            fused=device.startswith("cuda"),
        )
        self.step_number = self.warm_from = 0
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        # The same storages for the whole run: weights are only ever written in place.
        pairs = [(self.average[k], v) for k, v in self.model.state_dict().items()]
        self.averaged = [(a, v) for a, v in pairs if v.is_floating_point()]
        self.counted = [(a, v) for a, v in pairs if not v.is_floating_point()]
        # The usual norm of the gradients, kept on the device; 0 until the first step.
        self.usual_norm = torch.zeros((), device=device)
        self.skipped = torch.zeros((), device=device)
        self.reseed(settings.seed)

    def reseed(self, seed: int) -> None:
        """New randomness for augmentation and dropout, other for each process."""
        seed = seed * 1009 + self.ranks.rank
        self.generator = torch.Generator(self.ranks.device).manual_seed(seed)
        self.random = random.Random(seed)
        torch.manual_seed(seed)

    def mixed(self) -> torch.autocast:
        """bf16 where matrix units work in it; on the CPU f32, since PyTorch has no bf16 LSTM there."""
        return torch.autocast("cuda", torch.bfloat16, enabled=self.ranks.device.startswith("cuda"))

    def losses(self, batch: Batch, progress: float) -> tuple[Tensor, Tensor]:
        """The loss to minimise, and [tdt, ctc, distil] for the log."""
        device, settings, blank = self.ranks.device, self.settings, self.sizes.pieces
        audio, samples, targets, counts = (x.to(device, non_blocking=True) for x in batch)
        host_samples, host_counts = batch[1], batch[3]
        with torch.no_grad():
            audio, samples, factor = augment(
                audio.float() / 32768.0, samples, self.generator, self.random, AugmentSettings()
            )
            frames = samples // HOP
            features = self.model.enc.to_whisper(self.mel(audio), frames)
            distil = distil_weight(settings, progress)
            with self.mixed():
                taught = self.teacher(self.whisper_mel(audio)) if distil > 0.0 else None
            if self.step_number >= settings.mask_after:
                features = mask_features(features, frames, self.generator)
        with self.mixed():
            encoded, lengths, acoustic = self.model.enc.padded(features, frames)
            zero = torch.zeros(1, len(targets), self.sizes.hidden, device=device)
            predictions, _, _ = self.model.pred(F.pad(targets, (1, 0), value=blank), zero, zero)
            logits = self.model.joint(encoded, predictions)
            scores = self.model.ctc(encoded.transpose(1, 2))
        tokens = counts.sum() + len(counts)
        tdt = tdt_loss(logits, targets, lengths, counts, blank, sigma=settings.sigma).sum() / tokens
        # cuDNN's CTC and PyTorch's want lengths on the host: computed there from the host's own counts.
        host_frames = scaled_lengths(host_samples, factor) // HOP
        host_lengths = ((host_frames + 1) // 2 + 3) // 4
        ctc = F.ctc_loss(
            torch.log_softmax(scores.float(), -1).transpose(0, 1), targets, host_lengths, host_counts,
            blank=blank, reduction="none", zero_infinity=True,
        ).sum() / tokens  # fmt: skip
        loss = tdt + settings.ctc_share * ctc
        gap = torch.zeros((), device=device)
        if taught is not None:
            gap = distance(acoustic, taught, frames)
            loss = loss + distil * gap
        return loss, torch.stack([tdt.detach(), ctc.detach(), gap.detach()])

    def step(self, batch: Batch, progress: float, rate_factor: float) -> Tensor:
        """One step of the optimiser; the values of `LOSSES`, on the device."""
        settings = self.settings
        share = rate_share(settings, progress, self.step_number - self.warm_from) * rate_factor
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * share
        loss, parts = self.losses(batch, progress)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.average_gradients(self.parameters)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip)
        known = self.usual_norm > 0.0
        out = known & (norm > settings.skip_over * self.usual_norm)
        if self.step_number - self.warm_from < LEARN_NORM_STEPS:
            out = torch.zeros_like(out)
        out = out | ~torch.isfinite(norm)
        moved = 0.98 * self.usual_norm + 0.02 * torch.minimum(norm, 3.0 * self.usual_norm)
        self.usual_norm = torch.where(out, self.usual_norm, torch.where(known, moved, norm))
        self.skipped = self.skipped + out
        if self.ranks.device.startswith("cuda"):
            # The fused optimiser leaves everything as it is where this is 1, without asking the host.
            self.optimiser.found_inf = out.float()
            self.optimiser.step()
        elif not out:
            self.optimiser.step()
        self.step_number += 1
        self.follow()
        return torch.cat([parts, norm.detach()[None]])

    @torch.no_grad()
    def follow(self) -> None:
        """Moves the average of the weights."""
        forget = min(self.settings.average, (1 + self.step_number) / (20 + self.step_number))
        torch._foreach_lerp_([a for a, _ in self.averaged], [v for _, v in self.averaged], 1.0 - forget)
        for average, value in self.counted:
            average.copy_(value)

    def begin_with(self, state: Mapping[str, Tensor]) -> None:
        """Takes a checkpoint's weights as those to begin with."""
        self.model.load_state_dict(dict(state))
        for name, value in state.items():
            self.average[name].copy_(value)

    def snapshot(self) -> dict[str, dict[str, Tensor]]:
        """Copies of the weights and their average, to go back to."""
        return {
            "model": {k: v.detach().clone() for k, v in self.model.state_dict().items()},
            "average": {k: v.clone() for k, v in self.average.items()},
        }

    def go_back(self, good: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Takes a snapshot's weights; the optimiser's moments, which led astray, start anew, with a warm-up."""
        self.model.load_state_dict(dict(good["model"]))
        for name, value in good["average"].items():
            self.average[name].copy_(value)
        self.optimiser.state.clear()
        self.warm_from = self.step_number
        self.usual_norm = torch.zeros_like(self.usual_norm)

    def state(self) -> dict[str, Any]:
        """For the resume file."""
        return {
            **self.snapshot(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step_number,
            "warm_from": self.warm_from,
            "usual_norm": self.usual_norm,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a resume file."""
        self.model.load_state_dict(state["model"])
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        self.step_number, self.warm_from = int(state["step"]), int(state["warm_from"])
        self.usual_norm = state["usual_norm"].to(self.ranks.device)
        self.reseed(self.settings.seed + self.step_number)


def distance(acoustic: Tensor, taught: Tensor, frames: Tensor) -> Tensor:
    """Mean square between the normalised outputs [B, N, dim] of two encoders, over the frames with audio."""
    count = min(acoustic.shape[1], taught.shape[1])
    inside = torch.arange(count, device=acoustic.device)[None] < ((frames + 1) // 2)[:, None]
    shape = acoustic.shape[-1:]
    a = F.layer_norm(acoustic[:, :count].float(), shape)
    b = F.layer_norm(taught[:, :count].float(), shape)
    return ((a - b).square() * inside[..., None]).sum() / (inside.sum().clamp_min(1) * shape[0])
