"""Decisions: what a class depends on, of rows, of whole scenes and of objects, as a short disjunction.

*Rows.* A scene of one object without geometry is a row; a predicate of one object is its class:
``wins(a) <-> top_left(a) = "x" & middle(a) = "x" & bottom_right(a) = "x" | ...``. Where nothing simpler tells the
class, comparisons of products are tried, ``right_weight(a) * right_arm(a) <= left_weight(a) * left_arm(a)``.
A table is small, and its teacher can be asked: rows are made between rows, and a formula is to tell the teacher's
answers about these too (``made_rows``). They take no part in the evidence.

*Scenes*, and objects beside others, are told by what exists there, and how many of it (``quantified``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Definition, Formula
from rulekd.extraction.columns import (
    MAX_ATTRIBUTES,
    Base,
    bases,
    product_columns,
    simple_columns,
)
from rulekd.extraction.definitions import bare_objects, drawn, fronts, gathered, lacks, proposal, rising_printed
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.disjunctions import Bools, Sample, cuts
from rulekd.extraction.made_rows import bisected, joined, mixed
from rulekd.extraction.printing import EFFECT, judged
from rulekd.extraction.quantified import left_out, object_classes, scene_classes
from rulekd.extraction.questions import (
    ENOUGH,
    MOST_UNKNOWN,
    UNKNOWN,
    Printed,
    Question,
    at,
    best,
    known_sites,
    sites_of,
)
from rulekd.extraction.sums import weighted_sums
from rulekd.facts import Facts
from rulekd.scenes import Scenes

#: Literals and conjunctions of a decision at most.
LITERALS, DISJUNCTS = 30, 10

#: Rows that are made and asked about, at random places and near the network's boundary, each.
MADE = 4000


def decisions(seen: Discovery) -> Proposals:
    """For each class of rows, scenes and objects the shortest disjunction that tells it as well as any found."""
    found: list[tuple[Formula, bool]] = []
    about: dict[Formula, Definition] = {}
    examined = 0
    classes = chain(_rows(seen), scene_classes(seen), object_classes(seen))
    for question, printed, columns, queries in seen.watch.while_time("decisions", classes):
        examined += columns
        if printed:
            formula, known, worth = proposal(question, printed, columns, queries)
            found.append((formula, worth))
            about[formula] = known
    return replace(gathered(found, about, examined), notes=left_out(seen.said))


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
    if lacks(scenes):
        enough = {atom.predicate for atom, (_, printed, _) in given.items() if best(printed) >= ENOUGH}
        poor = [name for name in names if name not in enough]
        for question, printed, columns in _told_rows(facts, scenes, poor, most=MOST_UNKNOWN):
            before = given.get(question.atom, (question, [], 0))
            if best(printed) > best(before[1]) + EFFECT:
                given[question.atom] = question, printed, columns + before[2]
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
        _, told_before, searched = given[question.atom]
        plain = [judged(question, one.body, one.literals) for one in told_before]
        # Where what they were found in is unknown of many rows, it may be no column here.
        yield question, rising_printed([*printed, *plain]), columns or searched, len(whole) - len(scenes)


def _told_rows(
    facts: Facts, scenes: Scenes, names: Sequence[str], first: int | None = None, most: float = UNKNOWN
) -> Iterator[tuple[Question, list[Printed], int]]:
    """(question, front, number of columns) of every class. first: the rows after so many only direct the sums.

    most: share of the rows that may be left out for what is unknown of them.
    """
    sites = known_sites(sites_of(facts, scenes, ("a",)), most)
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
        products = product_columns(telling) if best(printed) < ENOUGH and not many else []
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
