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
errors, as twins or a law without exceptions show, refute what has more than one exception in a thousand. What misses
its level for wrong facts that the laws found so far outvote is judged once more without them. A person who names a
tolerance says what a law may cost: then the level of all answers decides alone.

Ledgers count all scenes, so that anybody recomputes them from the facts. Their interval is that of a rule given in
advance; among rules that were screened on a part of the same scenes it is a little optimistic near the screen's slack.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import Evidence, Formula, Kind, Provenance, Rule
from kg.formulas import Under, predicates
from kg.tables import percent
from rulekd.extraction.counting.matrices import tallies
from rulekd.extraction.counting.source import Source
from rulekd.extraction.evidence import betting
from rulekd.extraction.evidence.chance import p_values
from rulekd.extraction.evidence.outvoted import borne_out
from rulekd.extraction.evidence.refutation import (
    as_told,
    clean,
    explained,
    one_bodied,
    refutations,
    undoubted,
    unreliable,
)
from rulekd.extraction.evidence.tally import Tally, by_unit, ledger, tallies_of
from rulekd.facts import Facts

#: Units under which no level is confirmed, however well the rule holds.
MIN_UNITS = 8

#: Live groundings under which a candidate is not proposed.
MIN_SUPPORT = 20

#: Candidates and scenes from which the time of judging is estimated; how often everything is counted for it, chance
#: included; how often more where facts are doubted; and the seconds a candidate for its intervals and its place in the
#: graph (seen: 0.003 on a core).
TRIED, PASSES, DOUBTED, EACH = 64, 2.5, 2.0, 0.005

#: Largest violation rate of a law under a transform that no labels speak of: false ones hold on nine pairs in ten.
UNLABELLED = 0.05

#: False discovery rates of the two tests.
LEVEL, CHANCE = 0.05, 0.01

#: Weight of a candidate that is broken on the discovery part as often as is tolerated, or oftener.
LEAST = 0.1


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
    """What came of the candidates. nearest: the best of those that failed, in words; empty when none did. live, broken:
    (K, B) int64, the groundings of each of the rules in each scene."""

    rules: list[Rule]
    nearest: str
    live: Tensor
    broken: Tensor

    @property
    def confirmed(self) -> int:
        """How many of the rules are."""
        return sum(rule.evidence is not None and rule.evidence.confirmed for rule in self.rules)

    def without(self, ids: Collection[str]) -> Judged:
        """The same without some rules."""
        kept = [place for place, rule in enumerate(self.rules) if rule.id not in ids]
        return Judged([self.rules[place] for place in kept], self.nearest, self.live[kept], self.broken[kept])


def affordable(candidates: Sequence[Formula], source: Source, seconds: float) -> int:
    """How many of the candidates, from the first on, can be judged in the time: it is tried on a part.

    Of many scenes a few are tried with all candidates, which share what is counted; of few scenes some candidates.
    """
    if math.isinf(seconds) or not candidates:
        return len(candidates)
    facts = source.view.facts
    some = torch.arange(min(TRIED, len(facts)), device=facts.objects.device)
    images = {name: view.select(some) for name, view in source.images.items()}
    tried = candidates if len(facts) > 4 * TRIED else candidates[:TRIED]
    started = time.monotonic()
    tallies(tried, source.view.select(some), images)
    took = time.monotonic() - started
    passes = PASSES if source.believed else PASSES + DOUBTED
    each = EACH + passes * took / len(tried) * len(facts) / max(1, len(some))
    return min(len(candidates), int(max(0.0, seconds - took) / each))


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

    Confirmed is what the network obeys and clean labels, if there are any, hold. A habit is obeyed and denied; what too
    few labels speak for stays unconfirmed;
    a law of the data that the network breaks too often is kept unconfirmed: there a student can beat its teacher.
    keep: candidates that are not dropped for their level alone, only left unconfirmed. tables: candidates that say
    something together; where they hold in the sum, and most of them are no chance, none is dropped.
    """
    held = _units(source.view.facts, bar.held_out)
    live, broken = tallies(candidates, source.view, source.images)
    told = by_unit(live, broken, source.view.facts)
    said = told if source.believed else undoubted(candidates, source)
    judged = [_Candidate(formula) for formula in candidates]
    for place, one in enumerate(judged):
        one.unlabelled = isinstance(one.formula, Under) and not (data and _in_words_of(one.formula, data))
        errors = explained(one.formula, source)
        one.tolerance = bar.tolerance if bar.stated else min(0.99, bar.tolerance + errors)
        one.explained = float(min(1.0, errors)) if as_told(one.formula) else 0.0
        one.by_teacher = _level((told if bar.stated else said)[place].of(held), one.tolerance)
        one.weight = 1.0 if bar.exploring else _promise((told if bar.stated else said)[place].of(~held), one.tolerance)
    in_teacher = _shown([(one.by_teacher, one.weight) for one in judged])
    chance = _chance(candidates, source, bar)
    related = _related(chance, bar)
    if not bar.stated:
        laws = (related & (in_teacher | bar.exploring)).tolist()
        for one, counted_so in zip(judged, refutations(candidates, said, source, laws), strict=True):
            one.refuted = counted_so
    if not (bar.stated or source.believed):
        in_teacher = _again(judged, said, source, related & in_teacher, related & ~in_teacher, held)
    if data is not None:
        _ask_data(judged, data, related, held, bar)
    in_deciding = _shown([one.deciding for one in judged])
    doubtful = unreliable(source)
    for place, one in enumerate(judged):
        one.holds = bool(in_deciding[place]) and not one.refuted
        one.confirmed = one.holds and bool(in_teacher[place] and related[place])
        if one.unlabelled and not bar.stated and one.confirmed:
            one.confirmed = float(told[place].rates.mean()) <= UNLABELLED
    places = {formula: place for place, formula in enumerate(candidates)}
    together: set[Formula] = set()
    for table in tables:
        asked = [places[formula] for formula in table]
        if _stands([said[place].of(held) for place in asked], bar) and 2 * sum(related[asked]) > len(asked):
            together |= set(table)
    rules, missed = [], []
    for place, one in enumerate(judged):
        mostly_error = not doubtful.isdisjoint(predicates(one.formula)) and not (
            one.asked_data or isinstance(one.formula, Under)
        )
        if mostly_error and one.formula not in together:
            continue
        habit = one.asked_data and bool(in_teacher[place]) and not one.holds
        # A permutation test has no p so small that it would stand against all columns a definition was searched in; too
        # few units to confirm anything, and it is shown for what it is: fitted, and unconfirmed.
        fitted = bar.exploring and one.formula in keep and (chance[place] or 0.0) <= CHANCE
        # Where no labels speak of a transform, what the network obeys but for its margin is all that is known.
        obeyed = one.unlabelled and _level(told[place].of(held), bar.tolerance) <= LEVEL
        shown = fitted or (related[place] and (one.holds or habit or obeyed or bar.exploring or one.formula in keep))
        if not (shown or one.formula in together):
            missed.append(
                (
                    not related[place],
                    one.deciding[0],
                    _missed(one, told[place], _reasons(one, chance[place], bool(related[place]), bar)),
                )
            )
            continue
        one.missed = "" if one.confirmed else _reasons(one, chance[place], bool(related[place]), bar)
        evidence = _evidence(one, told[place], said[place], held, chance[place], bar)
        kind = Kind.HABIT if habit and one.denied else Kind.UNKNOWN
        rules.append(Rule(one.formula, evidence=evidence, provenance=provenance[one.formula], kind=kind))
    kept = [places[rule.formula] for rule in rules]
    return Judged(rules, min(missed)[-1] if missed else "", live[kept], broken[kept])


def _again(
    judged: Sequence[_Candidate],
    said: list[Tally],
    source: Source,
    laws: NDArray[np.bool_],
    missed: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Judge the level of those that missed it again, without facts that the laws outvote; ``said`` is changed there.

    A law of one body atom is judged on the facts as they are, here too.
    """
    heard = borne_out([one.formula for one, law in zip(judged, laws, strict=True) if law and not one.refuted], source)
    places = [
        place for place, one in enumerate(judged) if missed[place] and not (one.refuted or one_bodied(one.formula))
    ]
    found = tallies_of([judged[place].formula for place in places], heard, source.trusted_images)
    for place, tally in zip(places, found, strict=True):
        said[place], judged[place].by_teacher = tally, _level(tally.of(held), judged[place].tolerance)
    return _shown([(one.by_teacher, one.weight) for one in judged])


def _stands(cells: Sequence[Tally], bar: Bar) -> bool:
    """Does a table hold, all its cells counted together?"""
    summed = Tally(np.sum([cell.live for cell in cells], axis=0), np.sum([cell.broken for cell in cells], axis=0))
    return bar.exploring or _level(summed, bar.tolerance) <= LEVEL


@dataclass
class _Candidate:
    """What is known about one candidate while it is judged.

    weight, data_weight: among those whose level is tested, by the network and by labels. in_data: counted in the labels
    that speak of it. unlabelled: a law under a transform that no labels speak of.
    """

    formula: Formula
    tolerance: float = 0.0
    weight: float = 1.0
    explained: float = 0.0
    by_teacher: float = 1.0
    by_data: float = 1.0
    data_weight: float = 1.0
    refuted: bool = False
    holds: bool = False
    confirmed: bool = False
    unlabelled: bool = False
    in_data: Tally | None = None
    asked_data: bool = False
    missed: str = ""

    @property
    def denied(self) -> bool:
        """Do the labels break it, and not just fall short of showing that they keep it?"""
        rates = self.in_data.rates if self.in_data is not None else np.zeros(0)
        return self.refuted or bool(len(rates) and rates.mean() > self.tolerance)

    @property
    def deciding(self) -> tuple[float, float]:
        """The p-value that decides, and its weight."""
        return (self.by_data, self.data_weight) if self.asked_data else (self.by_teacher, self.weight)


def _evidence(
    one: _Candidate, told: Tally, said: Tally, held: NDArray[np.bool_], chance: float | None, bar: Bar
) -> Evidence:
    """The numbers of a candidate. told: counted in all answers; said: in those that are not doubted."""
    return Evidence(
        teacher=ledger(told),
        data=None if one.in_data is None else ledger(one.in_data),
        discovery=None if bar.exploring else ledger(told.of(~held)),
        undoubted=ledger(said),
        tolerance=one.tolerance,
        explained=one.explained,
        level_p=one.by_teacher,
        chance_p=chance,
        confirmed=one.confirmed,
        examined=bar.examined,
        missed=one.missed,
    )


def _ask_data(
    judged: Sequence[_Candidate], data: Source, related: NDArray[np.bool_], held: NDArray[np.bool_], bar: Bar
) -> None:
    """Count in the labels what they speak of; where they are clean, they decide. related: which are no chance."""
    places = [place for place, one in enumerate(judged) if _in_words_of(one.formula, data)]
    able = [judged[place] for place in places]
    formulas = [one.formula for one in able]
    for one, raw in zip(able, tallies_of(formulas, data.view, data.images), strict=True):
        one.in_data = raw
        one.by_data = _level(raw.of(held), bar.tolerance)
        one.data_weight = 1.0 if bar.exploring else _promise(raw.of(~held), bar.tolerance)
        one.asked_data = clean(one.formula, data)
    if bar.stated:
        return
    in_data = _shown([(one.by_data, one.data_weight) for one in able])
    laws = (related[places] & (in_data | bar.exploring)).tolist()
    for one, counted_so in zip(able, refutations(formulas, undoubted(formulas, data), data, laws), strict=True):
        if one.asked_data:
            one.refuted = counted_so


def _units(facts: Facts, scenes: Tensor) -> NDArray[np.bool_]:
    """(U,) bool: the units of some scenes."""
    units = facts.units.cpu()
    chosen = np.zeros(int(units.max()) + 1 if len(units) else 0, dtype=np.bool_)
    chosen[units[scenes.cpu()].numpy()] = True
    return chosen


def _chance(candidates: Sequence[Formula], source: Source, bar: Bar) -> list[float | None]:
    """p-values on the confirmation part; on everything where there is none, and of very few units scene by scene."""
    if bar.exploring:
        facts = source.view.facts
        alone = facts if facts.independent() >= MIN_UNITS else replace(facts, group=None)
        return p_values(candidates, replace(source.view, facts=alone), source.images)
    index = bar.held_out.nonzero().flatten()
    images = {name: view.select(index) for name, view in source.images.items()}
    return p_values(candidates, source.view.select(index), images)


def _related(chance: Sequence[float | None], bar: Bar) -> NDArray[np.bool_]:
    """(K,) bool: which candidates are no chance. A rule without two sides (exactly_one) is no matter of chance: the
    exclusions that it is made of are tested, and it has no part in how strictly the others are."""
    found = np.ones(len(chance), dtype=np.bool_)
    tested = [place for place, p in enumerate(chance) if p is not None]
    p_of = [p for p in chance if p is not None]
    found[tested] = benjamini_hochberg(p_of, CHANCE, bar.examined if bar.exploring else len(tested))
    return found


def _level(counted: Tally, tolerance: float) -> float:
    """p-value of "the rate is above the tolerance"; 1 on too few units."""
    rates = counted.rates
    return betting.p_at_most(rates, tolerance) if len(rates) >= MIN_UNITS else 1.0


def _promise(discovery: Tally, tolerance: float) -> float:
    """How much a candidate counts among those whose level is tested: 1 - rate / tolerance on the discovery part."""
    rate = float(discovery.rates.mean()) if len(discovery.rates) else 0.0
    return max(LEAST, 1 - rate / max(tolerance, 1e-9))


def _shown(judged: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """(K,) bool: whose level is shown, from p-values and weights. These come from scenes that those do not."""
    return benjamini_hochberg([p for p, _ in judged], LEVEL, weights=[weight for _, weight in judged])


def _missed(one: _Candidate, told: Tally, reasons: str) -> str:
    """A candidate that is not listed, and every test that it missed."""
    broken, live = int(told.broken.sum()), int(told.live.sum())
    return f"'{one.formula}': {broken:,} of {live:,} live groundings break it; {reasons}"


def _reasons(one: _Candidate, chance: float | None, related: bool, bar: Bar) -> str:
    """Why a candidate is not confirmed: every test that it missed; p-values are those before correction."""
    tests = []
    if one.asked_data and one.denied:
        tests.append("the labels break it")
    elif one.refuted:
        tests.append("its violations are more than errors explain")
    elif bar.exploring:
        tests.append("its level cannot be shown on so few units")
    elif not one.holds:
        tests.append(f"its level is not shown, p {one.deciding[0]:.2g}")
    elif one.asked_data:
        tests.append(f"the labels hold it, but of the network its level is not shown, p {one.by_teacher:.2g}")
    if not related and chance is not None:
        tests.append(f"its relation may be chance, p {chance:.2g}")
    if one.unlabelled and not tests:
        tests.append(f"no labels speak of the transform, and more than {percent(UNLABELLED)} break it")
    return ", ".join(tests)


def benjamini_hochberg(
    p_values: Sequence[float], level: float, tested: int = 0, weights: Sequence[float] | None = None
) -> NDArray[np.bool_]:
    """Which hypotheses are rejected when the share of false rejections is to stay at ``level``.

    tested: how many there were, where only the smallest p-values are given. weights: above 0, and not made from the
    p-values; each p is divided by its weight over their mean (Genovese, Roeder and Wasserman, "False discovery control
    with p-value weighting", Biometrika 2006).

    >>> benjamini_hochberg([0.001, 0.04, 0.9], 0.05).tolist()
    [True, False, False]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not p.size:
        return np.zeros(0, dtype=np.bool_)
    if weights is not None:
        p = p * np.mean(weights) / np.asarray(weights)
    ordered = np.sort(p)
    passed = ordered <= level * np.arange(1, len(p) + 1) / max(len(p), tested)
    cut = ordered[passed.nonzero()[0].max()] if passed.any() else -1.0
    return np.asarray(p <= cut, dtype=np.bool_)


def _in_words_of(formula: Formula, data: Source) -> bool:
    """Do the labels speak of all its predicates, and of the transformed scenes?"""
    if isinstance(formula, Under) and str(formula.transform) not in data.images:
        return False
    return set(predicates(formula)) <= set(data.view.facts.values)
