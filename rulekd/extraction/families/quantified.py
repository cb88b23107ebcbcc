"""What exists, and how much of it: decisions about whole scenes, and about objects beside others.

*Scenes.* A predicate of no object is a class of the scene; it is told by what exists in it, or by what does not,

    zendo() <-> exists a, b: blue(a) & size(a) <= 3 & contact(a, b) & red(b),

from comparisons and from the other predicates. First the scene is told by amounts (``amounts``): none, one, at least
two of a kind. Where they do not tell it the groundings of a scene form a bag, which is true where some grounding is
(``disjunctions``). Three variables are tried where two do not tell the class, first those of one kind.

*Objects.* A predicate of one object is told by the others around it, and by how many there are,

    held(a) <-> exists b, c: on(b, a) & on(c, a) & ~glass(a).

What is told without a quantifier is left to the laws of pairs and conjunctions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from kg import Atom, Exists, Formula, Not
from kg.formulas import Or, joint, quantified
from kg.normal import free_variables, rename
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.definitions import drawn, rising_printed, sampled
from rulekd.extraction.families.pairs import exclusive_sets
from rulekd.extraction.fitting.amounts import LOOKED_AT, MANY, amounts, pairs_beside, properties_of, too_many
from rulekd.extraction.fitting.columns import Column, Sites, bases
from rulekd.extraction.fitting.disjunctions import Cut, Sample
from rulekd.extraction.fitting.growth import Grown, front
from rulekd.extraction.fitting.offered import atoms, midway_columns, simple_columns
from rulekd.extraction.fitting.printing import judged, literal_of
from rulekd.extraction.fitting.questions import ENOUGH, Printed, Question, best, known_sites, narrowed, sites_of
from rulekd.extraction.fitting.thresholds import simplest
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.truth import distinct

#: Groundings of all scenes that bodies with quantifiers are searched on, literals of one such body, and conjunctions.
GROUNDED, BODY, DISJUNCTS = 60_000, 5, 10

#: Literals about an object, and the fidelity under which they are not taken to tell its class.
OBJECT_BODY, TOLD = 4, 0.95


#: (question, front, number of columns, scenes that were made and asked about) of one class.
Answer = tuple[Question, list[Printed], int, int]


def kind_of_classes(seen: Discovery) -> str:
    """What is told of classes while the time is watched."""
    return "decisions, of the labels," if seen.labels else "decisions"


def scene_classes(seen: Discovery) -> Iterator[Answer]:
    """(question, front, number of columns, 0) of every class of scenes."""
    pieces = {f"{name}()": partial(_told_scenes, seen, name) for name in _varying(seen.said)}
    return seen.watch.each(kind_of_classes(seen), pieces)


def _told_scenes(seen: Discovery, name: str) -> Answer:
    """By none, one, two and three variables, until one does it or the time is up."""
    facts = seen.said
    scenes = seen.scenes if seen.scenes is not None else Scenes(mask=facts.objects)
    value, true = facts.values[name], facts.crisp(name).cpu().numpy()
    whole = Sites(scenes, (), torch.arange(len(facts)), torch.zeros(0, len(facts), dtype=torch.int64))
    question = Question(Atom(name, ()), whole, true, facts.units.cpu().numpy(), value.dtype == torch.bool)
    printed, examined = _bodies(question, facts, 0)
    width = scenes.mask.shape[1]
    counts = [count for count in (1, 2, 3) if count <= width and not _too_many(width, count)]
    told = best(printed) >= ENOUGH
    for count in seen.watch.while_time(f"{kind_of_classes(seen)} of {name}()", () if told else counts):
        more, columns = _bodies(question, facts, count)
        printed, examined = rising_printed([*printed, *more]), examined + columns
        if best(printed) >= ENOUGH:
            break
    return question, printed, examined, 0


def _varying(facts: Facts) -> list[str]:
    """The predicates of no object that are true of some scenes and false of others."""
    classes = (name for name, value in facts.values.items() if value.dim() == 1)
    return [name for name in classes if 0 < int(facts.crisp(name).sum()) < len(facts)]


def _too_many(width: int, count: int) -> bool:
    """Is there room for the groundings of one scene at most? A class that differs between scenes needs two."""
    return count > 0 and width**count >= GROUNDED


def left_out(seen: Discovery) -> tuple[str, ...]:
    """What is not examined of classes of scenes, and of objects, in words."""
    facts = seen.said
    scenes = seen.scenes if seen.scenes is not None else Scenes(mask=facts.objects)
    width, notes = facts.objects.shape[1], []
    if 2 in seen.arities() and (found := pairs_beside(facts, scenes)) > MANY:
        notes.append(
            "decisions: two and more objects of a kind in a relation: not counted beside an object, "
            f"{found:,} pairs of a relation and a property are more than {MANY}"
        )
    if not _varying(facts):
        return tuple(notes)
    if too_many(found := properties_of(facts, scenes), len(facts) * width):
        notes.append(
            f"decisions: objects with two properties together: not counted, {found:,} properties in {len(facts):,} "
            f"scenes of {width:,} objects make more than {LOOKED_AT:.0e} of them; those with one were"
        )
    wide = [count for count in (1, 2, 3) if _too_many(width, count)]
    if wide:
        notes.append(
            f"decisions: what {wide[0]} objects of a scene are to each other: not examined, scenes of {width:,} "
            f"objects have more than {GROUNDED:,} groundings; how many there are of a kind was"
        )
    return tuple(notes)


def _bodies(question: Question, facts: Facts, count: int) -> tuple[list[Printed], int]:
    """Printed formulas with so many bound variables, and the number of columns that they were made of."""
    scenes = question.sites.scenes
    variables = ("a", "b", "c")[:count]
    sites = _grounded(scenes, variables)
    if not variables:  # of a bag each grounding counts
        sites = known_sites(sites)
    if not len(sites.scene):
        return [], 0
    here = np.unique(sites.scene.cpu().numpy())
    read = bases(sites)
    columns = [*simple_columns(read, sites, bags=count > 0), *atoms(facts, sites, {question.atom.predicate})]
    if count == 0:
        columns += amounts(facts, sites, {question.atom.predicate}, question.truth[sites.scene.cpu().numpy()])
    if count == 3:
        columns += midway_columns(read)
    if not columns:
        return [], 0
    rows = np.searchsorted(here, sites.scene.cpu().numpy())
    found = []
    for kind, chosen in _kinds(columns, variables):
        for negated in (False, True) if variables else (False,):
            true = question.truth[here] ^ negated
            sample = _bagged(columns, chosen, rows, true)
            for grown in front(sample if variables else replace(sample, bag=None), BODY, DISJUNCTS):
                told = replace(grown, negated=grown.negated ^ negated)
                found.append(_printed(question, facts, columns, told, variables, kind))
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
    """Groundings by distinct real objects, scene after scene; as many scenes as the budget has room for.

    Of scenes so large that one of them fills the budget none is asked for (``_too_many``).
    """
    width, count = scenes.mask.shape[1], len(variables)
    per_scene = max(1, width**count)
    step = max(1, len(scenes) * per_scene // GROUNDED)
    chosen = torch.arange(0, len(scenes), step, device=scenes.device)
    real = distinct(width, count, scenes.device).expand(len(chosen), *(width,) * count)
    for axis in range(count):
        shape = (len(chosen),) + (1,) * axis + (width,) + (1,) * (count - axis - 1)
        real = real & scenes.mask[chosen].reshape(shape)
    where = real.nonzero()
    return Sites(scenes, variables, chosen[where[:, 0]], where[:, 1:].T)


def _bagged(
    columns: Sequence[Column], sites: NDArray[np.int64], rows: NDArray[np.int64], true: NDArray[np.bool_]
) -> Sample:
    """The sample of some sites; rows says to which scene each belongs."""
    values = np.stack([column.values[sites] for column in columns])
    sizes = np.array([column.size for column in columns], dtype=np.int64)
    return Sample(values, true, 1.0, 1.0, sizes, bag=rows[sites])


def _printed(
    question: Question,
    facts: Facts,
    columns: Sequence[Column],
    grown: Grown,
    variables: tuple[str, ...],
    kind: Sequence[Formula],
) -> Printed:
    """As it is printed: of a variable that only says that there is one object more no word, where this does as well."""
    size = grown.literals + len(grown.formula) * len(kind)
    best = judged(question, existing(columns, grown, variables, kind), size, facts)
    spare: tuple[int, ...] = ()
    for number in range(len(grown.formula)):
        body = existing(columns, grown, variables, kind, (*spare, number))
        if body != best.body and (less := judged(question, body, size, facts)).fidelity >= best.fidelity:
            best, spare = less, (*spare, number)
    return best


def existing(
    columns: Sequence[Column],
    grown: Grown,
    variables: tuple[str, ...],
    kind: Sequence[Formula],
    spare: Collection[int] = (),
) -> Formula:
    """``exists a, b: ...`` for each conjunction; under ~ where it tells the opposite.

    What does not speak of the variables stands before, and what has no quantifier first. spare: the conjunctions of
    which the variables are left out about which they say nothing but that there is such a further object.
    """
    parts: list[Formula] = []
    for number, conjunction in enumerate(grown.formula):
        literals = [*kind, *(_literal(columns[cut.column], cut) for cut in conjunction)]
        inner = [one for one in literals if not variables or set(variables) & set(free_variables(one))]
        outer = [one for one in literals if one not in inner]
        used = [one for one in variables if any(one in free_variables(part) for part in inner)]
        if inner and number in spare and len(used) < len(variables):
            names = dict(zip(used, variables, strict=False))
            whole = [*outer, Exists(tuple(names.values()), joint(*(rename(part, names) for part in inner)))]
        else:
            whole = [*outer, Exists(variables, joint(*inner))] if variables and inner else [*outer, *inner]
        whole.sort(key=quantified)
        parts.append(joint(*whole))
    joined = parts[0] if len(parts) == 1 else Or(tuple(parts))
    return Not(joined) if grown.negated else joined


def _literal(column: Column, cut: Cut) -> Formula:
    natural = column.natural
    if natural is not None and cut.low < natural < cut.high:
        return column.literal(cut.above, natural)
    return literal_of(column, cut, simplest(cut.low, cut.high))


# ------------------------------------------------------------------------------------ objects


def object_classes(seen: Discovery) -> Iterator[Answer]:
    """(question, front, number of columns, 0) of every class of objects that what is around them tells."""
    facts = seen.said
    if 2 not in seen.arities():
        return
    scenes = seen.scenes if seen.scenes is not None else Scenes(mask=facts.objects)
    sites = known_sites(sites_of(facts, scenes, ("a",)))
    units = facts.units.cpu().numpy()[sites.scene.cpu().numpy()]
    alike = exclusive_sets(seen, 1)
    pieces: dict[str, Callable[[], Answer]] = {}
    for name, value in facts.values.items():
        kept = (sites.read(facts.validity(name)) > 0).nonzero()[0] if value.dim() == 2 else np.zeros(0, dtype=np.int64)
        true = sites.read(facts.crisp(name)) > 0 if len(kept) else np.zeros(0, dtype=np.bool_)
        if not 0 < int(true[kept].sum()) < len(kept):
            continue
        question = narrowed(Question(Atom(name, ("a",)), sites, true, units, value.dtype == torch.bool), kept)
        but = {name}.union(*(group for group in alike if name in group))
        pieces[f"{name}(a)"] = partial(_told_objects, question, facts, but)
    yield from seen.watch.each(kind_of_classes(seen), pieces)


def _told_objects(question: Question, facts: Facts, but: Collection[str]) -> Answer:
    """Formulas in which others are spoken of.

    but: the predicate itself and those that it excludes, which are not spoken of for the same object.
    """
    searched = drawn(question.truth)
    some = question.sites.at(searched)
    columns = [*simple_columns(bases(some), some), *atoms(facts, some, but)]
    columns += amounts(facts, some, {question.atom.predicate}, question.truth[searched])
    if not columns:
        return question, [], 0, 0
    sample = sampled(question, searched, columns)
    found = []
    for grown in front(sample, OBJECT_BODY, disjuncts=1):
        body = existing(columns, grown, (), ())
        if quantified(body):
            found.append(judged(question, body, grown.literals, facts))
    return question, [one for one in rising_printed(found) if one.fidelity >= TOLD], len(columns), 0
