"""The loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from kg import RulekdError
from rulekd.distillation.augmentation import Augmentation
from rulekd.distillation.checkpoints import Checkpoint, interrupts_kept_back
from rulekd.distillation.ledger import Entry, State, gradient_norms
from rulekd.distillation.material import Material, Sampler
from rulekd.distillation.runtime import Precision, Runtime
from rulekd.distillation.transfers import Batch, Step, Transfer
from rulekd.predictor import Predictor

#: How often a training is interrupted to see how the rules fare: it costs about a fifth of an epoch.
LOOKS = 10


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
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise RulekdError(f"{name} is {value}", hint="Give a finite number above 0.")
        if self.steps is not None and self.steps <= 0:
            raise RulekdError(f"steps is {self.steps}", hint="Give a number above 0, or epochs.")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise RulekdError(f"weight_decay is {self.weight_decay}", hint="Give a finite number, 0 or more.")
        for name in ("epochs", "batch_size", "steps"):
            value = getattr(self, name)
            if value is not None and value != int(value):
                raise RulekdError(f"{name} is {value}", hint="Give a whole number.")


@dataclass
class Progress:
    """How far a training is: everything but weights and optimiser that a checkpoint must hold.

    entries: the ledger, for each run an entry an epoch. terms: summed over the steps of this epoch, (R,) by name.
    norms: of each term's gradient, (R,), from the epoch's first step. best: of the least loss on held-out labels.
    """

    step: int = 0
    entries: list[list[Entry]] = field(default_factory=list)
    terms: dict[str, Tensor] = field(default_factory=dict)
    norms: dict[str, Tensor] = field(default_factory=dict)
    best: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)


def train(
    student: Predictor,
    material: Material,
    transfers: Sequence[Transfer],
    augmentations: Sequence[Augmentation],
    training: Training,
    seeds: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
    held_out: Callable[[], float] | None = None,
    checkpoint: Checkpoint | None = None,
    watch: Callable[[], Mapping[str, State]] | None = None,
) -> list[list[Entry]]:
    """Train the student's module in place; for each run its ledger, an entry an epoch.

    With several seeds the module is a ``Stack`` of as many students, and ``material`` has as many runs: each learns
    exactly what it would learn alone. The caller's random state is left as it was. progress: called with (step,
    steps). held_out: a loss on scenes that are not learned from, asked after each epoch; the weights of its least
    value are kept. checkpoint: taken up where it exists, written from time to time and on Ctrl-C. watch: how the
    rules fare, asked ten times and at the end; of a single run.
    """
    runs = len(seeds)
    assert runs == len(material.runs), "one seed a run"
    an_epoch = material.steps_for_all(training.batch_size)
    steps = training.steps if training.steps is not None else training.epochs * an_epoch
    an_epoch = min(an_epoch if training.steps is None else max(an_epoch, math.ceil(steps / 40)), steps)
    runtime = Runtime(training.device, training.precision)
    weights = [p for p in student.module.parameters() if p.requires_grad]
    if not weights:
        raise RulekdError("the student has no trainable parameters", hint="Check requires_grad of its weights.")
    sizes = material.sizes(training.batch_size)
    samplers = [Sampler(rows, sizes, seed) for rows, seed in zip(material.runs, seeds, strict=True)]
    with (
        torch.random.fork_rng(devices=[runtime.device] if runtime.device.type == "cuda" else []),
        interrupts_kept_back(checkpoint is not None) as interrupted,
    ):
        torch.manual_seed(seeds[0])
        made = torch.optim.AdamW(weights, training.learning_rate, weight_decay=training.weight_decay)
        module, optimiser = runtime.prepare(student.module, made)
        learner = student.with_module(module)
        module.train()
        so_far = Progress(entries=[[] for _ in seeds])
        if checkpoint is not None:
            checkpoint.take_up_(student.module, made, samplers, so_far)
        for step in range(so_far.step, steps):
            for group in optimiser.param_groups:
                group["lr"] = training.learning_rate * schedule(step, steps)
            rows = [sampler.next() for sampler in samplers]
            batch = _moved(material.batch(rows, sizes[0]), augmentations, samplers, runtime.device)
            seen = Step(batch, learner.logits(batch.scenes), step / steps, runs)
            terms = {t.name: (t.weight * t.loss(seen)).reshape(runs) for t in transfers if t.weight}
            if step % an_epoch == 0:
                so_far.norms = gradient_norms(terms, module, runs)
            _take_step(terms, module, weights, optimiser, runtime, training.clip, step)
            so_far.step = step + 1
            for name, value in terms.items():
                so_far.terms[name] = so_far.terms.get(name, torch.zeros(runs)) + value.detach().cpu()
            if so_far.step % an_epoch == 0 or so_far.step == steps:
                looked_at = so_far.step == steps or len(so_far.entries[0]) % max(1, steps // an_epoch // LOOKS) == 0
                _close_epoch(so_far, an_epoch, student.module, held_out, watch if looked_at else None)
            if progress is not None:
                progress(so_far.step, steps)
            if checkpoint is not None and (so_far.step == steps or interrupted() or checkpoint.due()):
                checkpoint.write(student.module, made, samplers, so_far)
                if interrupted():
                    raise KeyboardInterrupt
        if so_far.best_weights:
            student.module.load_state_dict(so_far.best_weights)
    student.module.eval()
    return so_far.entries


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: linear over the first 5 %, then half a cosine down to 0."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _take_step(
    terms: Mapping[str, Tensor],
    module: nn.Module,
    weights: Sequence[nn.Parameter],
    optimiser: torch.optim.Optimizer,
    runtime: Runtime,
    clip: float,
    step: int,
) -> None:
    """One step of the optimiser for every run; the gradient of each is clipped by its own norm."""
    losses = torch.stack(list(terms.values())).sum(0)
    if not bool(torch.isfinite(losses).all()):
        run = int((~torch.isfinite(losses)).nonzero()[0])
        raise RulekdError(
            f"the loss is {losses[run].item()} at step {step}: { ({n: v[run].item() for n, v in terms.items()}) }",
            hint="Lower the learning rate, or check the inputs for extreme values.",
        )
    optimiser.zero_grad(set_to_none=True)
    runtime.backward(losses.sum())
    if len(losses) == 1:
        runtime.clip(module, optimiser, clip)
    else:
        clip_each_(weights, clip, len(losses))
    optimiser.step()


def clip_each_(weights: Sequence[nn.Parameter], limit: float, runs: int) -> None:
    """Scale the gradient of each run, all weights together, down to the limit, in place. weights: (R, ...)."""
    grads = [p.grad for p in weights if p.grad is not None]
    squares = torch.stack([grad.reshape(runs, -1).square().sum(1) for grad in grads]).sum(0)
    # as torch.nn.utils.clip_grad_norm_ has it: 1e-6 keeps a gradient of 0 from dividing by 0
    factor = (limit / (squares.sqrt() + 1e-6)).clamp_max(1.0)
    for grad in grads:
        grad.mul_(factor.reshape(runs, *(1,) * (grad.dim() - 1)))


def _moved(
    batch: Batch, augmentations: Sequence[Augmentation], samplers: Sequence[Sampler], device: torch.device
) -> Batch:
    """The batch as the student sees it: each run under transforms of its own drawing."""
    if augmentations:
        size = len(batch.scenes) // len(samplers)
        parts = []
        for run, sampler in enumerate(samplers):
            part = batch if len(samplers) == 1 else batch.part(run * size, (run + 1) * size)
            for augmentation in augmentations:
                part = augmentation.draw(part, sampler.generator)
            parts.append(part)
        batch = parts[0] if len(parts) == 1 else Batch.cat(parts)
    return replace(
        batch,
        scenes=batch.scenes.to(device),
        taught=batch.taught.to(device),
        labels=None if batch.labels is None else batch.labels.to(device),
        soft=None if batch.soft is None else batch.soft.to(device),
    )


def _close_epoch(
    so_far: Progress,
    an_epoch: int,
    module: nn.Module,
    held_out: Callable[[], float] | None,
    watch: Callable[[], Mapping[str, State]] | None,
) -> None:
    """Write the epoch into each run's ledger, and keep the weights if they are the best yet on held-out labels."""
    seen_loss = None if held_out is None else held_out()
    states = {} if watch is None else watch()
    count = so_far.step - (so_far.step - 1) // an_epoch * an_epoch
    for run, entries in enumerate(so_far.entries):
        means = {name: float(total[run]) / count for name, total in so_far.terms.items()}
        norms = {name: float(norm[run]) for name, norm in so_far.norms.items()}
        entries.append(Entry(len(entries), so_far.step, sum(means.values()), means, norms, seen_loss, states))
    so_far.terms = {}
    if seen_loss is not None and (so_far.best is None or seen_loss < so_far.best):
        so_far.best = seen_loss
        so_far.best_weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
