"""Rows of a table that are made so that a network can be asked about them: between two given rows each.

A path leads from one row to another. At share t of the way a number that varies smoothly is the weighted mean of the
two; a word or a whole number is that of the first up to a random place of the path, and then that of the second. So
what goes together stays together. Rows are made at random places (``mixed``), and by bisection where the network's
answer changes on the way (``bisected``): what a class depends on is seen best at its boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rulekd.facts import Facts
from rulekd.scenes import Scenes

#: How far numbers of rows at random places are moved, in standard deviations.
MOVED = 0.1

#: Rows on one path: the end that the answer changes in is halved so often.
HALVINGS = 4


@dataclass(frozen=True, eq=False)
class Paths:
    """Ways between rows.

    scenes: the rows. first, second: (P,) row numbers. turns: (P,) by name, where each word or whole number turns.
    """

    scenes: Scenes
    first: Tensor
    second: Tensor
    turns: Mapping[str, Tensor]

    @classmethod
    def of(cls, scenes: Scenes, first: Tensor, second: Tensor, generator: torch.Generator) -> Paths:
        """scenes: of one object each, without geometry; generator: of the places where words turn."""
        stepwise = [name for name, values in scenes.numbers.items() if not _smooth(values)]
        turns = {name: torch.rand(len(first), generator=generator) for name in (*stepwise, *scenes.categories)}
        return cls(scenes, first, second, turns)

    def at(self, share: Tensor, prefix: str) -> Scenes:
        """Row p at share[p] of path p, (P,). prefix: of the rows' names."""

        def stepped(name: str, values: Tensor) -> Tensor:
            return values[torch.where(self.turns[name] < share, self.second, self.first)]

        numbers = {
            name: stepped(name, values)
            if name in self.turns
            else torch.lerp(values[self.first], values[self.second], share[:, None].to(values))
            for name, values in self.scenes.numbers.items()
        }
        categories = {name: stepped(name, values) for name, values in self.scenes.categories.items()}
        names = tuple(f"{prefix} {number}" for number in range(len(share)))
        chosen = replace(self.scenes.select(self.first), labels={}, label_valid={}, object_ids=None)
        return replace(chosen, numbers=numbers, categories=categories, names=names, group=names)


def mixed(scenes: Scenes, count: int, seed: int = 0) -> Scenes:
    """Rows at random places between two rows each, their smooth numbers moved a little."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randint(len(scenes), (count,), generator=generator) for _ in range(2))
    paths = Paths.of(scenes, first, second, generator)
    made = paths.at(torch.rand(count, generator=generator), "mixed")
    moved = dict(made.numbers)
    for name, values in scenes.numbers.items():
        if name not in paths.turns:
            spread = MOVED * values[torch.isfinite(values)].std()
            moved[name] = moved[name] + spread * torch.randn(moved[name].shape, generator=generator).to(values)
    return replace(made, numbers=moved)


def bisected(
    scenes: Scenes, facts: Facts, names: Sequence[str], ask: Callable[[Scenes], Facts], count: int, seed: int = 0
) -> tuple[Scenes, Facts] | None:
    """About ``count`` rows near the network's boundary, and what it says of them; None where all rows are told alike.

    facts: what it says of the given rows. Each path leads from a row to one of which it says something else of one of
    the predicates (they take turns); the row in the middle is asked about, and the half in which the answer changes is
    gone on with. All rows that were asked about are given back.
    """
    generator = torch.Generator().manual_seed(seed)
    told = {name: facts.crisp(name)[:, 0] for name in names}
    first, second, kind = [], [], []
    each = -(-count // (HALVINGS * max(1, len(names))))
    for place, name in enumerate(names):
        sides = (told[name].nonzero().flatten(), (~told[name]).nonzero().flatten())
        if all(map(len, sides)):
            ends = [side[torch.randint(len(side), (each,), generator=generator)] for side in sides]
            first.append(ends[0])
            second.append(ends[1])
            kind.append(torch.full((each,), place))
    if not first:
        return None
    paths = Paths.of(scenes, torch.cat(first), torch.cat(second), generator)
    about = torch.cat(kind)
    low, high = torch.zeros(len(about)), torch.ones(len(about))
    rows, said = [], []
    for halving in range(HALVINGS):
        middle = (low + high) / 2
        made = paths.at(middle, f"halving {halving}")
        made = replace(made, group=tuple(f"path {number}" for number in range(len(about))))
        answers = ask(made)
        holds = torch.stack([answers.crisp(name)[:, 0] for name in names])[about, torch.arange(len(about))]
        low, high = torch.where(holds, middle, low), torch.where(holds, high, middle)
        rows.append(made)
        said.append(answers)
    return Scenes.cat(rows), joined(said, names)


def joined(parts: Sequence[Facts], names: Sequence[str], scenes: Scenes | None = None) -> Facts:
    """What was said about several lots of rows, one after the other, as what was said and not as what is given.

    scenes: all rows, where their groups are to be kept.
    """
    crisp = {name: torch.cat([part.crisp(name) for part in parts]).float() * 2 - 1 for name in names}
    valid = {name: torch.cat([part.validity(name) for part in parts]) for name in names}
    mask = torch.cat([part.objects for part in parts])
    return Facts(crisp, mask=mask, valid=valid, group=None if scenes is None else scenes.group)


def _smooth(values: Tensor) -> bool:
    known = values[torch.isfinite(values)]
    return not bool((known == known.round()).all())
