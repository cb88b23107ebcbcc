"""Which facts to doubt, and how many wrong ones are left.

A teacher with 99 % right answers breaks a true law of three atoms in up to 3 % of its live groundings, so its
rules cannot be judged on all that it says. Two things give a wrong answer away:

- *twins* disagree: where p(a, b) is q(b, a) (an inverse, or a symmetry with q = p) but for a share d of the
  groundings, one of the two is wrong there. If errors hit either at the rate e, then d = 2 e (1 - e), and both are
  wrong together in e^2 of the groundings, which nothing gives away. Only a turned reading is a twin: relations that
  are nearly the same (parent, ancestor) differ for good reason;
- the network was *unsure*: its log-odds lie near the threshold. The least sure share 3 e is doubted.

Groundings that contain a doubted fact are not valid in ``trusted``; what is left is wrong at about
2 (d / 2)^2, and predicates without a twin take the median error of those with one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from rulekd.extraction.counting import count_pairs
from rulekd.facts import Facts, log_odds

#: How much larger than the estimated share of wrong facts the share of unsure facts is that are doubted.
MARGIN = 3.0

#: Correlation above which a turned reading is taken for the same, blurred by errors: of what a network says, and of
#: facts that are given, where errors are rare and a difference is more likely meant.
TWINS, GIVEN_TWINS = 0.5, 0.9


@dataclass(frozen=True)
class Twin:
    """p(a, b) is other(b, a)."""

    predicate: str
    other: str


def twins(facts: Facts) -> dict[str, tuple[Twin, ...]]:
    """For each predicate over two objects the turned readings that correlate with it strongly.

    The phi coefficient of two oriented atoms, (n both - first second) / sqrt of the product of the four margins.
    """
    counts = count_pairs(facts, 2)
    n, x, y, both = counts.valid, counts.first, counts.second, counts.both
    phi = (n * both - x * y) / (x * (n - x) * y * (n - y)).clamp_min(1e-9).sqrt()
    size = len(counts.atoms) // 2
    found = {}
    for place, atom in enumerate(counts.atoms[:size]):
        least = GIVEN_TWINS if facts.values[atom.predicate].dtype == torch.bool else TWINS
        turned = (phi[place, size:] >= least).nonzero().flatten().tolist()
        if turned:
            found[atom.predicate] = tuple(Twin(atom.predicate, counts.atoms[other].predicate) for other in turned)
    return found


def closest(facts: Facts, found: Mapping[str, Sequence[Twin]]) -> dict[str, tuple[Twin, float]]:
    """For each predicate the twin that these facts disagree with least, and the share in which they do."""
    best: dict[str, tuple[Twin, float]] = {}
    for name, readings in found.items():
        for twin in readings:
            if name in facts.values and twin.other in facts.values:
                differ, valid = _disagreement(twin, facts)
                share = float(differ.sum()) / max(1, int(valid.sum()))
                if name not in best or share < best[name][1]:
                    best[name] = twin, share
    return best


def error_rates(facts: Facts, best: Mapping[str, tuple[Twin, float]]) -> dict[str, float]:
    """For each predicate the estimated share e of wrong facts, from d = 2 e (1 - e); 0 when nothing has a twin."""
    known = {name: (1 - max(0.0, 1 - 2 * share) ** 0.5) / 2 for name, (_, share) in best.items()}
    usual = median(known.values()) if known else 0.0
    return {name: known.get(name, usual) for name in facts.values}


def trusted(facts: Facts, best: Mapping[str, tuple[Twin, float]], errors: Mapping[str, float]) -> Facts:
    """The facts without those that are doubted; with no twins, without the unsure ones only."""
    valid = {}
    for name in facts.values:
        keep = facts.validity(name)
        if name in best:
            keep = keep & ~_disagreement(best[name][0], facts)[0]
        valid[name] = keep & ~unsure(facts, name, MARGIN * errors[name])
    return replace(facts, valid=valid)


def unsure(facts: Facts, name: str, share: float) -> Tensor:
    """Bool, shape of the values: the given share of valid groundings whose log-odds lie nearest to the threshold."""
    value, valid = facts.values[name], facts.validity(name)
    if value.dtype == torch.bool or share <= 0:
        return torch.zeros_like(valid)
    margin = (value - log_odds(facts.thresholds.get(name, 0.5))).abs()
    seen = margin[valid]
    if not len(seen):
        return torch.zeros_like(valid)
    rank = min(len(seen), max(1, round(share * len(seen))))
    return (margin <= seen.kthvalue(rank).values) & valid


def _disagreement(twin: Twin, facts: Facts) -> tuple[Tensor, Tensor]:
    """(differ, valid): where a predicate and its twin disagree, in the predicate's own orientation."""
    mine, other = facts.crisp(twin.predicate), facts.crisp(twin.other).transpose(1, 2)
    valid = facts.validity(twin.predicate) & facts.validity(twin.other).transpose(1, 2)
    return (mine != other) & valid, valid
