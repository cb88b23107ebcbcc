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
from functools import cache, cached_property, partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Definition, Formula, Not
from kg.formulas import Compare, Number, Term, walk
from kg.negation import negation_normal
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.families.definitions import (
    WORTH_SHOWING,
    bare_objects,
    drawn,
    fronts,
    gathered,
    lacks,
    proposal,
    rising_printed,
    unsaid,
)
from rulekd.extraction.families.made_rows import bisected, joined, mixed
from rulekd.extraction.families.quantified import Answer, kind_of_classes, left_out, object_classes, scene_classes
from rulekd.extraction.fitting.columns import Base, Column, Sites, bases
from rulekd.extraction.fitting.compounds import most_telling
from rulekd.extraction.fitting.disjunctions import Bools
from rulekd.extraction.fitting.offered import MAX_ATTRIBUTES, product_columns, simple_columns
from rulekd.extraction.fitting.printing import EFFECT, judged
from rulekd.extraction.fitting.questions import (
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
from rulekd.extraction.fitting.sums import weighted_sums
from rulekd.extraction.stopwatch import Watch
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
    untold: dict[str, float] = {}
    for question, printed, columns, queries in chain(row_classes(seen), scene_classes(seen), object_classes(seen)):
        examined += columns
        if best(printed) < WORTH_SHOWING and not beside_others(seen, question):
            untold[question.atom.predicate] = best(printed)
        if printed:
            formula, known, worth = proposal(question, printed, columns, queries)
            found.append((formula, worth))
            about[formula] = known
    return replace(gathered(found, about, examined), notes=(*unsaid("decisions", untold), *left_out(seen)))


def beside_others(seen: Discovery, question: Question) -> bool:
    """Is it an object's class for which others are looked at alone? What the object is by itself others tell."""
    return bool(question.atom.arguments) and (seen.scenes is None or not bare_objects(seen.scenes))


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
    table = Table.of(facts, scenes, names, seen)
    given: dict[str, Answer] = {}
    wider = Table.of(facts, scenes, names, seen, MOST_UNKNOWN) if lacks(scenes) else table

    def told(together: tuple[str, ...]) -> list[Answer]:
        """Where what is known of nearly all rows does not tell a class: where more is known, be it of fewer rows."""
        answers = table.told(together)
        if wider is table or (answers and min(best(printed) for _, printed, _, _ in answers) >= ENOUGH):
            return answers
        before = {answer[0].atom: answer for answer in answers}
        found = {answer[0].atom: answer for answer in wider.told(together)}
        better = {
            a: one for a, one in found.items() if best(one[1]) > best(before[a][1] if a in before else ()) + EFFECT
        }
        return list((before | better).values())

    beyond = [(name,) for name in wider.questions if name not in table.questions]
    for answers in seen.watch.each(kind_of_classes(seen), _pieces(told, [*table.together(), *beyond])):
        given.update({each[0].atom.predicate: each for each in answers})
        if not (asked and seen.everything):
            yield from answers
    if not asked or not given:
        return

    @cache
    def made() -> Table:
        return _with_made_rows(seen, scenes, list(given))

    def again(together: tuple[str, ...]) -> list[Answer]:
        return [_beside(answer, given[answer[0].atom.predicate]) for answer in made().told(together)]

    rest = [one for one in table.together() if one[0] in given]
    for answers in seen.watch.each("decisions with made rows", _pieces(again, rest)):
        for answer in answers:
            given.pop(answer[0].atom.predicate)
            yield answer
    if seen.everything:
        yield from given.values()


def _beside(answer: Answer, before: Answer) -> Answer:
    """An answer whose front takes in what was found before, as far as it tells more here.

    What that was found in may be no column here, where it is unknown of many rows.
    """
    question, printed, columns, made = answer
    said = [judged(question, one.body, one.literals) for one in before[1]]
    return question, rising_printed([*printed, *said]), columns or before[2], made


def _pieces(
    work: Callable[[tuple[str, ...]], list[Answer]], classes: Sequence[tuple[str, ...]]
) -> dict[str, Callable[[], list[Answer]]]:
    """Work to be done, by the names of the classes that it tells."""
    return {" and ".join(together): partial(work, together) for together in classes}


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
    table = Table.of(joined(said, told, whole), whole, told, seen)
    return replace(table, first=len(scenes) + len(made), made=len(whole) - len(scenes), found={})


@dataclass(frozen=True, eq=False)
class Table:
    """Rows, and what was said about them. first: the rows after so many only direct the sums. made: how many of the
    rows were made. read: their numbers. found: fronts, by the truth that they tell."""

    facts: Facts
    sites: Sites
    read: Sequence[Base]
    names: Sequence[str]
    first: int
    watch: Watch
    found: dict[bytes, tuple[list[Printed], int]]
    made: int = 0

    @classmethod
    def of(cls, facts: Facts, scenes: Scenes, names: Sequence[str], seen: Discovery, most: float = UNKNOWN) -> Table:
        """All rows, none of them made, but for a share of at most ``most`` of which too little is known."""
        sites = known_sites(sites_of(facts, scenes, ("a",)), most)
        return cls(facts, sites, bases(sites), names, len(scenes), seen.watch, seen.fronts)

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

    def together(self) -> list[tuple[str, ...]]:
        """Each class; two of which one is what the other is not are told together."""
        found: list[tuple[str, ...]] = []
        for name, question in self.questions.items():
            other = next((one for one in found if len(one) == 1 and opposite(self.questions[one[0]], question)), None)
            if other is None:
                found.append((name,))
            else:
                found[found.index(other)] = (*other, name)
        return found

    def told(self, together: tuple[str, ...]) -> list[Answer]:
        """The fronts of one class, or of two that are told together: what tells one, negated, may tell the other."""
        asked = [self.questions[name] for name in together if name in self.questions]
        found: list[Answer] = []
        for question in asked:
            if found and self.watch.over and opposite(found[0][0], question):
                found.append((question, [], found[0][2], self.made))  # what the first says, negated, is enough
            else:
                found.append(self.front(question))
        if len(asked) < 2 or not opposite(*asked):
            return found
        (one, printed, columns, made), (other, others, more, _) = found
        printed = rising_printed([*printed, *negated(others)])
        return [(one, printed, columns, made), (other, as_written(negated(printed), others), more, made)]

    @cached_property
    def _simple(self) -> list[Column]:
        return simple_columns(self.read, self.sites)

    def front(self, question: Question) -> Answer:
        """The front of one class; of classes that are told alike by the network and by labels it is found once."""
        key = question.truth.tobytes() + _rows(question)
        if key not in self.found:
            self.found[key] = self._front(question)
        return question, *self.found[key], self.made

    def _front(self, question: Question) -> tuple[list[Printed], int]:
        """By simple columns and weighted sums; by products where these do not tell the class. (front, columns)."""
        many = len(self.read) > MAX_ATTRIBUTES
        name = question.atom.predicate
        true, known = self.said(name)
        kept = known[self.sites.scene.cpu().numpy()[known] < self.first]
        telling = most_telling(self.read, true, kept) if many else self.read
        simple = simple_columns(self.read, self.sites, {one.term for one in telling}) if many else self._simple
        columns = [at(column, kept) for column in simple]
        smooth = [one for one in self.read if not bool((one.values == np.round(one.values)).all())]
        columns += [at(column, kept) for column in weighted_sums(smooth, true, known[drawn(true[known])])]
        printed = fronts(question, columns, LITERALS, DISJUNCTS, self.watch, compounds=False)
        products = product_columns(telling) if best(printed) < ENOUGH and not many else []
        by_products = f"decisions of {name} by products of two numbers"
        for made in self.watch.while_time(by_products, [products] if products else ()):
            columns += [at(column, kept) for column in made]
            printed = rising_printed(
                [*printed, *fronts(question, columns, LITERALS, DISJUNCTS, self.watch, compounds=False)]
            )
        return printed, len(columns)


def opposite(one: Question, other: Question) -> bool:
    """Is one class, at the same rows, what the other is not?"""
    return _rows(one) == _rows(other) and bool((one.truth != other.truth).all())


def _rows(question: Question) -> bytes:
    """Which rows a class is told of."""
    return b"".join(part.cpu().numpy().tobytes() for part in (question.sites.scene, question.sites.objects))


def negated(printed: Sequence[Printed]) -> list[Printed]:
    """The opposites of formulas, comparisons turned round: of ``a | b & c`` comes ``~a & (~b | ~c)``."""
    return [replace(one, body=negation_normal(Not(one.body)), told=~one.told) for one in printed]


def as_written(printed: Sequence[Printed], others: Sequence[Printed]) -> list[Printed]:
    """Formulas; where one among the others compares the same numbers, as long and to the same effect, it stands there:
    ``colour(a) = 1`` for ``colour(a) < 2``."""

    def sense(one: Printed) -> tuple[int, bytes, frozenset[Term]]:
        literals = [part for part in walk(one.body) if isinstance(part, Compare)]
        sides = (side for literal in literals for side in (literal.left, literal.right))
        return one.literals, one.told.tobytes(), frozenset(side for side in sides if not isinstance(side, Number))

    known = {sense(one): one for one in others}
    return [known.get(sense(one), one) for one in printed]
