"""Asking a network about made scenes: its answers with gradients, what it reads, and which rules can be asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kg import ArityError, Formula, RulekdError
from kg.formulas import Atom, Under, walk
from kg.normal import free_variables
from rulekd.extraction.probing.margins import Answers
from rulekd.extraction.probing.space import BOXES
from rulekd.facts import Facts
from rulekd.grounding import View
from rulekd.predictor import Predictor, diagonal_validity
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.transforms import apply, unacted


@dataclass(frozen=True)
class Asking:
    """A network and a rule that is asked about.

    seed: of a random transform, the same whenever it is asked again. known: the given scenes, whose range yaws keep to.
    """

    teacher: Predictor
    formula: Formula
    seed: int = 0
    known: Scenes | None = None

    def __call__(self, scenes: Scenes) -> Answers:
        """What the network says about these scenes, and about their image where the rule is about one.

        Gradients reach the scenes. A grounding at which the answer is not finite is not valid.
        """
        view, images = self._view(scenes), {}
        if isinstance(self.formula, Under):
            generator = torch.Generator().manual_seed(self.seed)
            image = apply(self.formula.transform, scenes, generator, self.known)
            images[str(self.formula.transform)] = self._view(image)
        return Answers(view, images)

    def logits(self, scenes: Scenes) -> dict[str, Tensor]:
        """The network's log-odds, on the scenes' device whichever is its own; gradients reach the scenes."""
        said = self.teacher.logits(scenes.to(self.teacher.device))
        return {name: value.to(scenes.device) for name, value in said.items()}

    def _view(self, scenes: Scenes) -> View:
        teacher, values, valid = self.teacher, {}, dict(diagonal_validity(scenes.mask, self.teacher.vocabulary))
        for name, said in self.logits(scenes).items():
            values[name] = said.float() if said.dtype.itemsize < 4 else said
            finite = torch.isfinite(said.detach())
            if not bool(finite.all()):
                meant = {name: valid[name]} if name in valid else {}
                valid[name] = Facts({name: said}, mask=scenes.mask, valid=meant).validity(name) & finite
                values[name] = torch.where(finite, values[name], 0.0)
        facts = Facts(values, mask=scenes.mask, valid=valid, thresholds=teacher.thresholds, names=scenes.names)
        return View(facts, scenes)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """The network in eval mode, as it is when rules are read out of it."""
        training = self.teacher.module.training
        self.teacher.module.eval()
        try:
            yield
        finally:
            self.teacher.module.train(training)


def check_askable(teacher: Predictor, formula: Formula, scenes: SceneSet) -> None:
    """Raise, with the reason, where a rule cannot be asked about in scenes made from these."""
    for atom in walk(formula):
        if isinstance(atom, Atom):
            predicate = teacher.vocabulary.find(atom.predicate, where=f"'{formula}': the network does not speak it: ")
            if predicate.arity != len(atom.arguments):
                raise ArityError(
                    f"'{atom}' gives {len(atom.arguments)} arguments; {atom.predicate!r} takes {predicate.arity}",
                    hint="Check the rule.",
                )
    if isinstance(formula, Under):
        beyond = unacted(formula.transform, scenes.scenes)
        if beyond:
            raise RulekdError(
                f"'{formula}' cannot be asked about: {formula.transform} does not act on {', '.join(beyond)}",
                hint="Hunt among rules that speak of the scene as it is.",
            )
    elif any(isinstance(part, Under) for part in walk(formula)):
        raise RulekdError(f"'{formula}' speaks of an image inside another formula", hint="Put 'under' outermost.")
    needed = len(free_variables(formula))
    if not bool((scenes.scenes.mask.sum(1) >= needed).any()):
        raise RulekdError(
            f"'{formula}' is about {needed} objects, and no scene has as many", hint="Give scenes of more objects."
        )


def read_by(asking: Asking, scenes: Scenes) -> tuple[str, ...]:
    """Which floating fields of scenes reach the network's answers by a gradient: of boxes, points, numbers, tensors."""
    leaves: dict[str, Tensor] = {}

    def leaf(name: str, value: Tensor) -> Tensor:
        if not value.is_floating_point():
            return value
        leaves[name] = value.detach().clone().requires_grad_()
        return leaves[name]

    open_scenes = replace(
        scenes,
        **{name: leaf(name, value) for name in (*BOXES, "points") if (value := getattr(scenes, name)) is not None},  # type: ignore[arg-type] # tensors
        numbers={name: leaf(name, value) for name, value in scenes.numbers.items()},
        tensors={name: leaf(name, value) for name, value in scenes.tensors.items()},
    )
    with asking.answering(), torch.enable_grad():
        said = asking.logits(open_scenes).values()
        total = torch.stack([value.float().sum() for value in said]).sum()
        if not leaves or not total.requires_grad:
            return ()
        grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return tuple(name for name, grad in zip(leaves, grads, strict=True) if grad is not None)
