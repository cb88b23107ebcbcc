"""The loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kg import RulekdError
from rulekd.distillation.augmentation import Augmentation
from rulekd.distillation.ledger import Entry, gradient_norms
from rulekd.distillation.runtime import Precision, Runtime
from rulekd.distillation.transfers import Batch, Step, Targets, Transfer
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet


@dataclass(frozen=True)
class Training:
    """How to train. steps: optimiser steps; None = ``epochs`` passes over the scenes, taught or not, the more of them.

    batch_size: scenes a step, half of them without targets when there are such. learning_rate: of AdamW, after a
    short warm-up falling to 0 as a cosine. device, precision: see ``Runtime``.
    """

    epochs: int = 40
    steps: int | None = None
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    clip: float = 5.0
    device: str = "auto"
    precision: Precision = "32-true"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise RulekdError(f"{name} is {getattr(self, name)}", hint="Give a number above 0.")
        if self.steps is not None and self.steps <= 0:
            raise RulekdError(f"steps is {self.steps}", hint="Give a number above 0, or epochs.")


@dataclass(frozen=True)
class Material:
    """What is learned from: scenes with targets, and scenes that only rules see."""

    scenes: SceneSet
    labels: Targets | None
    soft: Targets | None
    unlabelled: SceneSet | None

    def shares(self, size: int) -> tuple[int, int]:
        """How many scenes of a batch have targets, and how many do not."""
        return (size, 0) if self.unlabelled is None else (max(1, size // 2), max(1, size - size // 2))

    def steps_for_all(self, size: int) -> int:
        """Steps until every scene has been seen."""
        taught, others = self.shares(size)
        rest = 0 if self.unlabelled is None else math.ceil(len(self.unlabelled) / others)
        return max(1, math.ceil(len(self.scenes) / taught), rest)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Batches without end, each scene once a round; half of each batch without targets when there are such."""
        taught_size, others_size = self.shares(size)
        taught = _rounds(len(self.scenes), taught_size, generator)
        others = None if self.unlabelled is None else _rounds(len(self.unlabelled), others_size, generator)
        while True:
            rows = next(taught)
            scenes = self.scenes.scenes.select(rows)
            flags = torch.ones(len(rows), dtype=torch.bool)
            extra = 0
            if others is not None and self.unlabelled is not None:
                more = self.unlabelled.scenes.select(next(others))
                extra = len(more)
                scenes = Scenes.cat([scenes.with_labels({}), more.with_labels({})])
                flags = torch.cat([flags, torch.zeros(extra, dtype=torch.bool)])
            scenes = scenes.trim()
            width = scenes.mask.shape[1]
            yield Batch(
                scenes,
                flags,
                None if self.labels is None else _extend(self.labels.rows(rows, width), extra, width),
                None if self.soft is None else _extend(self.soft.rows(rows, width), extra, width),
            )


def train(
    student: Predictor,
    material: Material,
    transfers: Sequence[Transfer],
    augmentations: Sequence[Augmentation],
    training: Training,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    held_out: Callable[[], float] | None = None,
) -> list[Entry]:
    """Train the student's module in place; the ledger, an entry an epoch.

    The caller's random state is left as it was. progress: called with (step, steps). held_out: a loss on scenes
    that are not learned from, asked after each epoch; the weights of its least value are kept.
    """
    an_epoch = material.steps_for_all(training.batch_size)
    steps = training.steps if training.steps is not None else training.epochs * an_epoch
    an_epoch = min(an_epoch if training.steps is None else max(an_epoch, math.ceil(steps / 40)), steps)
    runtime = Runtime(training.device, training.precision)
    entries: list[Entry] = []
    with torch.random.fork_rng(devices=[runtime.device] if runtime.device.type == "cuda" else []):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        weights = [p for p in student.module.parameters() if p.requires_grad]
        if not weights:
            raise RulekdError("the student has no trainable parameters", hint="Check requires_grad of its weights.")
        made = torch.optim.AdamW(weights, training.learning_rate, weight_decay=training.weight_decay)
        module, optimiser = runtime.prepare(student.module, made)
        learner = student.with_module(module)
        module.train()
        values: list[dict[str, float]] = []
        norms: dict[str, float] = {}
        best: tuple[float, dict[str, Tensor]] | None = None
        for step, batch in zip(range(steps), material.batches(training.batch_size, generator), strict=False):
            for group in optimiser.param_groups:
                group["lr"] = training.learning_rate * schedule(step, steps)
            batch = _moved(batch, augmentations, generator, runtime.device)
            seen = Step(batch, learner.logits(batch.scenes), step / steps)
            terms = {t.name: t.weight * t.loss(seen) for t in transfers if t.weight}
            if step % an_epoch == 0:
                norms = gradient_norms(terms, module)
            loss = torch.stack(list(terms.values())).sum()
            if not bool(torch.isfinite(loss)):
                raise RulekdError(
                    f"the loss is {loss.item()} at step {step}: { ({n: v.item() for n, v in terms.items()}) }",
                    hint="Lower the learning rate, or check the inputs for extreme values.",
                )
            optimiser.zero_grad(set_to_none=True)
            runtime.backward(loss)
            torch.nn.utils.clip_grad_norm_(weights, training.clip)
            optimiser.step()
            values.append({name: float(value.detach()) for name, value in terms.items()})
            if (step + 1) % an_epoch == 0 or step + 1 == steps:
                seen_loss = None if held_out is None else held_out()
                entries.append(_entry(len(entries), step + 1, values, norms, seen_loss))
                values = []
                if seen_loss is not None and (best is None or seen_loss < best[0]):
                    best = seen_loss, {name: t.clone() for name, t in student.module.state_dict().items()}
            if progress is not None:
                progress(step + 1, steps)
        if best is not None:
            student.module.load_state_dict(best[1])
    student.module.eval()
    return entries


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: linear over the first 5 %, then half a cosine down to 0."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _moved(
    batch: Batch, augmentations: Sequence[Augmentation], generator: torch.Generator, device: torch.device
) -> Batch:
    for augmentation in augmentations:
        batch = augmentation.draw(batch, generator)
    return replace(
        batch,
        scenes=batch.scenes.to(device),
        taught=batch.taught.to(device),
        labels=None if batch.labels is None else batch.labels.to(device),
        soft=None if batch.soft is None else batch.soft.to(device),
    )


def _entry(
    epoch: int, step: int, values: Sequence[dict[str, float]], norms: dict[str, float], held_out: float | None
) -> Entry:
    means = {name: sum(v[name] for v in values) / len(values) for name in values[0]}
    return Entry(epoch, step, sum(means.values()), means, norms, held_out)


def _rounds(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random rows without end: every row once before any comes twice; a set smaller than ``size`` is repeated."""
    left = torch.empty(0, dtype=torch.int64)
    while True:
        while len(left) < size:
            left = torch.cat([left, torch.randperm(count, generator=generator)])
        yield left[:size]
        left = left[size:]


def _extend(targets: Targets, extra: int, width: int) -> Targets:
    """Rows without targets behind those with; padding where the batch is wider than the targets."""

    def pad(value: Tensor) -> Tensor:
        shape = (value.shape[0] + extra, *(width for _ in value.shape[1:]))
        padded = value.new_zeros(shape)
        padded[tuple(slice(0, size) for size in value.shape)] = value
        return padded

    return Targets({n: pad(v) for n, v in targets.values.items()}, {n: pad(v) for n, v in targets.valid.items()})
