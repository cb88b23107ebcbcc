"""Groundings of a rule by independent unit, and what is printed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import Formula, Ledger
from rulekd.extraction.counting.matrices import tallies
from rulekd.extraction.evidence import betting
from rulekd.facts import Facts
from rulekd.grounding import View


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
    return by_unit(*tallies(formulas, view, images), view.facts)


def by_unit(live: Tensor, broken: Tensor, facts: Facts) -> list[Tally]:
    """Counts (K, B) by scene, summed over the scenes of each unit."""
    units = facts.units.cpu()
    size = int(units.max()) + 1 if len(units) else 0
    sums = [
        torch.zeros(len(live), size, dtype=torch.int64).index_add_(1, units, part).numpy() for part in (live, broken)
    ]
    return [Tally(alive, wrong) for alive, wrong in zip(*sums, strict=True)]


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
