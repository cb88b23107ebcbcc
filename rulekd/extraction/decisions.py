"""Decisions: what a class depends on, of the rows of a table and of whole scenes, as a short disjunction.

*Rows.* A scene of one object without geometry is a row; a predicate of one object is its class:
``wins(a) <-> top_left(a) = "x" & middle(a) = "x" & bottom_right(a) = "x" | ...``. Where nothing simpler tells the
class, comparisons of products are tried, ``right_weight(a) * right_arm(a) <= left_weight(a) * left_arm(a)``.
A table is small, and its teacher can be asked: rows are made between rows, and a formula is to tell the teacher's
answers about these too (``made_rows``). They take no part in the evidence.

*Scenes.* A predicate of no object is a class of the scene; it is told by what exists in it, or by what does not,

    zendo() <-> exists a, b: blue(a) & size(a) <= 3 & contact(a, b) & red(b),

from comparisons and from the other predicates. The groundings of a scene form a bag, which is true where some
grounding is (``disjunctions``). Three variables are tried where two do not tell the class, first those of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Definition, Exists, Formula, Not
from kg.formulas import And, Or
from kg.normal import free_variables, rename
from rulekd.extraction.columns import (
    MAX_ATTRIBUTES,
    Base,
    Column,
    Sites,
    bases,
    midway_columns,
    product_columns,
    simple_columns,
)
from rulekd.extraction.definitions import bare_objects, drawn, fronts, gathered, proposal, rising_printed
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.disjunctions import Bools, Cut, Sample, cuts
from rulekd.extraction.growth import Grown, front
from rulekd.extraction.made_rows import bisected, joined, mixed
from rulekd.extraction.printing import judged, literal_of
from rulekd.extraction.questions import Printed, Question, at, fidelity, sites_of, told
from rulekd.extraction.sums import weighted_sums
from rulekd.extraction.thresholds import simplest
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.truth import distinct

#: Literals and conjunctions of a decision at most.
LITERALS, DISJUNCTS = 30, 10

#: Rows that are made and asked about, at random places and near the network's boundary, each.
MADE = 4000

#: Fidelity from which on nothing more complicated is tried.
ENOUGH = 0.995

#: Groundings of all scenes that bodies with quantifiers are searched on, and literals of one such body.
GROUNDED, BODY = 60_000, 5


def decisions(seen: Discovery) -> Proposals:
    """For each class of rows, and of scenes, the shortest disjunction that tells it as well as any found."""
    found: list[tuple[Formula, bool]] = []
    about: dict[Formula, Definition] = {}
    examined = 0
    classes = chain(_rows(seen), _scenes(seen))
    for question, printed, columns, queries in seen.watch.while_time("decisions", classes):
        examined += columns
        if printed:
            formula, known, worth = proposal(question, printed, columns, queries)
            found.append((formula, worth))
            about[formula] = known
    return gathered(found, about, examined)


# --------------------------------------------------------------------------------------- rows


def _rows(seen: Discovery) -> Iterator[tuple[Question, list[Printed], int, int]]:
    """(question, front, number of columns, queries) of every class of objects without geometry.

    First on the given rows alone, then with made ones. Which tells more is seen on the confirmation part: made rows
    fill in what few rows leave open, but a network may answer at random about rows that cannot be. Where nothing is
    held back for confirmation, only made rows can tell what was fitted to the given ones by chance.
    """
    facts, scenes = seen.said, seen.scenes
    names = [name for name, value in facts.values.items() if value.dim() == 2]
    if scenes is None or not bare_objects(scenes) or not names or not (scenes.numbers or scenes.categories):
        return
    given = {each[0].atom: each for each in _told_rows(facts, scenes, names)}
    asked = seen.ask is not None and scenes.mask.shape[1] == 1 and not scenes.tensors
    if not (asked and seen.everything):
        for each in given.values():
            yield *each, 0
    if seen.ask is None or not asked:
        return
    told = [atom.predicate for atom in given]
    made = mixed(scenes, max(0, MADE - len(scenes)))
    lots, said = [replace(scenes, labels={}, label_valid={}), made], [facts, seen.ask(made)]
    near = bisected(scenes, facts, told, seen.ask, MADE)
    if near is not None:
        lots, said = [*lots, near[0]], [*said, near[1]]
    whole = Scenes.cat(lots)
    # Rows near the boundary say where it runs; how much a formula tells is judged by rows as they are met.
    for question, printed, columns in _told_rows(joined(said, told, whole), whole, told, len(scenes) + len(made)):
        plain = [judged(question, one.body, one.literals) for one in given[question.atom][1]]
        yield question, rising_printed([*printed, *plain]), columns, len(whole) - len(scenes)


def _told_rows(
    facts: Facts, scenes: Scenes, names: Sequence[str], first: int | None = None
) -> Iterator[tuple[Question, list[Printed], int]]:
    """(question, front, number of columns) of every class. first: the rows after so many only direct the sums."""
    sites = sites_of(facts, scenes, ("a",))
    read = bases(sites)
    many = len(read) > MAX_ATTRIBUTES
    all_simple = [] if many else simple_columns(read, sites)
    units = facts.units.cpu().numpy()[sites.scene.cpu().numpy()]
    for name in names:
        true = sites.read(facts.crisp(name)) > 0
        known = (sites.read(facts.validity(name)) > 0).nonzero()[0]
        kept = known[sites.scene.cpu().numpy()[known] < (first or len(scenes))]
        if not 0 < int(true[kept].sum()) < len(kept):
            continue
        given = facts.values[name].dtype == torch.bool
        question = Question(Atom(name, ("a",)), sites.at(kept), true[kept], units[kept], given)
        telling = _telling(read, true, kept) if many else read
        simple = simple_columns(read, sites, {one.term for one in telling}) if many else all_simple
        columns = [at(column, kept) for column in simple]
        smooth = [one for one in read if not bool((one.values == np.round(one.values)).all())]
        columns += [at(column, kept) for column in weighted_sums(smooth, true, known[drawn(true[known])])]
        printed = fronts(question, columns, LITERALS, DISJUNCTS)
        products = product_columns(telling) if _best(printed) < ENOUGH and not many else []
        if products:
            columns += [at(column, kept) for column in products]
            printed = rising_printed([*printed, *fronts(question, columns, LITERALS, DISJUNCTS)])
        yield question, printed, len(columns)


def _telling(read: Sequence[Base], true: Bools, kept: NDArray[np.int64]) -> list[Base]:
    """The numbers that tell the class best by one threshold each, so many as pairs are formed of."""
    values = np.stack([one.values[kept] for one in read])
    sample = Sample(values, true[kept], 1.0, 1.0, np.ones(len(read), dtype=np.int64))
    everywhere = np.ones(len(kept), dtype=np.bool_)
    score = cuts(sample, everywhere, ~everywhere).score.max(0)
    return [read[place] for place in np.sort(np.argsort(-score, kind="stable")[:MAX_ATTRIBUTES])]


def _best(printed: Sequence[Printed]) -> float:
    return max((one.fidelity for one in printed), default=0.0)


# ------------------------------------------------------------------------------------- scenes


def _scenes(seen: Discovery) -> Iterator[tuple[Question, list[Printed], int, int]]:
    """(question, front, number of columns, 0) of every class of scenes."""
    facts = seen.said
    scenes = seen.scenes if seen.scenes is not None else Scenes(mask=facts.objects)
    for name, value in facts.values.items():
        true = facts.crisp(name).cpu().numpy() if value.dim() == 1 else np.zeros(0, dtype=np.bool_)
        if value.dim() != 1 or not 0 < int(true.sum()) < len(true):
            continue
        whole = Sites(scenes, (), torch.arange(len(facts)), torch.zeros(0, len(facts), dtype=torch.int64))
        question = Question(Atom(name, ()), whole, true, facts.units.cpu().numpy(), value.dtype == torch.bool)
        printed: list[Printed] = []
        examined = 0
        for count in (0, 1, 2, 3):
            if count > scenes.mask.shape[1] or _best(printed) >= ENOUGH:
                break
            more, columns = _bodies(question, facts, count)
            printed, examined = rising_printed([*printed, *more]), examined + columns
        yield question, printed, examined, 0


def _bodies(question: Question, facts: Facts, count: int) -> tuple[list[Printed], int]:
    """Printed formulas with so many bound variables, and the number of columns that they were made of."""
    scenes = question.sites.scenes
    variables = ("a", "b", "c")[:count]
    sites = _grounded(scenes, variables)
    if not len(sites.scene):
        return [], 0
    here = np.unique(sites.scene.numpy())
    read = bases(sites)
    columns = [*simple_columns(read, sites), *_atoms(facts, sites, question.atom.predicate)]
    if count == 3:
        columns += midway_columns(read)
    if not columns:
        return [], 0
    rows = np.searchsorted(here, sites.scene.numpy())
    found = []
    for kind, chosen in _kinds(columns, variables):
        for negated in (False, True):
            true = question.truth[here] ^ negated
            sample = _bagged(columns, chosen, rows, true)
            for grown in front(sample, BODY, DISJUNCTS):
                body = _existing(columns, replace(grown, negated=negated), variables, kind)
                said = told(body, question.sites, facts)
                size = grown.literals + len(grown.formula) * len(kind)
                found.append(Printed(body, size, said, fidelity(said, question.truth)))
    return rising_printed(found), len(columns)


def _kinds(columns: Sequence[Column], variables: tuple[str, ...]) -> Iterator[tuple[list[Formula], NDArray[np.int64]]]:
    """(conditions, sites): all sites; and of three variables those where all three are of one kind.

    A condition on each of three objects says nothing before the last of them is in, so that no growth would begin.
    """
    everything = np.arange(len(columns[0].values)) if columns else np.zeros(0, dtype=np.int64)
    if len(variables) < 3:
        yield [], everything
        return
    by_text = {str(column.left): column for column in columns if column.form == "truth"}
    for column in list(by_text.values()):
        assert isinstance(column.left, Formula)
        alike = [_renamed(column.left, variables[0], other) for other in variables]
        if None in alike or str(alike[0]) != str(column.left):
            continue
        held = [by_text[str(one)].values > 0 for one in alike if str(one) in by_text]
        if len(held) == len(variables):
            sites = np.logical_and.reduce(held).nonzero()[0]
            if len(sites):
                yield [one for one in alike if one is not None], sites


def _renamed(formula: Formula, old: str, new: str) -> Formula | None:
    """A statement about one object, said of another; None for a statement about several."""
    return rename(formula, {old: new}) if free_variables(formula) == (old,) else None


def _grounded(scenes: Scenes, variables: tuple[str, ...]) -> Sites:
    """Groundings by distinct real objects, scene after scene; as many scenes as the budget has room for."""
    width, count = scenes.mask.shape[1], len(variables)
    per_scene = max(1, width**count)
    step = max(1, len(scenes) * per_scene // GROUNDED)
    chosen = torch.arange(0, len(scenes), step)
    real = distinct(width, count, scenes.device).expand(len(chosen), *(width,) * count)
    for axis in range(count):
        shape = (len(chosen),) + (1,) * axis + (width,) + (1,) * (count - axis - 1)
        real = real & scenes.mask[chosen].reshape(shape)
    where = real.nonzero()
    return Sites(scenes, variables, chosen[where[:, 0]], where[:, 1:].T)


def _atoms(facts: Facts, sites: Sites, but: str) -> Iterator[Column]:
    """The other predicates of the sites' variables, as columns of zeros and ones."""
    for name, value in facts.values.items():
        arity = value.dim() - 1
        if name == but or not 1 <= arity <= min(2, len(sites.variables)):
            continue
        crisp = facts.crisp(name) & facts.validity(name)
        for arguments in _arguments(sites.variables, arity):
            places = [sites.objects[sites.variables.index(variable)] for variable in arguments]
            values = crisp[(sites.scene, *places)].double().cpu().numpy()
            if values.min() < values.max():
                yield Column("truth", Atom(name, arguments), None, values, arity, "")


def _arguments(variables: tuple[str, ...], arity: int) -> Iterator[tuple[str, ...]]:
    for one in variables:
        if arity == 1:
            yield (one,)
        else:
            yield from ((one, two) for two in variables if two != one)


def _bagged(
    columns: Sequence[Column], sites: NDArray[np.int64], rows: NDArray[np.int64], true: NDArray[np.bool_]
) -> Sample:
    """The sample of some sites; rows says to which scene each belongs."""
    values = np.stack([column.values[sites] for column in columns])
    sizes = np.array([column.size for column in columns], dtype=np.int64)
    return Sample(values, true, 1.0, 1.0, sizes, bag=rows[sites])


def _existing(columns: Sequence[Column], grown: Grown, variables: tuple[str, ...], kind: Sequence[Formula]) -> Formula:
    """``exists a, b: ...`` for each conjunction; under ~ where it tells the opposite."""
    parts: list[Formula] = []
    for conjunction in grown.formula:
        literals = [*kind, *(_literal(columns[cut.column], cut) for cut in conjunction)]
        body = literals[0] if len(literals) == 1 else And(tuple(literals))
        parts.append(Exists(variables, body) if variables else body)
    joined = parts[0] if len(parts) == 1 else Or(tuple(parts))
    return Not(joined) if grown.negated else joined


def _literal(column: Column, cut: Cut) -> Formula:
    natural = column.natural
    if natural is not None and cut.low < natural < cut.high:
        return column.literal(cut.above, natural)
    return literal_of(column, cut, simplest(cut.low, cut.high))
