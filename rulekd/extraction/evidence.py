"""From a candidate to a rule: ledgers, the two tests, doubt, citations.

A candidate was proposed on the discovery part. Here it is judged on the confirmation part, by

- *level*: the violation rate on facts that are not doubted, a mean over units, lies under the tolerance (betting);
- *chance*: body and head are related within units (renaming the head's objects);

each with Benjamini-Hochberg over the candidates. A teacher errs, so true rules are broken too, and near-rules pass
both tests. Where labels of the same scenes are clean they decide the level: a law of the data that the teacher breaks
too often is kept (there a student can beat its teacher), and a rule that the teacher obeys and the data break is a
habit, not confirmed. Elsewhere the teacher's answers decide, and a rule whose violations its errors do not explain
is refuted by an e-value of 20 on facts that are not doubted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Citation, Evidence, Formula, Kind, Ledger, Provenance, Rule
from kg.formulas import Atom, Compare, Iff, Under, walk
from rulekd.extraction import betting
from rulekd.extraction.chance import p_by_chance
from rulekd.grounding import View, blocks, count

#: Units under which no level is confirmed, however well the rule holds.
MIN_UNITS = 8

#: Live groundings under which a candidate is not proposed.
MIN_SUPPORT = 20

#: False discovery rates of the two tests.
LEVEL, CHANCE = 0.05, 0.01

#: An e-value that refutes.
REFUTED = math.log(20)

#: Labels with more estimated errors than this share do not judge rules.
ERROR_CAP = 0.02

#: Errors of the network, per predicate, that may explain the violations of a law of one body atom or of two scenes.
EXPLAINED_CAP = 0.05

#: Examples and counterexamples cited with a rule, each.
CITED = 3


@dataclass(frozen=True)
class Source:
    """Where one ledger is counted: the facts about the scenes, and about their images under transforms.

    unsure: the same without the facts that the network was unsure of. trusted: and without those that twins
    give away. errors: for each predicate the estimated share of wrong facts.
    """

    view: View
    unsure: View
    trusted: View
    images: Mapping[str, View] = field(default_factory=dict)
    trusted_images: Mapping[str, View] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What came of the candidates. nearest: the best of those that failed, in words; empty when none did."""

    rules: list[Rule]
    nearest: str


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


def tally(formula: Formula, view: View, images: Mapping[str, View]) -> Tally:
    """Count a rule in every unit, exactly."""
    live, broken = count(formula, view, images)
    units = view.facts.units.cpu()
    sums = torch.zeros(2, int(units.max()) + 1 if len(units) else 0, dtype=torch.int64)
    sums.index_add_(1, units, torch.stack([live.cpu(), broken.cpu()]))
    return Tally(sums[0].numpy(), sums[1].numpy())


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


def confirm(
    candidates: Sequence[Formula],
    discovery: Source,
    confirmation: Source,
    data: Source | None,
    *,
    tolerance: float,
    examined: int,
    provenance: Mapping[Formula, Provenance],
    keep: Collection[Formula] = (),
) -> Judged:
    """Judge candidates on the confirmation part; what neither the network nor clean labels hold is dropped.

    Confirmed is what the network obeys and clean labels, if there are any, do not deny. A habit is obeyed and denied;
    a law of the data that the network breaks too often is kept unconfirmed: there a student can beat its teacher.
    keep: candidates that are not dropped for their level alone, only left unconfirmed.
    """
    tallies = [tally(f, confirmation.view, confirmation.images) for f in candidates]
    on_data = [None if data is None else _data_tally(f, data) for f in candidates]
    by_data = [data is not None and t is not None and clean(f, data) for f, t in zip(candidates, on_data, strict=True)]
    said = [undoubted(f, confirmation) for f in candidates]
    in_teacher = [_level(t, tolerance) for t in said]
    deciding = [
        _level(other, tolerance) if asked and other is not None else p
        for p, other, asked in zip(in_teacher, on_data, by_data, strict=True)
    ]
    chance = [p_by_chance(f, confirmation.view, _image(f, confirmation.images)) for f in candidates]
    by_level = benjamini_hochberg(deciding, LEVEL)
    by_teacher = benjamini_hochberg(in_teacher, LEVEL)
    # A rule without two sides (exactly_one) is no matter of chance: the exclusions that it is made of were tested.
    by_chance = benjamini_hochberg([0.0 if p is None else p for p in chance], CHANCE)
    doubtful = unreliable(confirmation)
    rules: list[Rule] = []
    missed: list[tuple[float, str]] = []
    for place, formula in enumerate(candidates):
        if not by_data[place] and not isinstance(formula, Under) and doubtful & _spoken(formula):
            continue
        if by_data[place] and data is not None:
            judge, judged = data, undoubted(formula, data)
        else:
            judge, judged = confirmation, said[place]
        holds = bool(by_level[place]) and not refuted(formula, judged, judge.errors)
        habit = by_data[place] and bool(by_teacher[place]) and not holds
        if not by_chance[place] or not (holds or habit or formula in keep):
            missed.append((deciding[place], _missed(formula, tallies[place], deciding[place], chance[place])))
            continue
        counted = on_data[place]
        rules.append(
            Rule(
                formula,
                evidence=Evidence(
                    teacher=ledger(tallies[place]),
                    data=None if counted is None else ledger(counted),
                    discovery=ledger(tally(formula, discovery.view, discovery.images)),
                    tolerance=tolerance,
                    level_p=in_teacher[place],
                    chance_p=chance[place],
                    confirmed=holds and bool(by_teacher[place]),
                    examined=examined,
                    examples=tuple(cite(formula, confirmation, broken=False)),
                    counterexamples=tuple(cite(formula, confirmation, broken=True)),
                ),
                provenance=provenance[formula],
                kind=Kind.HABIT if habit else Kind.UNKNOWN,
            )
        )
    return Judged(rules, min(missed)[1] if missed else "")


def _level(counted: Tally, tolerance: float) -> float:
    """p-value of "the rate is above the tolerance"; 1 on too few units."""
    return betting.p_at_most(counted.rates, tolerance) if len(counted.rates) >= MIN_UNITS else 1.0


def clean(formula: Formula, source: Source) -> bool:
    """Are the labels of its predicates right often enough to judge a rule by? Then they are asked, not the network."""
    return all(source.errors.get(predicate, 1.0) <= ERROR_CAP for predicate in _spoken(formula))


def _missed(formula: Formula, counted: Tally, level: float, chance: float | None) -> str:
    broken, live = int(counted.broken.sum()), int(counted.live.sum())
    by_chance = "" if chance is None else f", p {chance:.2g} of being there by chance"
    return f"'{formula}': {broken:,} of {live:,} live groundings break it; p {level:.2g} of its level{by_chance}"


def undoubted(formula: Formula, source: Source) -> Tally:
    """The rule counted on facts that are not doubted.

    A law of one body atom would corroborate itself if the twins that it makes decided what to doubt: it is counted
    on all but the unsure facts.
    """
    return tally(formula, source.unsure if _single(formula) else source.trusted, source.trusted_images)


def refuted(formula: Formula, counted: Tally, errors_of: Mapping[str, float]) -> bool:
    """Do undoubted facts break the rule more often than the errors left in them explain?

    counted: ``undoubted`` of a source. errors_of: the estimated share of wrong facts by predicate, of the same source.
    The e-value of "the rate is at most what errors explain" has reached 20. Where no error is left, that is at
    the first counterexample. A definition is an approximation with a fidelity of its own: only its level counts.
    """
    if isinstance(formula, Iff) and any(isinstance(inner, Compare) for inner in walk(formula.right)):
        return False
    atoms = [inner.predicate for inner in walk(formula) if isinstance(inner, Atom)]
    errors = [errors_of.get(predicate, 0.0) for predicate in atoms]
    corroborated = not (_single(formula) or isinstance(formula, Under))
    explained = sum(2 * e**2 if corroborated else min(e, EXPLAINED_CAP) for e in errors)
    return bool(betting.log_capital_above(counted.rates, min(explained, 1.0)) >= REFUTED)


def unreliable(source: Source) -> set[str]:
    """Predicates of which the network is estimated to be wrong more than half as often as they are true (or false).

    What it says about them is mostly error, and so would be the rules.
    """
    found = set()
    for name, error in source.errors.items():
        valid = source.view.facts.validity(name)
        share = float((source.view.facts.crisp(name) & valid).sum()) / max(1, int(valid.sum()))
        if error > 0.5 * min(share, 1 - share):
            found.add(name)
    return found


def _single(formula: Formula) -> bool:
    """A law of one body atom in one scene."""
    return not isinstance(formula, Under) and sum(isinstance(inner, Atom) for inner in walk(formula)) <= 2


def benjamini_hochberg(p_values: Sequence[float], level: float) -> NDArray[np.bool_]:
    """Which hypotheses are rejected when the share of false rejections is to stay at ``level``.

    >>> benjamini_hochberg([0.001, 0.04, 0.9], 0.05).tolist()
    [True, False, False]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not p.size:
        return np.zeros(0, dtype=np.bool_)
    ordered = np.sort(p)
    passed = ordered <= level * np.arange(1, len(p) + 1) / len(p)
    cut = ordered[passed.nonzero()[0].max()] if passed.any() else -1.0
    return np.asarray(p <= cut, dtype=np.bool_)


def cite(formula: Formula, source: Source, *, broken: bool) -> Iterator[Citation]:
    """A few groundings that obey (or break) the rule, from different scenes."""
    found = 0
    for first, part in blocks(formula, source.view, source.images):
        wanted = part.broken if broken else part.live & ~part.broken
        for scene in wanted.reshape(len(wanted), -1).any(1).nonzero().flatten().tolist():
            # worlds number real objects, and a mask may have gaps before one
            number = (source.view.facts.objects[first + scene].cumsum(0) - 1).tolist()
            where = [number[place] for place in wanted[scene].nonzero()[0].tolist()]
            name = source.view.facts.name(first + scene)
            yield Citation(scene=name, binding=tuple(zip(part.variables, where, strict=True)), world=name)
            found += 1
            if found == CITED:
                return


def _image(formula: Formula, images: Mapping[str, View]) -> View | None:
    return images[str(formula.transform)] if isinstance(formula, Under) else None


def _spoken(formula: Formula) -> set[str]:
    """The predicates of a formula."""
    return {atom.predicate for atom in walk(formula) if isinstance(atom, Atom)}


def _data_tally(formula: Formula, data: Source) -> Tally | None:
    """The rule counted in the labels; None where they say nothing about it (no labels of the transformed scenes)."""
    if not _spoken(formula) <= set(data.view.facts.values):
        return None
    if isinstance(formula, Under) and str(formula.transform) not in data.images:
        return None
    return tally(formula, data.view, data.images)
