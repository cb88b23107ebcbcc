"""Definitions: a predicate as a short formula over geometric terms and attributes, ``on(a, b) <-> ...``.

The formula is searched on a sample of the groundings (``growth``), its thresholds are then fitted on all of them and
replaced by the simplest numbers that do equally well (``thresholds``). From then on only the printed text counts: it is
read back, and its truth in the scenes is what is scored, chosen and judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Choice, Definition, Formula, Iff
from kg.tables import percent
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence.confirmation import MIN_SUPPORT
from rulekd.extraction.families.conditions import conditions
from rulekd.extraction.fitting.columns import Column, bases
from rulekd.extraction.fitting.compounds import WON, compound_columns, helpful, read_at
from rulekd.extraction.fitting.disjunctions import Bools, Disjunction, Sample
from rulekd.extraction.fitting.growth import Grown, conjunctions, description, front, price, rising
from rulekd.extraction.fitting.offered import simple_columns
from rulekd.extraction.fitting.printing import EFFECT, fitted, written_simply
from rulekd.extraction.fitting.questions import (
    ENOUGH,
    MOST_UNKNOWN,
    UNKNOWN,
    Printed,
    Question,
    at,
    best,
    extra_errors,
    known_sites,
    narrowed,
    sites_of,
    unknown_of,
)
from rulekd.extraction.fitting.slants import joined, sharpened, slanted
from rulekd.extraction.fitting.superlatives import superlatives
from rulekd.extraction.stopwatch import Watch
from rulekd.scenes import Scenes

#: Literals, and conjunctions, of one definition at most.
LITERALS, DISJUNCTS = 6, 3

#: Groundings that formulas are searched on, true and false ones.
SEARCHED = 1000, 1500

#: Fidelity under which no definition is proposed: the network means something else, or nothing that can be told.
WORTH_SHOWING = 0.8

#: Macro-F1 under which sums and products are tried (above it none can win WON), and directions that are no axis.
COMPOUND_BELOW, SLANTED_BELOW = 1 - WON, 0.99

#: Directions that are added one after another; each may go on from the one before.
SLANTS = 4

VARIABLES = ("a", "b")


def definitions(seen: Discovery) -> Proposals:
    """For each predicate the shortest formula in geometry and attributes that tells it as well as any found.

    It is searched where what is known of nearly all objects is known. What that does not tell is searched again where
    more is known, be it of fewer objects; rules are asked about no others.
    """
    told: dict[str, tuple[Question, list[Printed], int]] = {}
    examined = 0
    for question, columns in seen.watch.while_time("definitions", questions(seen)):
        examined += len(columns)
        told[question.atom.predicate] = question, fronts(question, columns, watch=seen.watch), len(columns)
    if seen.scenes is not None and lacks(seen.scenes):
        enough = {name for name, (_, printed, _) in told.items() if best(printed) >= ENOUGH}
        for question, columns in seen.watch.while_time("definitions", questions(seen, MOST_UNKNOWN, enough)):
            examined += len(columns)
            name, printed = question.atom.predicate, fronts(question, columns, watch=seen.watch)
            if best(printed) > best(told[name][1] if name in told else ()) + EFFECT:
                told[name] = question, printed, len(columns)
    found: list[tuple[Formula, bool]] = []
    about: dict[Formula, Definition] = {}
    untold = {}
    for question, printed, count in told.values():
        if best(printed) < WORTH_SHOWING:
            untold[question.atom.predicate] = best(printed)
        if printed:
            formula, known, worth = proposal(question, printed, count)
            found.append((formula, worth))
            about[formula] = known
            assert isinstance(formula, Iff)
            found += [(condition, worth) for condition in conditions(question, formula.right)]
    return replace(gathered(found, about, examined), notes=unsaid("definitions", untold))


def unsaid(family: str, untold: Mapping[str, float]) -> tuple[str, ...]:
    """The predicates that no formula tells well enough, in words. untold: the best macro-F1 of each."""
    named = ", ".join(f"{predicate} ({percent(fidelity)})" for predicate, fidelity in untold.items())
    return (f"{family}: no formula tells {named}, in brackets the best macro-F1",) if untold else ()


def proposal(
    question: Question, printed: Sequence[Printed], columns: int, queries: int = 0
) -> tuple[Formula, Definition, bool]:
    """The chosen formula of a front, what is known about it, and whether it is worth proposing."""
    chosen, why = choose(question, printed, columns, queries)
    shown = tuple(Choice(str(one.body), one.literals, one.fidelity) for one in printed)
    enough = int((question.truth | chosen.told).sum()) >= MIN_SUPPORT
    known = Definition(front=shown, why=why, queries=queries)
    return question.formula(chosen.body), known, enough and chosen.fidelity >= WORTH_SHOWING


def gathered(found: Sequence[tuple[Formula, bool]], about: Mapping[Formula, Definition], examined: int) -> Proposals:
    """Proposals with what is known about each."""
    proposed = Proposals.gather(found)
    return replace(proposed, examined=examined, definitions={f: about[f] for f in proposed.formulas if f in about})


def bare_objects(scenes: Scenes) -> bool:
    """Objects without geometry, as the rows of a table: their classes are decisions, not definitions."""
    return scenes.center is None and scenes.size is None


def lacks(scenes: Scenes) -> bool:
    """Is a number or a category unknown of some object or scene?"""
    found = [lost & scenes.mask for _, lost in unknown_of(scenes.numbers, scenes.categories)]
    found += [lost for _, lost in unknown_of(scenes.scene_numbers, scenes.scene_categories)]
    return any(bool(lost.any()) for lost in found)


def questions(
    seen: Discovery, most: float = UNKNOWN, but: Collection[str] = ()
) -> Iterator[tuple[Question, list[Column]]]:
    """Every predicate that is now true and now false, with the columns that it may be told by.

    most: share of the sites that may be left out for what is unknown there. but: predicates that are not asked about.
    """
    facts, scenes = seen.said, seen.scenes
    if scenes is None:
        return
    for arity in sorted(seen.arities() & ({2} if bare_objects(scenes) else {1, 2})):
        variables = VARIABLES[:arity]
        names = [name for name, value in facts.values.items() if value.dim() == arity + 1 and name not in but]
        if not names:
            continue
        whole = sites_of(facts, scenes, variables)
        sites = known_sites(whole, most)
        if most != UNKNOWN and len(sites.scene) == len(known_sites(whole).scene):
            continue
        columns = [*simple_columns(bases(sites), sites), *superlatives(sites)]
        if not columns:
            continue
        units = facts.units.cpu().numpy()[sites.scene.cpu().numpy()]
        for name in names:
            valid = sites.read(facts.validity(name)) > 0
            true = sites.read(facts.crisp(name)) > 0
            kept = valid.nonzero()[0]
            if min(int((true & valid).sum()), int((~true & valid).sum())) == 0:
                continue
            given = facts.values[name].dtype == torch.bool
            question = Question(Atom(name, variables), sites, true, units, given)
            if len(kept) < len(valid):
                question, here = narrowed(question, kept), [at(column, kept) for column in columns]
            else:
                here = columns
            yield question, here


def fronts(
    question: Question,
    columns: Sequence[Column],
    literals: int = LITERALS,
    disjuncts: int = DISJUNCTS,
    watch: Watch | None = None,
    *,
    compounds: bool = True,
) -> list[Printed]:
    """The best printed formula of each size, shortest first, each better than all before.

    compounds: where the columns leave errors, sums and products of two numbers are looked at as well, and then
    directions that are no axis. watch: where the time is up when all columns were tried, neither are.
    """
    columns = list(columns)
    if not columns:
        return []
    searched = drawn(question.truth)
    sample = _sample(question, columns, searched)
    grown = front(sample, literals, disjuncts)
    name, watch = question.atom.predicate, watch or Watch()
    compounds = compounds and bool(grown) and grown[-1].score < COMPOUND_BELOW
    for _ in watch.while_time(f"{name} by sums and products of two numbers", [grown] if compounds else ()):
        before = len(columns)
        columns, sample = _with_compounds(question, columns, searched, sample, grown)
        if len(columns) > before:
            grown = rising([*grown, *front(sample, literals, disjuncts)])
    slanting = bool(grown) and grown[-1].score < SLANTED_BELOW
    for _ in watch.while_time(f"{name} by directions that are no axis", [grown] if slanting else ()):
        before = len(columns)
        columns, sample = _with_slants(question, columns, searched, sample, grown)
        if len(columns) > before:
            grown = rising([*grown, *front(sample, literals, disjuncts)])
    return rising_printed(written_simply(question, columns, one) for one in fitted(question, columns, grown))


def _with_compounds(
    question: Question, columns: list[Column], searched: NDArray[np.int64], sample: Sample, grown: Sequence[Grown]
) -> tuple[list[Column], Sample]:
    """With the sums and products that improve the front, each at all sites. sample: of the searched ones."""
    offered = compound_columns(bases(question.sites.at(searched)), question.truth[searched])
    made = helpful(sample, offered, grown)
    return _and(sample, columns, [read_at(column, question.sites) for column in made], searched)


def _with_slants(
    question: Question, columns: list[Column], searched: NDArray[np.int64], sample: Sample, grown: Sequence[Grown]
) -> tuple[list[Column], Sample]:
    """With directions that improve the best conjunction, one after another, each at all sites. grown: without any.

    sample: of the columns at the searched sites.
    """
    found: list[Disjunction] = [one.formula for one in grown if len(one.formula) == 1 and not one.negated]
    for _ in range(SLANTS):
        found = found or conjunctions(sample, LITERALS)
        best = max(found, key=sample.score)
        if sample.score(best) >= SLANTED_BELOW:
            break
        here = [at(column, searched) for column in columns]
        made = slanted(sample, here, best)
        if not made:
            break
        more = [_everywhere(question, columns, here, column) for column in made]
        columns, sample = _and(sample, columns, more, searched)
        found = []
    return columns, sample


def _and(
    sample: Sample, columns: list[Column], more: Sequence[Column], searched: NDArray[np.int64]
) -> tuple[list[Column], Sample]:
    """More columns, at all sites, and in the sample of the searched ones."""
    if not more:
        return columns, sample
    sizes = np.array([column.size for column in more], dtype=np.int64)
    return [*columns, *more], sample.and_columns(np.stack([column.values[searched] for column in more]), sizes)


def rising_printed(found: Iterable[Printed]) -> list[Printed]:
    """Those that no other one beats in size and fidelity, shortest first."""
    kept: list[Printed] = []
    for one in sorted(found, key=lambda printed: (printed.literals, -printed.fidelity)):
        if not kept or one.fidelity > kept[-1].fidelity + 1e-6:
            kept.append(one)
    return kept


def choose(question: Question, printed: Sequence[Printed], columns: int, queries: int = 0) -> tuple[Printed, str]:
    """The shortest formula that is as good as the best one, and the reason in words.

    As good: its errors are more by no more than one standard error (over units) of the paired difference, or by no
    more than EFFECT of the groundings of the rarer kind, true or false, or they take no more bits to list than the
    further literals (``description``): of a predicate and of its opposite the same is chosen. columns: M.

    queries: rows that were made and asked about. With these there are as many as one likes, few literals are there by
    chance, and the errors are those of a formula that says too little: they are listed among all rows (``price``).
    """
    first = min(printed, key=lambda one: int((one.told ^ question.truth).sum()))
    if question.given and first.fidelity == 1:
        return first, f"{_literals(first)}: exact, and the facts are given"
    sites, true = len(question.truth), int(question.truth.sum())
    effect, shortest = EFFECT * min(1.0, (sites - true) / true), _bits(question, first, columns)
    for one in printed:
        if one is first:
            return one, f"{_literals(one)}: no other formula found has fewer errors"
        extra, error = extra_errors(question, one, first)
        if queries:
            wrong = int((first.told ^ question.truth).sum())
            saved = price(columns, sites, wrong) * (first.literals - one.literals) / true
        else:
            saved = extra if _bits(question, one, columns) <= shortest else 0.0
        allowed = max(error, effect, saved)
        if extra <= allowed:
            return one, (
                f"{_literals(one)}: {first.literals} save {extra:.2%} errors, as a share of true groundings; a "
                f"difference of {allowed:.2%} could be chance, or is not worth a longer formula"
            )
    raise AssertionError("the best formula is one of them")


def _bits(question: Question, one: Printed, columns: int) -> float:
    return description(columns, one.literals, one.told, question.truth)


def _literals(one: Printed) -> str:
    return "1 literal" if one.literals == 1 else f"{one.literals} literals"


# ----------------------------------------------------------------------------------- sampling


def drawn(true: Bools, seed: int = 0) -> NDArray[np.int64]:
    """Numbers of sites to search on: up to so many true and so many false ones, in order."""
    generator = np.random.default_rng(seed)
    chosen = []
    for side, most in ((true, SEARCHED[0]), (~true, SEARCHED[1])):
        places = side.nonzero()[0]
        chosen.append(places if len(places) <= most else generator.choice(places, most, replace=False))
    return np.sort(np.concatenate(chosen))


def _sample(question: Question, columns: Sequence[Column], searched: NDArray[np.int64]) -> Sample:
    return sampled(question, searched, [at(column, searched) for column in columns])


def sampled(
    question: Question,
    searched: NDArray[np.int64],
    columns: Sequence[Column],
    bag: NDArray[np.int64] | None = None,
) -> Sample:
    """What is searched. columns: at the searched sites alone, or at sites that each belong to one of these, its bag."""
    sizes = np.array([column.size for column in columns], dtype=np.int64)
    values = np.stack([column.values for column in columns])
    return Sample(values, question.truth[searched], *weights(question.truth, searched), sizes, bag)


def _everywhere(question: Question, columns: Sequence[Column], here: Sequence[Column], made: Column) -> Column:
    """A slanted column of the sample at all sites, its weight fitted there."""
    assert made.made_of is not None
    one, two, weight = made.made_of
    whole = {id(part): column for part, column in zip(here, columns, strict=True)}
    column = joined(whole[id(one)], whole[id(two)], weight)
    nothing, all_sites = np.zeros(len(question.truth), dtype=np.bool_), np.ones(len(question.truth), dtype=np.bool_)
    sample = Sample(column.values[None], question.truth, 1.0, 1.0, np.array([column.size]))
    return sharpened(column, sample, all_sites, nothing)


def weights(true: Bools, chosen: NDArray[np.int64]) -> tuple[float, float]:
    """How many true, and false, sites one of the chosen stands for."""
    drawn = true[chosen]
    return float(true.sum() / max(1, drawn.sum())), float((~true).sum() / max(1, (~drawn).sum()))
