"""Decisions: what a class depends on, of rows, of whole scenes and of objects, as a short disjunction.

*Rows.* A scene of one object without geometry is a row; a predicate of one object is its class:
``wins(a) <-> top_left(a) = "x" & middle(a) = "x" & bottom_right(a) = "x" | ...``. Where nothing simpler tells the
class, comparisons of products are tried, ``right_weight(a) * right_arm(a) <= left_weight(a) * left_arm(a)``.
A table is small, and its teacher can be asked: rows are made between rows, and a formula is to tell the teacher's
answers about these too (``made_rows``). They take no part in the evidence.

*Scenes*, and objects beside others, are told by what exists there, and how many of it (``quantified``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Definition, Formula
from rulekd.extraction.columns import (
    MAX_ATTRIBUTES,
    Base,
    Column,
    Sites,
    bases,
    product_columns,
    simple_columns,
)
from rulekd.extraction.definitions import bare_objects, drawn, fronts, gathered, proposal, rising_printed
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.disjunctions import Bools, Sample, cuts
from rulekd.extraction.made_rows import bisected, joined, mixed
from rulekd.extraction.printing import judged
from rulekd.extraction.quantified import Answer, kind_of_classes, left_out, object_classes, scene_classes
from rulekd.extraction.questions import ENOUGH, Printed, Question, at, best, known_sites, sites_of
from rulekd.extraction.stopwatch import Watch
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
    for question, printed, columns, queries in chain(row_classes(seen), scene_classes(seen), object_classes(seen)):
        examined += columns
        if printed:
            formula, known, worth = proposal(question, printed, columns, queries)
            found.append((formula, worth))
            about[formula] = known
    return replace(gathered(found, about, examined), notes=left_out(seen.said))


def row_classes(seen: Discovery) -> Iterator[Answer]:
    """(question, front, number of columns, queries) of every class of objects without geometry.

    First on the given rows alone, then with made ones. Which tells more is seen on the confirmation part: made rows
    fill in what few rows leave open, but a network may answer at random about rows that cannot be. Where nothing is
    held back for confirmation, only made rows can tell what was fitted to the given ones by chance; those alone are
    given out where there was no time for made ones.
    """
    facts, scenes = seen.said, seen.scenes
    names = [name for name, value in facts.values.items() if value.dim() == 2]
    if scenes is None or not bare_objects(scenes) or not names or not (scenes.numbers or scenes.categories):
        return
    asked = seen.ask is not None and scenes.mask.shape[1] == 1 and not scenes.tensors
    given: dict[str, Answer] = {}
    for answers in seen.watch.each(kind_of_classes(seen), Table.of(facts, scenes, names, seen.watch).pieces()):
        given.update({each[0].atom.predicate: each for each in answers})
        if not (asked and seen.everything):
            yield from answers
    if not asked or not given:
        return
    lots: list[Table] = []

    def again(together: tuple[str, ...]) -> list[Answer]:
        if not lots:
            lots.append(_with_made_rows(seen, scenes, list(given)))
        return [
            (
                question,
                rising_printed([*printed, *_said_of(question, given[question.atom.predicate][1])]),
                columns,
                made,
            )
            for question, printed, columns, made in lots[0].told(together)
        ]

    sets = Table.of(facts, scenes, list(given), seen.watch).together()
    for answers in seen.watch.each("decisions with made rows", {_named(one): partial(again, one) for one in sets}):
        for answer in answers:
            given.pop(answer[0].atom.predicate)
            yield answer
    if seen.everything:
        yield from given.values()


def _said_of(question: Question, printed: Sequence[Printed]) -> list[Printed]:
    """The same formulas at other rows."""
    return [judged(question, one.body, one.literals) for one in printed]


def _named(together: tuple[str, ...]) -> str:
    return " and ".join(together)


def _with_made_rows(seen: Discovery, scenes: Scenes, told: list[str]) -> Table:
    """The given rows and made ones, and what the network says about all of them.

    Rows near the boundary say where it runs; how much a formula tells is judged by rows as they are met.
    """
    assert seen.ask is not None, "who cannot be asked has no made rows"
    facts = seen.said
    made = mixed(scenes, max(0, MADE - len(scenes)))
    lots, said = [replace(scenes, labels={}, label_valid={}), made], [facts, seen.ask(made)]
    near = bisected(scenes, facts, told, seen.ask, MADE)
    if near is not None:
        lots, said = [*lots, near[0]], [*said, near[1]]
    whole = Scenes.cat(lots)
    table = Table.of(joined(said, told, whole), whole, told, seen.watch)
    return replace(table, first=len(scenes) + len(made), made=len(whole) - len(scenes))


@dataclass(frozen=True, eq=False)
class Table:
    """Rows, and what was said about them. first: the rows after so many only direct the sums. made: how many of the
    rows were made. read: their numbers."""

    facts: Facts
    sites: Sites
    read: Sequence[Base]
    names: Sequence[str]
    first: int
    watch: Watch
    made: int = 0

    @classmethod
    def of(cls, facts: Facts, scenes: Scenes, names: Sequence[str], watch: Watch) -> Table:
        """All rows, none of them made."""
        sites = known_sites(sites_of(facts, scenes, ("a",)))
        return cls(facts, sites, bases(sites), names, len(scenes), watch)

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Of every class that is now true and now false: its truth at the rows that it is judged by."""
        scene = self.sites.scene.cpu().numpy()
        units = self.facts.units.cpu().numpy()[scene]
        found = {}
        for name in self.names:
            true, known = self.said(name)
            kept = known[scene[known] < self.first]
            if 0 < int(true[kept].sum()) < len(kept):
                given = self.facts.values[name].dtype == torch.bool
                found[name] = Question(Atom(name, ("a",)), self.sites.at(kept), true[kept], units[kept], given)
        return found

    def said(self, name: str) -> tuple[Bools, NDArray[np.int64]]:
        """(n,) whether a class is told, and the numbers of the rows of which it may be asked."""
        true = self.sites.read(self.facts.crisp(name)) > 0
        return true, (self.sites.read(self.facts.validity(name)) > 0).nonzero()[0]

    def pieces(self) -> dict[str, Callable[[], list[Answer]]]:
        """Work to be done, by the classes that it tells."""
        return {_named(one): partial(self.told, one) for one in self.together()}

    def together(self) -> list[tuple[str, ...]]:
        """Each class; two of which one is what the other is not are told together."""
        return [(name,) for name in self.questions]

    def told(self, together: tuple[str, ...]) -> list[Answer]:
        """The fronts of some classes."""
        return [self.front(self.questions[name]) for name in together if name in self.questions]

    @cached_property
    def _simple(self) -> list[Column]:
        return simple_columns(self.read, self.sites)

    def front(self, question: Question) -> Answer:
        """The front of one class, by simple columns and weighted sums; by products where these do not tell it."""
        many = len(self.read) > MAX_ATTRIBUTES
        name = question.atom.predicate
        true, known = self.said(name)
        kept = known[self.sites.scene.cpu().numpy()[known] < self.first]
        telling = _telling(self.read, true, kept) if many else self.read
        simple = simple_columns(self.read, self.sites, {one.term for one in telling}) if many else self._simple
        columns = [at(column, kept) for column in simple]
        smooth = [one for one in self.read if not bool((one.values == np.round(one.values)).all())]
        columns += [at(column, kept) for column in weighted_sums(smooth, true, known[drawn(true[known])])]
        printed = fronts(question, columns, LITERALS, DISJUNCTS)
        made = product_columns(telling) if best(printed) < ENOUGH and not many else []
        for products in self.watch.while_time(
            f"decisions of {name} by products of two numbers", [made] if made else ()
        ):
            columns += [at(column, kept) for column in products]
            printed = rising_printed([*printed, *fronts(question, columns, LITERALS, DISJUNCTS)])
        return question, printed, len(columns), self.made


def _telling(read: Sequence[Base], true: Bools, kept: NDArray[np.int64]) -> list[Base]:
    """The numbers that tell the class best by one threshold each, so many as pairs are formed of."""
    values = np.stack([one.values[kept] for one in read])
    sample = Sample(values, true[kept], 1.0, 1.0, np.ones(len(read), dtype=np.int64))
    everywhere = np.ones(len(kept), dtype=np.bool_)
    score = cuts(sample, everywhere, ~everywhere).score.max(0)
    return [read[place] for place in np.sort(np.argsort(-score, kind="stable")[:MAX_ATTRIBUTES])]
