"""From a candidate to a rule: ledgers, the two tests, doubt.

A candidate was proposed on the discovery part. It is judged by

- *level*: the violation rate on facts that are not doubted, a mean over the units of the confirmation part, lies under
  the tolerance and what errors explain beside it (betting);
- *chance*: body and head are related within the units of the confirmation part (renaming the head's objects);

each with Benjamini-Hochberg over the candidates. A teacher errs, so true rules are broken too, and near-rules pass
both tests. Where labels of the same scenes are clean they decide the level: a law of the data that the teacher breaks
too often is kept (there a student can beat its teacher), and a rule that the teacher obeys and the data break is a
habit, not confirmed. Elsewhere the teacher's answers decide, and a rule whose violations its errors do not explain
is refuted by an e-value of 20 on facts that are not doubted, of all scenes: to refute is no discovery. Facts without
errors refute what has more than one exception in a thousand. A person who names a tolerance says what a law may cost:
then the level of all answers decides alone.

Ledgers count all scenes, so that anybody recomputes them from the facts. Their interval is that of a rule given in
advance; among rules that were screened on a part of the same scenes it is a little optimistic near the screen's slack.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import Evidence, Formula, Kind, Ledger, Provenance, Rule
from kg.formulas import Atom, Compare, Iff, Not, Or, Under, walk
from rulekd.extraction import betting
from rulekd.extraction.chance import p_values
from rulekd.extraction.doubt import residual
from rulekd.extraction.sides import tallies
from rulekd.facts import Facts
from rulekd.grounding import View

#: Units under which no level is confirmed, however well the rule holds.
MIN_UNITS = 8

#: Live groundings under which a candidate is not proposed.
MIN_SUPPORT = 20

#: False discovery rates of the two tests.
LEVEL, CHANCE = 0.05, 0.01

#: An e-value that refutes.
REFUTED = math.log(20)

#: Exceptions of a law in facts without errors, as a share of its live groundings.
EXCEPTIONS = 0.001

#: What errors do to laws: this many times what all but one in five of the rules show.
USUAL, COMMON = 2.0, 0.8

#: Labels with more estimated errors than this share do not judge rules.
ERROR_CAP = 0.02

#: Errors of the network, per predicate, that may explain the violations of a law of one body atom, and of two scenes:
#: a false law under a transform holds on nine pairs in ten.
EXPLAINED_CAP, EXPLAINED_CAP_UNDER = 0.10, 0.05


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

    def share(self, predicate: str) -> float:
        """Share of the groundings at which a predicate is true."""
        if predicate not in self._shares:
            facts = self.view.facts
            valid = facts.validity(predicate)
            self._shares[predicate] = float((facts.crisp(predicate) & valid).sum()) / max(1, int(valid.sum()))
        return self._shares[predicate]


@dataclass(frozen=True)
class Bar:
    """What a rule must pass.

    tolerance: largest violation rate of a law. stated: did a person name it? held_out: (B,) bool, the scenes of the
    confirmation part; none where there are too few units for a level, and rules are shown as not confirmed.
    examined: candidates of all families.
    """

    tolerance: float
    stated: bool
    held_out: Tensor
    examined: int

    @property
    def exploring(self) -> bool:
        """Are there too few units to confirm anything?"""
        return not bool(self.held_out.any())


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


def confirm(
    candidates: Sequence[Formula],
    source: Source,
    data: Source | None,
    bar: Bar,
    provenance: Mapping[Formula, Provenance],
    keep: Collection[Formula] = (),
    tables: Sequence[Collection[Formula]] = (),
) -> Judged:
    """Judge candidates; what neither the network nor clean labels hold is dropped.

    Confirmed is what the network obeys and clean labels, if there are any, do not deny. A habit is obeyed and denied;
    a law of the data that the network breaks too often is kept unconfirmed: there a student can beat its teacher.
    keep: candidates that are not dropped for their level alone, only left unconfirmed. tables: candidates that say
    something together; where they hold in the sum, and most of them are no chance, none is dropped.
    """
    held = _units(source.view.facts, bar.held_out)
    told = tallies_of(candidates, source.view, source.images)
    said = undoubted(candidates, source)
    judged = [_Candidate(formula) for formula in candidates]
    for place, one in enumerate(judged):
        one.tolerance = bar.tolerance if bar.stated else min(0.99, bar.tolerance + explained(one.formula, source))
        one.by_teacher = _level((told if bar.stated else said)[place].of(held), one.tolerance)
    if not bar.stated:
        for one, counted_so in zip(judged, refutations(candidates, said, source), strict=True):
            one.refuted = counted_so
    if data is not None:
        _ask_data(judged, data, held, bar)
    in_teacher = benjamini_hochberg([one.by_teacher for one in judged], LEVEL)
    in_deciding = benjamini_hochberg([one.deciding for one in judged], LEVEL)
    # A rule without two sides (exactly_one) is no matter of chance: the exclusions that it is made of were tested.
    chance = _chance(candidates, source, bar)
    tested = bar.examined if bar.exploring else len(candidates)
    related = benjamini_hochberg([0.0 if p is None else p for p in chance], CHANCE, tested)
    doubtful = unreliable(source)
    for place, one in enumerate(judged):
        one.holds = bool(in_deciding[place]) and not one.refuted
        one.confirmed = one.holds and bool(in_teacher[place] and related[place])
    places = {formula: place for place, formula in enumerate(candidates)}
    together: set[Formula] = set()
    for table in tables:
        asked = [places[formula] for formula in table]
        if _stands([said[place].of(held) for place in asked], bar) and 2 * sum(related[asked]) > len(asked):
            together |= set(table)
    rules, missed = [], []
    for place, one in enumerate(judged):
        mostly_error = bool(doubtful & spoken(one.formula)) and not (one.asked_data or isinstance(one.formula, Under))
        if mostly_error and one.formula not in together:
            continue
        habit = one.asked_data and bool(in_teacher[place]) and not one.holds
        # A permutation test has no p so small that it would stand against all columns a definition was searched in; too
        # few units to confirm anything, and it is shown for what it is: fitted, and unconfirmed.
        fitted = bar.exploring and one.formula in keep and (chance[place] or 0.0) <= CHANCE
        shown = fitted or (related[place] and (one.holds or habit or bar.exploring or one.formula in keep))
        if not (shown or one.formula in together):
            missed.append((one.deciding, _missed(one, told[place], chance[place])))
            continue
        rules.append(
            Rule(
                one.formula,
                evidence=Evidence(
                    teacher=ledger(told[place]),
                    data=None if one.in_data is None else ledger(one.in_data),
                    discovery=None if bar.exploring else ledger(told[place].of(~held)),
                    undoubted=ledger(said[place]),
                    tolerance=one.tolerance,
                    level_p=one.by_teacher,
                    chance_p=chance[place],
                    confirmed=one.confirmed,
                    examined=bar.examined,
                ),
                provenance=provenance[one.formula],
                kind=Kind.HABIT if habit else Kind.UNKNOWN,
            )
        )
    return Judged(rules, min(missed)[1] if missed else "")


def _stands(cells: Sequence[Tally], bar: Bar) -> bool:
    """Does a table hold, all its cells counted together?"""
    summed = Tally(np.sum([cell.live for cell in cells], axis=0), np.sum([cell.broken for cell in cells], axis=0))
    return bar.exploring or _level(summed, bar.tolerance) <= LEVEL


@dataclass
class _Candidate:
    """What is known about one candidate while it is judged. in_data: counted in the labels that speak of it."""

    formula: Formula
    tolerance: float = 0.0
    by_teacher: float = 1.0
    by_data: float = 1.0
    refuted: bool = False
    holds: bool = False
    confirmed: bool = False
    in_data: Tally | None = None
    asked_data: bool = False

    @property
    def deciding(self) -> float:
        return self.by_data if self.asked_data else self.by_teacher


def _ask_data(judged: Sequence[_Candidate], data: Source, held: NDArray[np.bool_], bar: Bar) -> None:
    """Count in the labels what they speak of; where they are clean, they decide."""
    able = [one for one in judged if _in_words_of(one.formula, data)]
    formulas = [one.formula for one in able]
    counted = tallies_of(formulas, data.view, data.images)
    for one, raw, said in zip(able, counted, undoubted(formulas, data), strict=True):
        one.in_data = raw
        one.by_data = _level(raw.of(held), bar.tolerance)
        one.asked_data = clean(one.formula, data)
        if one.asked_data:
            one.refuted = not bar.stated and refuted(one.formula, said, data)


def _units(facts: Facts, scenes: Tensor) -> NDArray[np.bool_]:
    """(U,) bool: the units of some scenes."""
    units = facts.units.cpu()
    chosen = np.zeros(int(units.max()) + 1 if len(units) else 0, dtype=np.bool_)
    chosen[units[scenes.cpu()].numpy()] = True
    return chosen


def _chance(candidates: Sequence[Formula], source: Source, bar: Bar) -> list[float | None]:
    """p-values on the confirmation part; on everything where there is none."""
    if bar.exploring:
        return p_values(candidates, source.view, source.images)
    index = bar.held_out.nonzero().flatten()
    images = {name: view.select(index) for name, view in source.images.items()}
    return p_values(candidates, source.view.select(index), images)


def _level(counted: Tally, tolerance: float) -> float:
    """p-value of "the rate is above the tolerance"; 1 on too few units."""
    rates = counted.rates
    return betting.p_at_most(rates, tolerance) if len(rates) >= MIN_UNITS else 1.0


def clean(formula: Formula, source: Source) -> bool:
    """Are the labels of its predicates right often enough to judge a rule by? Then they are asked, not the network."""
    return all(source.errors.get(predicate, 1.0) <= ERROR_CAP for predicate in spoken(formula))


def _missed(one: _Candidate, told: Tally, chance: float | None) -> str:
    broken, live = int(told.broken.sum()), int(told.live.sum())
    by_chance = "" if chance is None else f", p {chance:.2g} of being there by chance"
    level = f"p {one.deciding:.2g} of its level"
    return f"'{one.formula}': {broken:,} of {live:,} live groundings break it; {level}{by_chance}"


def undoubted(formulas: Sequence[Formula], source: Source) -> list[Tally]:
    """Rules counted on facts that are not doubted.

    A law of one body atom would corroborate itself if the near-laws that it makes decided what to doubt: it is counted
    on all but the unsure facts.
    """
    single = [place for place, formula in enumerate(formulas) if _single(formula)]
    others = [place for place, formula in enumerate(formulas) if not _single(formula)]
    parts = [
        tallies_of([formulas[place] for place in places], view, source.trusted_images)
        for places, view in ((single, source.unsure), (others, source.trusted))
    ]
    by_place = dict(zip((*single, *others), (*parts[0], *parts[1]), strict=True))
    return [by_place[place] for place in range(len(formulas))]


def refuted(formula: Formula, counted: Tally, source: Source, share: float = 1.0) -> bool:
    """Do undoubted facts break the rule more often than the errors left in them explain?

    counted: ``undoubted`` of the source. The e-value of "the rate is at most what errors explain" has reached 20. Where
    no error is left, a law may have one exception in a thousand live groundings: a touch that rounding hides, a box
    without a height. A definition is an approximation with a fidelity of its own: only its level counts.
    """
    if isinstance(formula, Iff) and any(isinstance(inner, Compare) for inner in walk(formula.right)):
        return False
    error = min(share * explained(formula, source), 1.0)
    if not error:
        return bool(counted.broken.sum() > EXCEPTIONS * counted.live.sum())
    return bool(betting.log_capital_above(counted.rates, error) >= REFUTED)


def refutations(formulas: Sequence[Formula], counted: Sequence[Tally], source: Source) -> list[bool]:
    """Which rules are refuted, when what errors explain is put to the test by the rules themselves.

    ``explained`` is what errors give at most to a law of several body atoms. Of a rule that is not refuted, r is its
    rate over what is explained. If most of these rules are laws, twice the r that four in five of them keep under says
    what errors do here at most; where that is less than 1, all are judged again by that share of what is explained.
    """
    found = [refuted(formula, said, source) for formula, said in zip(formulas, counted, strict=True)]
    several = [
        place
        for place, formula in enumerate(formulas)
        if not (found[place] or _single(formula) or isinstance(formula, Under))
        and len(counted[place].rates)
        and explained(formula, source) > 0
    ]
    if not several:
        return found
    ratios = [float(counted[place].rates.mean()) / explained(formulas[place], source) for place in several]
    share = USUAL * float(np.quantile(ratios, COMMON))
    if 0 < share < 1:
        for place in several:
            found[place] = refuted(formulas[place], counted[place], source, share)
    return found


def explained(formula: Formula, source: Source) -> float:
    """The violation rate that wrong facts alone would give a true law, at most.

    With w the share of a predicate's true facts that are wrong and s the share of groundings at which it is true:

        p -> q, p <-> q, under T: p <-> q     w_p + w_q
        ~(p & q)                              2 (w_p + w_q) s_p s_q / (s_p + s_q):  errors that fall on the other one
        p | q                                 w_p s_p + w_q s_q
        several body atoms                    the sum of what is left of each atom's errors, ``residual``
    """
    names = [inner.predicate for inner in walk(formula) if isinstance(inner, Atom)]
    cap = EXPLAINED_CAP_UNDER if isinstance(formula, Under) else EXPLAINED_CAP
    wrong = [min(source.wrong.get(name, 0.0), cap) for name in names]
    if not (_single(formula) or isinstance(formula, Under)):
        return sum(residual(source.blamed.get(name, 0.0)) for name in names)
    if len(names) == 2 and isinstance(formula, Not | Or):
        one, other = (source.share(name) for name in names)
        if isinstance(formula, Or):
            return wrong[0] * one + wrong[1] * other
        return 2 * sum(wrong) * one * other / max(one + other, 1e-9)
    return sum(wrong)


def benjamini_hochberg(p_values: Sequence[float], level: float, tested: int = 0) -> NDArray[np.bool_]:
    """Which hypotheses are rejected when the share of false rejections is to stay at ``level``.

    tested: how many there were, where only the smallest p-values are given.

    >>> benjamini_hochberg([0.001, 0.04, 0.9], 0.05).tolist()
    [True, False, False]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not p.size:
        return np.zeros(0, dtype=np.bool_)
    ordered = np.sort(p)
    passed = ordered <= level * np.arange(1, len(p) + 1) / max(len(p), tested)
    cut = ordered[passed.nonzero()[0].max()] if passed.any() else -1.0
    return np.asarray(p <= cut, dtype=np.bool_)


def _in_words_of(formula: Formula, data: Source) -> bool:
    """Do the labels speak of all its predicates, and of the transformed scenes?"""
    if isinstance(formula, Under) and str(formula.transform) not in data.images:
        return False
    return spoken(formula) <= set(data.view.facts.values)


def unreliable(source: Source) -> set[str]:
    """Predicates of which the network is estimated to be wrong more than half as often as they are true (or false).

    What it says about them is mostly error, and so would be the rules.
    """
    return {
        name for name, error in source.errors.items() if error > 0.5 * min(source.share(name), 1 - source.share(name))
    }


def _single(formula: Formula) -> bool:
    """A law of one body atom in one scene."""
    return not isinstance(formula, Under) and sum(isinstance(inner, Atom) for inner in walk(formula)) <= 2


def spoken(formula: Formula) -> set[str]:
    """The predicates of a formula."""
    return {atom.predicate for atom in walk(formula) if isinstance(atom, Atom)}
