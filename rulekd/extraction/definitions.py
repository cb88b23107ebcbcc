"""Definitions: a predicate as a short formula over geometric terms and attributes, ``on(a, b) <-> ...``.

The formula is searched on a sample of the groundings (``growth``), its thresholds are then fitted on all of them and
replaced by the simplest numbers that do equally well (``thresholds``). From then on only the printed text counts: it is
read back, and its truth in the scenes is what is scored, chosen and judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Choice, Definition, Formula, Iff, parse
from kg.formulas import And, Or
from rulekd.extraction.columns import Column, Sites, Values, bases, simple_columns
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.disjunctions import Bools, Cut, Disjunction, Sample, macro_f1
from rulekd.extraction.evidence import MIN_SUPPORT
from rulekd.extraction.growth import Grown, front, improve, rising
from rulekd.extraction.slants import joined, sharpened, slanted
from rulekd.extraction.thresholds import EDGE, equally_good, simplest
from rulekd.facts import Facts
from rulekd.grounding import View
from rulekd.scenes import Scenes
from rulekd.truth import truth

#: Literals, and conjunctions, of one definition at most.
LITERALS, DISJUNCTS = 6, 3

#: Groundings that formulas are searched on, true and false ones; and those that thresholds are fitted on.
SEARCHED, FITTED = (1000, 1500), 40_000

#: A longer formula must break this much less often, as a share of its live groundings, to be chosen.
EFFECT = 0.01

#: Fidelity under which no definition is proposed: the network means something else, or nothing that can be told.
WORTH_SHOWING = 0.8

#: Macro-F1 under which directions that are no axis are tried as well.
SLANTED_BELOW = 0.99

#: How far rounding may move a number, metres or as a ratio.
ROUNDING = 1e-5

VARIABLES = ("a", "b")


@dataclass(frozen=True, eq=False)
class Question:
    """What one predicate is at n sites: the atom, its truth (n,), and the independent unit of each site (n,)."""

    atom: Atom
    sites: Sites
    truth: Bools
    units: NDArray[np.int64]


@dataclass(frozen=True)
class Printed:
    """A formula as it is printed, and what it says: (n,) bool at the sites of its question."""

    body: Formula
    literals: int
    told: Bools
    fidelity: float


def definitions(seen: Discovery) -> Proposals:
    """For each predicate the shortest formula in geometry and attributes that tells it as well as any found."""
    found: list[tuple[Formula, bool]] = []
    about: dict[Formula, Definition] = {}
    examined = 0
    for question, columns in questions(seen):
        examined += len(columns)
        printed = fronts(question, columns)
        if not printed:
            continue
        chosen, why = choose(question, printed, len(columns))
        formula = Iff(question.atom, chosen.body)
        enough = int((question.truth | chosen.told).sum()) >= MIN_SUPPORT
        found.append((formula, enough and chosen.fidelity >= WORTH_SHOWING))
        about[formula] = Definition(
            front=tuple(Choice(str(one.body), one.literals, one.fidelity) for one in printed), why=why
        )
    proposed = Proposals.gather(found)
    return replace(proposed, examined=examined, definitions={f: about[f] for f in proposed.formulas})


def questions(seen: Discovery) -> Iterator[tuple[Question, list[Column]]]:
    """Every predicate that is now true and now false, with the columns that it may be told by."""
    facts, scenes = seen.said, seen.scenes
    if scenes is None:
        return
    for arity in sorted(seen.arities() & {0, 1, 2}):
        variables = VARIABLES[:arity]
        names = [name for name, value in facts.values.items() if value.dim() == arity + 1]
        sites = sites_of(facts, scenes, variables)
        columns = simple_columns(bases(sites), sites)
        if not columns:
            continue
        units = facts.units.cpu().numpy()[sites.scene.cpu().numpy()]
        for name in names:
            valid = sites.read(facts.validity(name)) > 0
            true = sites.read(facts.crisp(name)) > 0
            kept = valid.nonzero()[0]
            if min(int((true & valid).sum()), int((~true & valid).sum())) == 0:
                continue
            question = Question(Atom(name, variables), sites, true, units)
            if len(kept) < len(valid):
                question, here = _narrowed(question, kept), [_at(column, kept) for column in columns]
            else:
                here = columns
            yield question, here


def sites_of(facts: Facts, scenes: Scenes, variables: tuple[str, ...], seed: int = 0) -> Sites:
    """The groundings of distinct real objects; of very many a random choice."""
    where = facts.groundings(len(variables)).nonzero()
    if len(where) > FITTED:
        generator = torch.Generator().manual_seed(seed)
        where = where[torch.randperm(len(where), generator=generator)[:FITTED].sort().values.to(where.device)]
    return Sites(scenes, variables, where[:, 0], where[:, 1:].T)


def fronts(question: Question, columns: Sequence[Column], literals: int = LITERALS) -> list[Printed]:
    """The best printed formula of each size, shortest first, each better than all before."""
    columns = list(columns)
    searched = _drawn(question.truth)
    sample = _sample(question, columns, searched)
    grown = front(sample, literals, DISJUNCTS)
    plain = [one for one in grown if not one.negated]
    if plain and grown[-1].score < SLANTED_BELOW:
        here = [_at(column, searched) for column in columns]
        made = slanted(sample, here, max(plain, key=lambda one: one.score).formula)
        if made:
            columns += [_everywhere(question, columns, here, column) for column in made]
            grown = front(_sample(question, columns, searched), literals, DISJUNCTS)
    found = [_printed(question, columns, fitted) for fitted in _fitted(question, columns, grown)]
    kept: list[Printed] = []
    for one in sorted(found, key=lambda printed: (printed.literals, -printed.fidelity)):
        if not kept or one.fidelity > kept[-1].fidelity + 1e-6:
            kept.append(one)
    return kept


def choose(question: Question, printed: Sequence[Printed], columns: int) -> tuple[Printed, str]:
    """The shortest formula that is as good as the best one, and the reason in words.

    As good: its errors are more by no more than one standard error (over units) of the paired difference, or by no
    more than EFFECT of the true groundings, or by no more than the further literals cost: a literal is one of 2 M
    comparisons with one of n numbers, log2(2 M n) bits, and an error about log2(n / errors) + log2(e) bits to list
    (the shortest description of the truth is sought; Quinlan and Rivest 1989). columns: M.
    """
    best = min(printed, key=lambda one: int((one.told ^ question.truth).sum()))
    sites, wrong, true = len(question.truth), int((best.told ^ question.truth).sum()), int(question.truth.sum())
    price = np.log2(2 * columns * sites) / (np.log2(sites / max(wrong, 1)) + np.log2(np.e))
    for one in printed:
        if one is best:
            return one, f"{_literals(one)}: no other formula found has fewer errors"
        extra, error = _extra_errors(question, one, best)
        cost = price * (best.literals - one.literals) / true
        if extra <= max(error, EFFECT, cost):
            return one, (
                f"{_literals(one)}: {best.literals} save {extra:.2%} errors, as a share of true groundings; a "
                f"difference of {max(error, EFFECT, cost):.2%} could be chance, or is not worth a longer formula"
            )
    raise AssertionError("the best formula is one of them")


def _literals(one: Printed) -> str:
    return "1 literal" if one.literals == 1 else f"{one.literals} literals"


def _extra_errors(question: Question, one: Printed, other: Printed) -> tuple[float, float]:
    """(mean, standard error) of the errors that one makes beyond another, for each true grounding."""
    extra = (one.told ^ question.truth).astype(np.float64) - (other.told ^ question.truth)
    by_unit = np.bincount(question.units, weights=extra)[np.unique(question.units)]
    scale = len(by_unit) / max(1, int(question.truth.sum()))
    spread = by_unit.std(ddof=1) / np.sqrt(len(by_unit)) if len(by_unit) > 1 else 0.0
    return float(by_unit.mean() * scale), float(spread * scale)


def told(body: Formula, sites: Sites) -> Bools:
    """(n,) bool: what the text of a formula, read back, says at the sites."""
    read = parse(str(body))
    nothing = Facts({"_": torch.zeros(sites.scenes.mask.shape, dtype=torch.bool)}, mask=sites.scenes.mask)
    return np.asarray(sites.read(truth(read, sites.variables, View(nothing, sites.scenes))) > 0)


def fidelity(said: Bools, true: Bools) -> float:
    """Two-class macro-F1 of what is said against the truth, (n,) bool each."""
    hit, false = float((said & true).sum()), float((said & ~true).sum())
    return float(macro_f1(hit, false, float(true.sum()), float((~true).sum())))


# ------------------------------------------------------------------------- from cuts to a text


def _fitted(question: Question, columns: Sequence[Column], grown: Sequence[Grown]) -> list[Grown]:
    """The same formulas with thresholds fitted on all sites; columns keep their numbers."""
    used = sorted({cut.column for one in grown for conjunction in one.formula for cut in conjunction})
    number = {column: place for place, column in enumerate(used)}
    values = np.stack([columns[column].values for column in used]) if used else np.zeros((0, 0))
    sizes = np.array([columns[column].size for column in used], dtype=np.int64)
    whole = Sample(values, question.truth, 1.0, 1.0, sizes)
    found = []
    for one in grown:
        sample = whole.opposite() if one.negated else whole
        formula = _renumbered(one.formula, number)
        formula = improve(sample, formula, own=True)
        found.append(Grown(_renumbered(formula, dict(enumerate(used))), sample.score(formula), one.negated))
    return rising(found)


def _renumbered(formula: Disjunction, number: Mapping[int, int]) -> Disjunction:
    return tuple(tuple(replace(cut, column=number[cut.column]) for cut in conjunction) for conjunction in formula)


def _printed(question: Question, columns: Sequence[Column], grown: Grown) -> Printed:
    """The formula as it is written: with the simplest numbers, or none at all, as far as it tells as much so.

    First thresholds are moved within the two groundings that they lie between, then within what does equally well;
    last, a literal with a number gives way to one without, such as ``left(a) >= left(b)``.
    """
    near = _gap_thresholds(columns, grown.formula)
    fitted = _judged(question, _written(columns, grown, {}), grown.literals)
    best = fitted
    for thresholds in (near, _round_thresholds(columns, grown, question.truth)):
        judged = _judged(question, _written(columns, grown, thresholds), grown.literals)
        if _as_good(question, judged, fitted):
            best = judged
    bare = _without_numbers(question, columns, grown)
    if bare is not grown:
        thresholds = _round_thresholds(columns, bare, question.truth)
        judged = _judged(question, _written(columns, bare, thresholds), bare.literals)
        if _as_good(question, judged, fitted):
            best = judged
    return best


def _as_good(question: Question, one: Printed, other: Printed) -> bool:
    """Are its errors more by no more than one standard error, or by no more than EFFECT? What is exact stays exact."""
    if other.fidelity == 1:
        return one.fidelity == 1
    extra, error = _extra_errors(question, one, other)
    return extra <= max(error, EFFECT)


def _without_numbers(question: Question, columns: Sequence[Column], grown: Grown) -> Grown:
    """Literals with a number replaced by ones without, where hardly an error is added; the same formula if none are."""
    true = ~question.truth if grown.negated else question.truth
    formula = grown.formula
    allowed = EFFECT * float(question.truth.sum())  # of the formula as a whole
    bare = [
        (number, above, column.natural)
        for number, column in enumerate(columns)
        if column.natural is not None
        for above in (True, False)
    ]
    for number, place in [(n, p) for n, conjunction in enumerate(formula) for p in range(len(conjunction))]:
        cut = formula[number][place]
        natural = columns[cut.column].natural
        if natural is not None and cut.low < natural <= cut.high:
            continue
        free, others = _open(columns, formula, number, place)
        wrong = int(((free & cut.holds(columns[cut.column].values) | others) ^ true).sum())
        best: tuple[int, int, Cut] | None = None
        for column, above, zero in bare:
            # A literal that hangs on rounding, as z = 0 for what stands on the floor, is worth what it may be at worst.
            errors = max(
                int(((free & Cut(column, above, near, near).holds(columns[column].values) | others) ^ true).sum())
                for near in (zero - ROUNDING, zero, zero + ROUNDING)
            )
            if best is None or (errors, columns[column].size) < best[:2]:
                best = errors, columns[column].size, Cut(column, above, zero, zero)
        if best is not None and best[0] - wrong <= allowed:
            allowed -= max(0, best[0] - wrong)
            conjunction = (*formula[number][:place], best[2], *formula[number][place + 1 :])
            formula = (*formula[:number], conjunction, *formula[number + 1 :])
    return grown if formula is grown.formula else replace(grown, formula=formula)


def _open(columns: Sequence[Column], formula: Disjunction, number: int, place: int) -> tuple[Bools, Bools]:
    """(n,) bool each: where the rest of one conjunction holds, and where some other conjunction does."""
    n = len(columns[formula[0][0].column].values)
    free, others = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    for index, conjunction in enumerate(formula):
        parts = [
            cut.holds(columns[cut.column].values)
            for at, cut in enumerate(conjunction)
            if (index, at) != (number, place)
        ]
        if index == number:
            free = np.logical_and.reduce([free, *parts])
        else:
            others |= np.logical_and.reduce(parts)
    return free, others


def _judged(question: Question, body: Formula, literals: int) -> Printed:
    said = told(body, question.sites)
    return Printed(body, literals, said, fidelity(said, question.truth))


def _round_thresholds(columns: Sequence[Column], grown: Grown, truth: Bools) -> dict[tuple[int, int], float]:
    """For each place the simplest threshold among those that do equally well, all others held as they are."""
    true = ~truth if grown.negated else truth
    allowed = EFFECT / 2 * float(truth.sum()) / grown.literals
    at = {}
    for number, conjunction in enumerate(grown.formula):
        for place, cut in enumerate(conjunction):
            column = columns[cut.column]
            if cut.low == cut.high:  # put there as it is
                at[number, place] = cut.low
                continue
            free, others = _open(columns, grown.formula, number, place)
            free &= ~others
            low, high = equally_good(column.values[free], true[free], cut.above, cut.low, cut.high, allowed)
            edge = EDGE * (high - low) if np.isfinite(high - low) else 0.0
            natural = column.natural
            inside = natural is not None and low + edge < natural < high - edge
            at[number, place] = natural if natural is not None and inside else _simple(column, cut, low, high)
    return at


def _gap_thresholds(columns: Sequence[Column], formula: Disjunction) -> dict[tuple[int, int], float]:
    """For each place the simplest threshold between the two groundings that the cut lies between."""
    return {
        (number, place): _simple(columns[cut.column], cut, cut.low, cut.high)
        for number, conjunction in enumerate(formula)
        for place, cut in enumerate(conjunction)
    }


def _simple(column: Column, cut: Cut, low: float, high: float) -> float:
    if not column.unit and bool((column.values == np.round(column.values)).all()):
        return cut.high if cut.above else cut.low  # whole numbers: at least 3, at most 2, and not 2.5
    return simplest(low, high)


def _written(columns: Sequence[Column], grown: Grown, thresholds: Mapping[tuple[int, int], float]) -> Formula:
    """The formula; where it was grown for the opposite, each comparison is turned round."""
    parts = []
    for number, conjunction in enumerate(grown.formula):
        literals = []
        for place, cut in enumerate(conjunction):
            threshold = thresholds.get((number, place), cut.threshold)
            literals.append(columns[cut.column].literal(cut.above, threshold, opposite=grown.negated))
        joined: Formula = literals[0] if len(literals) == 1 else _join(literals, grown.negated)
        parts.append(joined)
    return parts[0] if len(parts) == 1 else _join(parts, not grown.negated)


def _join(parts: Sequence[Formula], any_of: bool) -> Formula:
    return Or(tuple(parts)) if any_of else And(tuple(parts))


# ----------------------------------------------------------------------------------- sampling


def _drawn(true: Bools, seed: int = 0) -> NDArray[np.int64]:
    """Numbers of sites to search on: up to so many true and so many false ones, in order."""
    generator = np.random.default_rng(seed)
    chosen = []
    for side, most in ((true, SEARCHED[0]), (~true, SEARCHED[1])):
        places = side.nonzero()[0]
        chosen.append(places if len(places) <= most else generator.choice(places, most, replace=False))
    return np.sort(np.concatenate(chosen))


def _sample(question: Question, columns: Sequence[Column], searched: NDArray[np.int64]) -> Sample:
    sizes = np.array([column.size for column in columns], dtype=np.int64)
    values = np.stack([column.values[searched] for column in columns])
    return Sample(values, question.truth[searched], *_weights(question.truth, searched), sizes)


def _everywhere(question: Question, columns: Sequence[Column], here: Sequence[Column], made: Column) -> Column:
    """A slanted column of the sample at all sites, its weight fitted there."""
    assert made.made_of is not None
    one, two, weight = made.made_of
    whole = {id(part): column for part, column in zip(here, columns, strict=True)}
    column = joined(whole[id(one)], whole[id(two)], weight)
    nothing, all_sites = np.zeros(len(question.truth), dtype=np.bool_), np.ones(len(question.truth), dtype=np.bool_)
    sample = Sample(column.values[None], question.truth, 1.0, 1.0, np.array([column.size]))
    return sharpened(column, sample, all_sites, nothing)


def _weights(true: Bools, chosen: NDArray[np.int64]) -> tuple[float, float]:
    """How many true, and false, sites one of the chosen stands for."""
    drawn = true[chosen]
    return float(true.sum() / max(1, drawn.sum())), float((~true).sum() / max(1, (~drawn).sum()))


def _rates(question: Question, one: Printed) -> Values:
    """(U,) share of live groundings that the definition breaks, in each unit with any for some formula."""
    live = question.truth | one.told
    broken = question.truth ^ one.told
    units = question.units
    most = int(units.max()) + 1
    alive, wrong = (np.bincount(units[each], minlength=most) for each in (live, broken))
    some = np.bincount(units[question.truth], minlength=most) > 0
    rates = np.where(alive > 0, wrong / np.maximum(alive, 1), 0.0)
    return np.asarray(rates[some], dtype=np.float64)


def _narrowed(question: Question, kept: NDArray[np.int64]) -> Question:
    return replace(question, sites=question.sites.at(kept), truth=question.truth[kept], units=question.units[kept])


def _at(column: Column, kept: NDArray[np.int64]) -> Column:
    return replace(column, values=column.values[kept])
