"""A predicate at the groundings of some scenes: what a definition is to tell, and what a printed formula says there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import Atom, Formula, Iff, parse
from kg.formulas import joint
from kg.variables import scope
from rulekd.extraction.fitting.columns import Column, Sites
from rulekd.extraction.fitting.disjunctions import Bools, macro_f1
from rulekd.facts import Facts
from rulekd.grounding import BLOCK, View, outer_comparisons
from rulekd.scenes import Scenes
from rulekd.scenes.terms import known
from rulekd.truth import truth

#: Groundings that thresholds are fitted on, and formulas are chosen on, at most.
FITTED = 40_000

#: Share of the sites that may be left out for a number or a category that is unknown there; and for a predicate that
#: is not told at the others.
UNKNOWN, MOST_UNKNOWN = 0.1, 0.75

#: Fidelity from which on nothing more complicated is tried.
ENOUGH = 0.995


@dataclass(frozen=True, eq=False)
class Question:
    """What one predicate is at n sites: the atom, its truth (n,), and the independent unit of each site (n,).

    given: the truth is given, and not what a network said: no error is expected in it. words: what is true of the
    scenes of all sites, and is said on both sides of the formula.
    """

    atom: Atom
    sites: Sites
    truth: Bools
    units: NDArray[np.int64]
    given: bool = False
    words: tuple[Formula, ...] = ()

    def formula(self, body: Formula) -> Iff:
        """``p(a) <-> body``, among scenes of which the words are true."""
        return Iff(joint(*self.words, self.atom), joint(*self.words, body))


@dataclass(frozen=True)
class Printed:
    """A formula as it is printed, and what it says: (n,) bool at the sites of its question.

    Where it may not be asked, ``told`` is the truth: no error is made there, and fidelity is counted elsewhere.
    """

    body: Formula
    literals: int
    told: Bools
    fidelity: float


def sites_of(facts: Facts, scenes: Scenes, variables: tuple[str, ...], seed: int = 0) -> Sites:
    """The groundings of distinct real objects; of very many a random choice."""
    where = facts.groundings(len(variables)).nonzero()
    if len(where) > FITTED:
        generator = torch.Generator().manual_seed(seed)
        where = where[torch.randperm(len(where), generator=generator)[:FITTED].sort().values.to(where.device)]
    return Sites(scenes, variables, where[:, 0], where[:, 1:].T)


def known_sites(sites: Sites, most: float = UNKNOWN) -> Sites:
    """The sites at which each attribute is known that is known nearly everywhere; the others stay unknown there.

    Numbers and categories are taken in, those known of most sites first, as long as no more than ``most`` of the sites
    are lost. So a comparison is fitted, and its fidelity told, where it may be asked (``kg.worlds``).
    """
    scenes, lost = sites.scenes, torch.zeros_like(sites.scene, dtype=torch.bool)
    lacking = [values[sites.scene] for _, values in unknown_of(scenes.scene_numbers, scenes.scene_categories)]
    for _, values in unknown_of(scenes.numbers, scenes.categories):
        missing = [values[sites.scene, objects] for objects in sites.objects]
        lacking += [torch.stack(missing).any(0)] if missing else []
    for one in sorted(lacking, key=lambda one: int(one.sum())):
        if int((lost | one).sum()) <= most * len(lost):
            lost = lost | one
    return sites.at((~lost).cpu().numpy().nonzero()[0]) if bool(lost.any()) else sites


def unknown_of(numbers: Mapping[str, Tensor], categories: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each attribute's name, and where it is unknown: bool, in the shape of its values. Padding counts as it is."""
    yield from ((name, values.isnan()) for name, values in numbers.items())
    yield from ((name, codes < 0) for name, codes in categories.items())


def told(body: Formula, sites: Sites, facts: Facts | None = None) -> Bools:
    """(n,) bool: what the text of a formula, read back, says at the sites. facts: where its atoms are read."""
    read = parse(str(body))
    mask = sites.scenes.mask
    view = View(facts or Facts({"_": torch.zeros_like(mask)}, mask=mask), sites.scenes)
    step = max(1, BLOCK // mask.shape[1] ** scope(read, len(sites.variables)))
    said = np.zeros(len(sites.scene), dtype=np.bool_)
    for first in range(0, len(mask), step):  # of many scenes some at a time
        index = torch.arange(first, min(first + step, len(mask)), device=mask.device)
        here = ((sites.scene >= first) & (sites.scene < first + step)).cpu().numpy().nonzero()[0]
        some = sites.at(here)
        some = Sites(sites.scenes, sites.variables, some.scene - first, some.objects)
        part = view if step >= len(mask) else view.select(index)
        said[here] = some.read(truth(read, sites.variables, part)) > 0
    return said


def asked(body: Formula, sites: Sites) -> Bools:
    """(n,) bool: where all is known that the formula compares outside its quantifiers."""
    found = np.ones(len(sites.scene), dtype=np.bool_)
    for one in outer_comparisons(body):
        found &= sites.read(known(one, sites.scenes, sites.variables)) > 0
    return found


def fidelity(said: Bools, true: Bools) -> float:
    """Two-class macro-F1 of what is said against the truth, (n,) bool each; 1 where both are always the same.

    >>> fidelity(np.array([True, True]), np.array([True, True]))
    1.0
    """
    if (said == true).all():
        return 1.0
    hit, false = float((said & true).sum()), float((said & ~true).sum())
    return float(macro_f1(hit, false, float(true.sum()), float((~true).sum())))


def best(printed: Sequence[Printed]) -> float:
    """The greatest fidelity; 0 where nothing was printed."""
    return max((one.fidelity for one in printed), default=0.0)


def extra_errors(question: Question, one: Printed, other: Printed) -> tuple[float, float]:
    """(mean, standard error) of the errors that one makes beyond another, for each true grounding."""
    extra = (one.told ^ question.truth).astype(np.float64) - (other.told ^ question.truth)
    by_unit = np.bincount(question.units, weights=extra)[np.unique(question.units)]
    scale = len(by_unit) / max(1, int(question.truth.sum()))
    spread = by_unit.std(ddof=1) / np.sqrt(len(by_unit)) if len(by_unit) > 1 else 0.0
    return float(by_unit.mean() * scale), float(spread * scale)


def narrowed(question: Question, kept: NDArray[np.int64]) -> Question:
    return replace(question, sites=question.sites.at(kept), truth=question.truth[kept], units=question.units[kept])


def at(column: Column, kept: NDArray[np.int64]) -> Column:
    return replace(column, values=column.values[kept])
