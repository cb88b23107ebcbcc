"""Do violations refute a rule, or are they what the errors of the facts explain?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from scipy.stats import poisson

from kg import Formula, canonical
from kg.formulas import And, Compare, Iff, Implies, Not, Or, Under, joint, predicates, walk
from rulekd.extraction.counting.source import Source
from rulekd.extraction.evidence import betting
from rulekd.extraction.evidence.doubt import residual
from rulekd.extraction.evidence.tally import Tally, tallies_of

#: An e-value that refutes.
REFUTED = math.log(20)

#: Exceptions of a law in facts without errors, as a share of its live groundings.
EXCEPTIONS = 0.001

#: What errors do to laws: this many times what all but one in five of the rules show.
USUAL, COMMON = 2.0, 0.8

#: Chance of so few exceptions down to which a further body atom is taken to leave none out.
AS_WELL = 0.05

#: Labels with more estimated errors than this share do not judge rules.
ERROR_CAP = 0.02

#: Errors of the network, per predicate, that may explain the violations of a law of one body atom, and of two scenes:
#: a false law under a transform holds on nine pairs in ten.
EXPLAINED_CAP, EXPLAINED_CAP_UNDER = 0.10, 0.05


def undoubted(formulas: Sequence[Formula], source: Source) -> list[Tally]:
    """Rules counted on facts that are not doubted.

    A law of one body atom would corroborate itself if the near-laws that it makes decided what to doubt: it is counted
    on all but the unsure facts.
    """
    single = [place for place, formula in enumerate(formulas) if one_bodied(formula)]
    others = [place for place, formula in enumerate(formulas) if not one_bodied(formula)]
    parts = [
        tallies_of([formulas[place] for place in places], view, source.trusted_images)
        for places, view in ((single, source.unsure), (others, source.trusted))
    ]
    by_place = dict(zip((*single, *others), (*parts[0], *parts[1]), strict=True))
    return [by_place[place] for place in range(len(formulas))]


def refutations(
    formulas: Sequence[Formula], counted: Sequence[Tally], source: Source, laws: Sequence[bool]
) -> list[bool]:
    """Which rules do undoubted facts break more often than the errors left in them explain?

    counted: ``undoubted`` of the source. laws: which rules pass for laws by their level and by chance. A rule is
    refuted when the e-value of "the rate is at most what errors explain" reaches 20. What they explain is put to the
    test by the rules themselves: of a rule that is not refuted, r is its rate over what is explained. If most of these
    rules are laws, twice the r that four in five of them keep under says what errors do here at most; where that is
    less than 1, all are judged again by that share of what is explained. A network without twins may
    have as many errors as it says itself, but for two words that are equal: errors would make them differ both ways.
    """
    shown = shown_errors(formulas, counted, source, laws)
    own = shown | {name: max(wrong, shown.get(name, 0.0)) for name, wrong in source.own.items()}
    errors = [explained(formula, source, shown if isinstance(formula, Iff) else own) for formula in formulas]
    found = list(map(_above, formulas, counted, errors))
    ratios = {
        place: float(counted[place].rates.mean()) / errors[place]
        for place, formula in enumerate(formulas)
        if not (found[place] or one_bodied(formula) or isinstance(formula, Under))
        and own.keys().isdisjoint(predicates(formula))
        and errors[place] > 0
        and len(counted[place].rates)
    }
    share = USUAL * float(np.quantile(list(ratios.values()), COMMON)) if ratios else 0.0
    if 0 < share < 1:
        for place in ratios:
            found[place] = _above(formulas[place], counted[place], share * errors[place])
    return found


def _above(formula: Formula, counted: Tally, error: float) -> bool:
    """Is the rule broken more often than by errors at this rate?

    Where no error is left, a law may have one exception in a thousand live groundings: a touch that rounding hides, a
    box without a height. A definition is an approximation with a fidelity of its own: only its level counts.
    """
    if _defines(formula):
        return False
    if not error:
        return bool(counted.broken.sum() > EXCEPTIONS * counted.live.sum())
    return bool(betting.log_capital_above(counted.rates, min(error, 1.0)) >= REFUTED)


def shown_errors(
    formulas: Sequence[Formula], counted: Sequence[Tally], source: Source, laws: Sequence[bool]
) -> dict[str, float]:
    """By predicate the share of true facts that are wrong, as far as laws show it where twins do not.

    Errors in a predicate break every law that speaks of it, so that the law broken least says how many there are at
    most: w of the facts in each of its atoms give b exceptions in n live groundings,

        w = (b + 1) / n / (what ``explained`` gives at w = 1).

    Predicates are listed whose least broken law has more than EXCEPTIONS; a law that holds shows that there are none.
    A law that another law says with an atom less, and as well, is not heard: errors of that atom do not break it.
    """
    least: dict[str, tuple[float, float]] = {}
    passed = {canonical(formula): tally for formula, tally, law in zip(formulas, counted, laws, strict=True) if law}
    for formula, tally, law in zip(formulas, counted, laws, strict=True):
        names = set(predicates(formula))
        live = int(tally.live.sum())
        if not law or not live or isinstance(formula, Under) or _defines(formula):
            continue
        if any(_as_well(passed.get(canonical(shorter)), tally) for shorter in _shorter(formula)):
            continue
        rate = (int(tally.broken.sum()) + 1) / live
        needed = rate / max(1e-9, _share_wrong(formula, source, dict.fromkeys(names, 1)))
        for name in names - source.twinned:
            least[name] = min(least.get(name, (1.0, 1.0)), (needed, rate))
    return {name: wrong for name, (wrong, rate) in least.items() if rate > EXCEPTIONS}


def _shorter(formula: Formula) -> Iterator[Formula]:
    """The implication without one of its body atoms, for each."""
    if isinstance(formula, Implies) and isinstance(formula.body, And):
        for place in range(len(formula.body.parts)):
            yield Implies(joint(*formula.body.parts[:place], *formula.body.parts[place + 1 :]), formula.head)


def _as_well(shorter: Tally | None, longer: Tally) -> bool:
    """Does a further body atom leave out no more exceptions than chance?"""
    if shorter is None or not shorter.live.sum():
        return False
    expected = float(shorter.broken.sum() / shorter.live.sum() * longer.live.sum())
    return bool(poisson.cdf(int(longer.broken.sum()), expected) >= AS_WELL)


def explained(formula: Formula, source: Source, shown: Mapping[str, float] = MappingProxyType({})) -> float:
    """The violation rate that wrong facts which twins, or laws (``shown_errors``), show would give a true law, at most.

    A law of one body atom, or under a transform, is judged on the facts as they are: ``_share_wrong`` of them. Of a law
    of several atoms doubted facts are left out: what remains of each atom's errors, ``residual``, adds up.
    """
    if not as_told(formula):
        return sum(max(residual(source.blamed.get(name, 0.0)), shown.get(name, 0.0)) for name in predicates(formula))
    cap = EXPLAINED_CAP_UNDER if isinstance(formula, Under) else EXPLAINED_CAP
    wrong = {name: max(min(source.wrong.get(name, 0.0), cap), shown.get(name, 0.0)) for name in (*source.wrong, *shown)}
    return _share_wrong(formula, source, wrong)


def _share_wrong(formula: Formula, source: Source, wrong: Mapping[str, float]) -> float:
    """The violation rate of a true law of which a share w of each predicate's true facts is wrong, at most.

    With s the share of groundings at which a predicate is true:

        p -> q, p <-> q, under T: p <-> q     w_p + w_q
        p -> ~q                               (w_p + w_q) s_q:  errors that fall on the other one
        ~(p & q)                              2 (w_p + w_q) s_p s_q / (s_p + s_q):  errors that fall on the other one
        p | q                                 w_p s_p + w_q s_q
        other laws                            the sum over atoms
    """
    names = predicates(formula)
    share = [wrong.get(name, 0.0) for name in names]
    if isinstance(formula, Implies) and isinstance(formula.head, Not) and len(names) == 2:
        return sum(share) * source.share(names[1])
    if len(names) == 2 and isinstance(formula, Not | Or):
        one, other = (source.share(name) for name in names)
        if isinstance(formula, Or):
            return share[0] * one + share[1] * other
        return 2 * sum(share) * one * other / max(one + other, 1e-9)
    return sum(share)


def clean(formula: Formula, source: Source) -> bool:
    """Are the labels of its predicates right often enough to judge a rule by? Then they are asked, not the network."""
    return all(source.errors.get(predicate, 1.0) <= ERROR_CAP for predicate in set(predicates(formula)))


def unreliable(source: Source) -> set[str]:
    """Predicates of which the network is estimated to be wrong more than half as often as they are true (or false).

    What it says about them is mostly error, and so would be the rules. Of a predicate without a twin no more is known
    than what share of the others' true facts is wrong: errors of rare and of frequent predicates are not equally many.
    """

    def most(name: str) -> float:
        rarer = min(source.share(name), 1 - source.share(name))
        return source.errors[name] / max(rarer, 1e-9) if name in source.twinned else source.wrong.get(name, 0.0)

    return {name for name, error in source.errors.items() if error > 0 and most(name) > 0.5}


def as_told(formula: Formula) -> bool:
    """Is the law judged on the facts as they are, errors included?"""
    return one_bodied(formula) or isinstance(formula, Under)


def one_bodied(formula: Formula) -> bool:
    """A law of one body atom in one scene."""
    return not isinstance(formula, Under) and len(predicates(formula)) <= 2


def _defines(formula: Formula) -> bool:
    """A definition by comparisons."""
    return isinstance(formula, Iff) and any(isinstance(inner, Compare) for inner in walk(formula.right))
