"""Where rules are counted, and what comes of it: facts with their doubts, live and broken groundings by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Formula, Ledger
from rulekd.extraction import betting
from rulekd.extraction.sides import tallies
from rulekd.facts import Facts
from rulekd.grounding import View


@dataclass(frozen=True)
class Source:
    """Where one ledger is counted: the facts about the scenes, and about their images under transforms.

    unsure: the same without the facts that the network was unsure of. trusted: and without those that twins and
    near-laws give away. errors: for each predicate the estimated share of wrong facts; wrong: of its true facts;
    blamed: the share of true facts that bear the blame for broken near-laws.
    """

    view: View
    unsure: View
    trusted: View
    images: Mapping[str, View] = field(default_factory=dict)
    trusted_images: Mapping[str, View] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    wrong: Mapping[str, float] = field(default_factory=dict)
    blamed: Mapping[str, float] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def believed(self) -> bool:
        """Is nothing doubted? Then all facts and undoubted ones are the same."""
        pairs = [(self.view, self.trusted), (self.view, self.unsure)]
        pairs += [(self.images[name], self.trusted_images[name]) for name in self.images]
        return all(_same_validity(one.facts, other.facts) for one, other in pairs)

    def share(self, predicate: str) -> float:
        """Share of the groundings at which a predicate is true."""
        if predicate not in self._shares:
            facts = self.view.facts
            valid = facts.validity(predicate)
            self._shares[predicate] = float((facts.crisp(predicate) & valid).sum()) / max(1, int(valid.sum()))
        return self._shares[predicate]


def _same_validity(one: Facts, other: Facts) -> bool:
    """Are the very same tensors their validity?"""
    return one.valid.keys() == other.valid.keys() and all(one.valid[name] is other.valid[name] for name in one.valid)


@dataclass(frozen=True)
class Tally:
    """Live and broken groundings of a rule by independent unit, two (U,) int64 arrays."""

    live: NDArray[np.int64]
    broken: NDArray[np.int64]

    @property
    def rates(self) -> NDArray[np.float64]:
        """Share of broken groundings in each unit that has live ones."""
        some = self.live > 0
        return np.asarray(self.broken[some] / self.live[some], dtype=np.float64)

    def of(self, units: NDArray[np.bool_]) -> Tally:
        """The same in some of the units."""
        return Tally(self.live[units], self.broken[units])


def tallies_of(formulas: Sequence[Formula], view: View, images: Mapping[str, View] | None = None) -> list[Tally]:
    """Count rules in every unit, exactly."""
    counts = torch.stack(tallies(formulas, view, images))
    units = view.facts.units.cpu()
    size = int(units.max()) + 1 if len(units) else 0
    sums = torch.zeros(2, len(formulas), size, dtype=torch.int64).index_add_(2, units, counts).numpy()
    return [Tally(live, broken) for live, broken in zip(*sums, strict=True)]


def tally(formula: Formula, view: View, images: Mapping[str, View] | None = None) -> Tally:
    """Count one rule in every unit, exactly."""
    return tallies_of([formula], view, images)[0]


def ledger(counted: Tally) -> Ledger:
    """The printed numbers of a tally: the rate is the mean over units, its interval a betting interval."""
    rates = counted.rates
    return Ledger(
        support=int(counted.live.sum()),
        violations=int(counted.broken.sum()),
        units=len(rates),
        rate=float(rates.mean()) if len(rates) else None,
        interval=betting.interval(rates),
    )
