"""Which facts to doubt, and how many wrong ones are left.

A teacher with 99 % right answers breaks a true law of three atoms in up to 3 % of its live groundings, so its
rules cannot be judged on all that it says. Three things give a wrong answer away:

- *twins* disagree: where p(a, b) is q(b, a) (an inverse, or a symmetry with q = p), or its opposite (an order, with
  q = p), but for a share d of the groundings, one of the two is wrong there. If errors hit either at the rate e, then
  d = 2 e (1 - e). Only a turned reading is a twin, and only where they disagree both ways: relations that are nearly
  the same (parent, ancestor), or of which one implies the other, differ for good reason;
- a *near-law* of two atoms is broken: p(a, b) -> q(a, b), ~(p(a, b) & q(a, b)), or p(a, b) | q(a, b), in either
  orientation, holds but for a few groundings; one of the two facts is wrong there. The one that breaks more such laws
  bears the blame, in a tie each bears half;
- the network was *unsure*: its log-odds lie near the threshold. The least sure share 3 e is doubted. Where no predicate
  has a twin, what the network says of itself tells how many are wrong (``own_errors``), and none is doubted.

Where twins never disagree there are no errors to look for, and a broken near-law is no law: facts are then taken at
their word. Groundings that contain a doubted fact are not valid in ``trusted``. What errors are left there is not
known; with the blamed facts a share w of those that are true,

    (w / 2)^2  (two errors that agree with each other)   +   w / 20  (errors that no law shows)

of the groundings of an atom may be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from kg import Atom
from rulekd.extraction.counting.candidates import PairCounts, blocks, count_pairs
from rulekd.facts import Facts, log_odds

#: How much larger than the estimated share of wrong facts the share of unsure facts is that are doubted.
MARGIN = 3.0

#: Where nothing has a twin, the share of true facts that are wrong by what the network says of itself, at most.
UNSURE = 0.1

#: Correlation above which a turned reading is taken for the same, blurred by errors: of what a network says, and of
#: facts that are given, where errors are rare and a difference is more likely meant.
TWINS, GIVEN_TWINS = 0.5, 0.85

#: Errors make twins disagree both ways: of so many disagreements the rarer way has at least this share.
DISAGREE, RARER = 20, 0.25

#: A near-law is broken in at most this share of its groundings, and has at least so many.
FEW, MIN_LIVE = 0.1, 20

#: Of the errors that near-laws show, this share again is shown by none.
HIDDEN = 0.05


@dataclass(frozen=True)
class Twin:
    """p(a, b) is other(b, a), or its opposite."""

    predicate: str
    other: str
    opposite: bool = False


@dataclass(frozen=True)
class Suspicions:
    """What may give wrong facts away, found on one part of them: twins, and near-laws."""

    twins: Mapping[str, tuple[Twin, ...]]
    laws: tuple[NearLaw, ...]

    def about(self, facts: Facts) -> Doubt:
        """Which facts to doubt; none where twins never disagree and the network was sure."""
        best = closest(facts, self.twins)
        errors, wrong = error_rates(facts, best), wrong_shares(facts, best)
        spoken = [law for law in self.laws if {law.one[0], law.other[0]} <= facts.values.keys()]
        found = blame(facts, spoken) if any(errors.values()) else Blame({}, {})
        return Doubt(errors, wrong, found.wrong, found.doubted, frozenset(best))


@dataclass(frozen=True)
class Doubt:
    """errors: by predicate the share of wrong facts that twins show; wrong: of its true facts. blamed: the share of
    true facts that bear the blame for broken near-laws. doubted: by predicate, bool, shape of the values. twinned: the
    predicates that have a twin."""

    errors: Mapping[str, float]
    wrong: Mapping[str, float]
    blamed: Mapping[str, float]
    doubted: Mapping[str, Tensor]
    twinned: frozenset[str]

    def without_unsure(self, facts: Facts) -> Facts:
        """The facts without those that the network was unsure of."""
        return trusted(facts, {}, self.errors)

    def trusted(self, facts: Facts) -> Facts:
        """The facts without those either, that break near-laws."""
        return trusted(facts, self.doubted, self.errors)

    def own(self, facts: Facts) -> dict[str, float]:
        """What the network says of its own errors, where no twin says how many there are."""
        return {} if self.twinned else own_errors(facts)


def suspicions(facts: Facts) -> Suspicions:
    """Twins and near-laws of the relations over two objects."""
    if not any(value.dim() == 3 for value in facts.values.values()):
        return Suspicions({}, ())
    counts = count_pairs(facts, 2)
    return Suspicions(twins(facts, counts), near_laws(counts))


def twins(facts: Facts, counts: PairCounts | None = None) -> dict[str, tuple[Twin, ...]]:
    """The turned readings that errors alone make differ: both ways, or, as a network may err in one of the two only, in
    few groundings."""
    counts = count_pairs(facts, 2) if counts is None else counts
    implied = one_way(counts)
    few = counts.first + counts.second - 2 * counts.both <= FEW * torch.minimum(counts.first, counts.second)
    size = len(counts.atoms) // 2
    number = {atom.predicate: place for place, atom in enumerate(counts.atoms[:size])}

    def meant(twin: Twin) -> bool:
        one, other = number[twin.predicate], size + number[twin.other]
        given = facts.values[twin.predicate].dtype == torch.bool
        return bool(implied[one, other] | implied[other, one]) and (given or not bool(few[one, other]))

    found = {name: tuple(twin for twin in some if not meant(twin)) for name, some in turned(facts, counts).items()}
    # An opposite is asked only where nothing else is: an order of scores is one by construction, right or wrong.
    return opposites(facts, counts) | {name: some for name, some in found.items() if some}


def opposites(facts: Facts, counts: PairCounts) -> dict[str, tuple[Twin, ...]]:
    """For each predicate over two objects the turned readings that it is the opposite of, but for errors: both are true
    about as often as neither is. Of a strict order with ties neither is, and for good reason."""
    phi, size = correlation(counts), len(counts.atoms) // 2
    differ = counts.both + counts.neither  # where they never differ nothing is learned: an order of scores is one
    either = (differ > 0) & (torch.minimum(counts.both, counts.neither) >= RARER * differ)
    found = {}
    for place, atom in enumerate(counts.atoms[:size]):
        opposite = (phi[place, size:] <= -_least(facts, atom)) & either[place, size:]
        some = opposite.nonzero().flatten().tolist()
        if some:
            names = (counts.atoms[other].predicate for other in some)
            found[atom.predicate] = tuple(Twin(atom.predicate, name, opposite=True) for name in names)
    return found


def turned(facts: Facts, counts: PairCounts | None = None) -> dict[str, tuple[Twin, ...]]:
    """For each predicate over two objects the turned readings that correlate with it strongly."""
    counts = count_pairs(facts, 2) if counts is None else counts
    phi, size = correlation(counts), len(counts.atoms) // 2
    found = {}
    for place, atom in enumerate(counts.atoms[:size]):
        alike = (phi[place, size:] >= _least(facts, atom)).nonzero().flatten().tolist()
        if alike:
            found[atom.predicate] = tuple(Twin(atom.predicate, counts.atoms[other].predicate) for other in alike)
    return found


def correlation(counts: PairCounts) -> Tensor:
    """(M, M): the phi coefficient of two atoms, (n both - first second) / sqrt of the product of the four margins."""
    n, x, y, both = counts.valid, counts.first, counts.second, counts.both
    return (n * both - x * y) / (x * (n - x) * y * (n - y)).clamp_min(1e-9).sqrt()


def _least(facts: Facts, atom: Atom) -> float:
    """The correlation above which a turned reading is a twin."""
    return GIVEN_TWINS if facts.values[atom.predicate].dtype == torch.bool else TWINS


def one_way(counts: PairCounts) -> Tensor:
    """(M, M) bool: do the two differ, and hardly ever by the first being true without the second?"""
    alone = counts.first - counts.both
    differ = alone + counts.second - counts.both
    return (differ >= DISAGREE) & (alone < RARER * differ)


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


@dataclass(frozen=True)
class NearLaw:
    """Two oriented atoms of which something never comes together: ``broken`` is (one is true, other is true) there.

    one implies other: (True, False); excludes it: (True, True); exhausts with it: (False, False). Turned ones are read
    as p(b, a).
    """

    one: tuple[str, bool]
    other: tuple[str, bool]
    broken: tuple[bool, bool]


def near_laws(counts: PairCounts) -> tuple[NearLaw, ...]:
    """The implications, exclusions and exhaustions of two oriented atoms that hold but for a few groundings."""
    first, second, both, size = counts.first, counts.second, counts.both, len(counts.atoms) // 2
    implied = (first >= MIN_LIVE) & (first - both <= FEW * first)

    def seldom(one: Tensor, other: Tensor, common: Tensor) -> Tensor:
        """Beside a frequent side a rare one looks exclusive: common groundings must be few of those by chance."""
        expected = one * other / counts.valid.clamp_min(1)
        few = (common <= 2 * FEW * expected) & (common <= FEW * torch.minimum(one, other))
        return (expected >= MIN_LIVE) & few

    symmetric = {
        (True, True): seldom(first, second, both),
        (False, False): seldom(counts.valid - first, counts.valid - second, counts.neither),
    }
    found = []
    for i in range(size):  # the first is read forwards: the law turned round is the same law
        for j in range(2 * size):
            one, other = (counts.atoms[i].predicate, False), (counts.atoms[j % size].predicate, j >= size)
            if i != j and implied[i, j]:
                found.append(NearLaw(one, other, (True, False)))
            found += [
                NearLaw(one, other, both) for both, some in symmetric.items() if i != j and i <= j % size and some[i, j]
            ]
    return tuple(found)


def broken_by(law: NearLaw, facts: Facts) -> Tensor:
    """(B, N, N) bool: where a near-law is broken, in the orientation of its first atom."""
    name, turned = law.other
    one, valid = facts.crisp(law.one[0]), facts.validity(law.one[0])
    other, asked = facts.crisp(name), facts.validity(name)
    if turned:
        other, asked = other.transpose(1, 2), asked.transpose(1, 2)
    mine, theirs = law.broken
    return (one == mine) & (other == theirs) & valid & asked & facts.groundings(2)


@dataclass(frozen=True)
class Blame:
    """doubted: by predicate, bool, shape of the values: facts in a broken near-law. wrong: by predicate, the share of
    its true facts that bear the blame."""

    doubted: Mapping[str, Tensor]
    wrong: Mapping[str, float]


def residual(wrong: float) -> float:
    """Share of an atom's groundings that may be wrong without having been doubted: (w / 2)^2 + w / 20.

    Half: w counts facts that were added and facts that were forgotten, and an atom suffers from one of the two.

    >>> residual(0.0), round(residual(0.02), 4)
    (0.0, 0.0011)
    """
    return (wrong / 2) ** 2 + HIDDEN * wrong


def wrong_shares(facts: Facts, best: Mapping[str, tuple[Twin, float]]) -> dict[str, float]:
    """For each predicate the share of its true facts that twins say are wrong, half the disagreements each.

    Predicates without a twin are known no better than the worst of those with one.
    """
    known = {}
    for name, (twin, _) in best.items():
        differ, valid = _disagreement(twin, facts)
        known[name] = min(1.0, float(differ.sum()) / 2 / max(1, int((facts.crisp(name) & valid).sum())))
    worst = max(known.values(), default=0.0)
    return {name: known.get(name, worst) for name in facts.values}


def blame(facts: Facts, laws: Sequence[NearLaw]) -> Blame:
    """Which facts break near-laws, and which of them are wrong by all appearance; a part of the scenes at a time."""
    names = {name for law in laws for name in (law.one[0], law.other[0])}
    doubted = {name: torch.zeros_like(facts.values[name], dtype=torch.bool) for name in names}
    guilt = dict.fromkeys(names, 0.0)
    for index in blocks(facts, (3 * len(names) + len(laws)) * facts.objects.shape[1] ** 2):
        for name, (voted, share) in _bearers(facts.select(index), laws, names).items():
            doubted[name][index] = voted
            guilt[name] += share
    true = {name: facts.told(name) for name in names}
    return Blame(doubted, {name: min(1.0, guilt[name] / max(1, true[name])) for name in names})


def _bearers(facts: Facts, laws: Sequence[NearLaw], names: set[str]) -> dict[str, tuple[Tensor, float]]:
    """By predicate: bool, facts in a broken near-law; and the sum of the blame that they bear."""
    broken = [broken_by(law, facts) for law in laws]
    votes = {
        name: torch.zeros(facts.values[name].shape, dtype=torch.int16, device=facts.objects.device) for name in names
    }

    def both(law: NearLaw, of: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        name, turned = law.other
        return of[law.one[0]], of[name].transpose(1, 2) if turned else of[name]

    for law, where in zip(laws, broken, strict=True):
        for vote in both(law, votes):
            vote += where
    guilt = {name: torch.zeros(vote.shape, dtype=torch.float32, device=vote.device) for name, vote in votes.items()}
    for law, where in zip(laws, broken, strict=True):
        mine, theirs = both(law, votes)
        more = torch.where(mine == theirs, 0.5, (mine > theirs).float())
        for share, bearer in zip((more, 1 - more), both(law, guilt), strict=True):
            torch.maximum(bearer, share * where, out=bearer)
    return {name: (vote > 0, float(guilt[name].sum(dtype=torch.float64))) for name, vote in votes.items()}


def trusted(facts: Facts, doubted: Mapping[str, Tensor], errors: Mapping[str, float]) -> Facts:
    """The facts without those that are doubted, and without those that the network was unsure of."""
    valid = dict(facts.valid)
    for name, value in facts.values.items():
        vague = value.dtype != torch.bool and errors[name] > 0
        if name in doubted or vague:
            keep = facts.validity(name)
            keep = keep & ~unsure(facts, name, MARGIN * errors[name]) if vague else keep
            valid[name] = keep & ~doubted[name] if name in doubted else keep
    return replace(facts, valid=valid)


def unsure(facts: Facts, name: str, share: float) -> Tensor:
    """Bool, shape of the values: the given share of valid groundings whose log-odds lie nearest to the threshold.

    Of values that are equally near, as where a network's log-odds are clipped, all are doubted or none: none where that
    would be more than the share.
    """
    value, valid = facts.values[name], facts.validity(name)
    if value.dtype == torch.bool or share <= 0:
        return torch.zeros_like(valid)
    margin = (value - log_odds(facts.thresholds.get(name, 0.5))).abs()
    seen = margin[valid]
    if not len(seen):
        return torch.zeros_like(valid)
    rank = min(len(seen), max(1, round(share * len(seen))))
    if rank == len(seen):
        return valid
    return (margin < seen.kthvalue(rank + 1).values) & valid


def own_errors(facts: Facts) -> dict[str, float]:
    """By predicate the share of true facts that are wrong by what the network says of itself, none of given facts.

    As many facts are wrong as the sum of sigmoid(-|log-odds|), if it knows how sure it may be; networks are surer than
    right, so that MARGIN times as many are allowed for, up to UNSURE of those that are true.
    """
    found = {}
    for name, value in facts.values.items():
        valid = facts.validity(name)
        if value.dtype != torch.bool and facts.told(name):
            distance = (value[valid].double() - log_odds(facts.thresholds.get(name, 0.5))).abs()
            found[name] = min(UNSURE, MARGIN * float(torch.sigmoid(-distance).sum()) / facts.told(name))
    return found


def _disagreement(twin: Twin, facts: Facts) -> tuple[Tensor, Tensor]:
    """(differ, valid): where a predicate and its twin disagree, in the predicate's own orientation."""
    mine, other = facts.crisp(twin.predicate), facts.crisp(twin.other).transpose(1, 2)
    valid = facts.validity(twin.predicate) & facts.validity(twin.other).transpose(1, 2)
    return ((mine == other) if twin.opposite else (mine != other)) & valid, valid
