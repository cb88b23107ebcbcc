"""Made scenes that were asked about: which grounding comes nearest to breaking a rule in each, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kg import Formula
from kg.formulas import Under
from kg.normal import free_variables
from rulekd.extraction.probing.asking import Asking
from rulekd.extraction.probing.margins import Answers, Objects, everywhere, known_at, margin
from rulekd.extraction.probing.space import Space, Values, drawn
from rulekd.grounding import View, ground, outer_atoms, sides
from rulekd.scenes import Scenes

#: Groundings that are held at once.
BLOCK = 2**21

#: Made scenes that are asked about at once, at most.
BATCH = 64


@dataclass(frozen=True)
class Attempts:
    """M made scenes, each with one grounding.

    start: (M,) int64, the given scene that each was made from. values: what was changed, (M, ...) by name. objects:
    (M, k) int64, the object of each free variable. breach: (M,) log-odds by which the grounding breaks the rule;
    negative where it does not, -inf where the rule cannot be asked.
    """

    start: Tensor
    values: Values
    objects: Tensor
    breach: Tensor

    def __len__(self) -> int:
        return len(self.start)

    def select(self, index: Tensor) -> Attempts:
        """The attempts numbered by ``index``."""
        values = {name: value[index] for name, value in self.values.items()}
        return Attempts(self.start[index], values, self.objects[index], self.breach[index])

    def scenes(self, space: Space, given: Scenes) -> Scenes:
        """The made scenes themselves."""
        return space.made(given.select(self.start), self.values)

    @staticmethod
    def cat(parts: Sequence[Attempts]) -> Attempts:
        """All of them, one after another."""
        names = parts[0].values
        return Attempts(
            torch.cat([part.start for part in parts]),
            {name: torch.cat([part.values[name] for part in parts]) for name in names},
            torch.cat([part.objects for part in parts]),
            torch.cat([part.breach for part in parts]),
        )


def batch_size(formula: Formula, given: Scenes) -> int:
    """How many made scenes are asked about at once, so that all groundings of the rule can be held."""
    groundings: int = given.mask.shape[1] ** len(free_variables(formula))
    return max(1, min(BATCH, BLOCK // max(1, groundings)))


@torch.no_grad()
def nearest(formula: Formula, answers: Answers) -> tuple[Tensor, Tensor]:
    """(breach (B,), objects (B, k)): of each scene the valid grounding that breaks the formula most surely, or comes
    nearest to it; -inf where there is none."""
    valid = ground(formula, answers.view, answers.images).valid
    breach = torch.where(valid, -margin(formula, answers, everywhere(formula, answers)), -torch.inf)
    flat = breach.flatten(1) if breach.dim() > 1 else breach[:, None]
    best, place = flat.max(1)
    shape = breach.shape[1:]
    objects = torch.stack(torch.unravel_index(place, shape), 1) if shape else place.new_zeros(len(place), 0)
    return best, objects


def bound(formula: Formula, objects: Tensor) -> Objects:
    """(M, k) object numbers by free variable."""
    return dict(zip(free_variables(formula), objects.unbind(1), strict=True))


def valid_at(formula: Formula, answers: Answers, objects: Objects) -> Tensor:
    """(B,) bool: may the formula be asked about at this grounding? As ``View.askable`` has it."""
    parts: list[tuple[Formula, View]] = [(formula, answers.view)]
    if isinstance(formula, Under):
        left, right = sides(formula.law)
        parts = [(left, answers.view), (right, answers.images[str(formula.transform)])]
    scene = torch.arange(len(answers.view.facts))
    allowed = torch.ones_like(scene, dtype=torch.bool)
    for part, view in parts:
        for atom in outer_atoms(part):
            allowed = allowed & view.facts.validity(atom.predicate)[(scene, *(objects[n] for n in atom.arguments))]
        allowed = allowed & known_at(part, view, {"": scene, **objects})
    return allowed


def usable(formula: Formula, given: Scenes) -> Tensor:
    """The numbers of the scenes that hold enough objects for the rule."""
    return (given.mask.sum(1) >= len(free_variables(formula))).nonzero().flatten()


def drawn_attempts(
    asking: Asking, followed: Formula, space: Space, given: Scenes, kind: str, count: int, generator: torch.Generator
) -> Iterator[tuple[Attempts, Answers]]:
    """``count`` scenes made at random by one kind of move, in batches, with what the network says about each.

    followed: the formula whose breach they are measured by, and whose grounding they come with.
    """
    able = usable(asking.formula, given)
    size = batch_size(asking.formula, given)
    for first in range(0, count, size):
        rows = able[torch.randint(len(able), (min(size, count - first),), generator=generator)]
        base = given.select(rows)
        made = drawn(space, base, kind, generator)
        with torch.no_grad():
            answers = asking(made)
        breach, objects = nearest(followed, answers)
        yield Attempts(rows, space.values(made), objects, breach), answers
