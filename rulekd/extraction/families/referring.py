"""What a grounding network means by "leftmost", "closest", "between": which object an utterance refers to.

    relation() = "leftmost" & target(a)
        <-> relation() = "leftmost" & category(a) = asked() & (forall b: category(b) = asked() -> x(a) <= x(b))

A *referent* is a predicate of one object that picks at most one object of a scene. An utterance makes a scene of its
own, with the room as its group; its *words* are what is true of the whole scene: predicates of no object, or an
attribute of the scene. For each word, and for two of them where one does not do, the referent is told by

- *superlatives*: how many others of a kind come before it in some order, none ("leftmost"), exactly one ("second"), or
  two ("third"). An order is a number of one object, a length from it to an anchor, or a relation;
- *comparatives*: an anchor, or two of them, beside which thresholds hold ("left of the table", "between the chairs").

Kinds are predicates of one object, words of its attributes, the kind that the scene names (``category(b) = asked()``),
and its own (``category(b) = category(a)``). What tells the referent without any word is left unsaid of words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import Atom, Formula
from kg.formulas import Compare, Feature, Word
from kg.normal import free_variables, rename
from kg.tables import percent
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence.confirmation import MIN_SUPPORT
from rulekd.extraction.families.definitions import drawn, gathered, proposal, rising_printed, sampled
from rulekd.extraction.families.quantified import existing
from rulekd.extraction.fitting.amounts import Property
from rulekd.extraction.fitting.columns import Column, Sites, bases
from rulekd.extraction.fitting.disjunctions import Sample
from rulekd.extraction.fitting.growth import Grown, front, promise
from rulekd.extraction.fitting.offered import atoms, simple_columns
from rulekd.extraction.fitting.orders import anchors_of, detours, kinds_of, orders
from rulekd.extraction.fitting.printing import EFFECT, as_good, judged
from rulekd.extraction.fitting.questions import ENOUGH, Printed, Question, best, known_sites, narrowed, sites_of
from rulekd.extraction.fitting.superlatives import LARGEST
from rulekd.extraction.fitting.thresholds import equally_good
from rulekd.extraction.fitting.words import shared_words
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.scenes.terms import compare

#: Of the scenes in which a referent is true of something, the share in which it is of one object alone.
PICKS = 0.9

#: Macro-F1 of the best formula under which nothing is taken to tell a referent.
TOLD = 0.9

#: Literals of one formula; anchors that are tried in pairs.
BODY, PAIRED = 5, 4

#: Objects that a formula may speak of, the referent and its anchors included, where LARGEST groundings of so many leave
#: so many scenes to judge it on.
SPOKEN = {4: 1000, 3: 200}

#: Macro-F1 by which two words must tell more than one of them.
MORE = 0.02


@dataclass(frozen=True, eq=False)
class _Words:
    """What is true of the whole scene. said: none, one or two statements. holds: (B,) bool."""

    said: tuple[Formula, ...]
    holds: Tensor


@dataclass(frozen=True, eq=False)
class _Answer:
    """What was found for a referent under some words: the front, and the number of columns that were looked at."""

    question: Question
    printed: list[Printed]
    columns: int


def referring(seen: Discovery) -> Proposals:
    """For each referent and each word the shortest formula that tells it as well as any found."""
    found: list[tuple[Formula, bool]] = []
    about = {}
    examined = 0
    untold: dict[Atom, dict[Formula, float]] = {}
    for answer in _answers(seen):
        examined += answer.columns
        question, printed = answer.question, answer.printed
        if best(printed) >= TOLD:
            formula, known, worth = proposal(question, printed, answer.columns)
            found.append((formula, worth))
            about[formula] = known
            for word in question.words:
                untold.get(question.atom, {}).pop(word, None)
        elif len(question.words) == 1:
            untold.setdefault(question.atom, {})[question.words[0]] = best(printed)
    notes = list(_untold(untold))
    if examined and _affordable(len(seen.said), seen.said.objects.shape[1])[0] < 3:
        notes.append("referring: formulas of three objects were not examined, the scenes have too many objects for it")
    return replace(gathered(found, about, examined), notes=tuple(notes))


def _untold(untold: Mapping[Atom, Mapping[Formula, float]]) -> Iterator[str]:
    """For each referent the words that nothing tells, with the macro-F1 of the best formula."""
    for atom, words in untold.items():
        if words:
            named = ", ".join(f"{word} ({percent(score)})" for word, score in words.items())
            yield f"what {atom.predicate} refers to: no formula tells it under {named}, in brackets the best macro-F1"


def _answers(seen: Discovery) -> Iterator[_Answer]:
    """Every referent, under no word where it takes none, else under each word, and under two that tell more."""
    facts = seen.said
    scenes = seen.scenes if seen.scenes is not None else Scenes(mask=facts.objects)
    referents = [name for name in facts.values if _refers(name, facts)]
    words = list(_words(facts, scenes)) if referents else []
    everywhere = _Words((), torch.ones(len(facts), dtype=torch.bool, device=facts.objects.device))
    for name in seen.watch.while_time("referring", referents):
        alone = _told(seen, name, everywhere, scenes, brief=bool(words))
        if alone is not None and (not words or best(alone.printed) >= ENOUGH):
            yield alone
            continue
        if alone is not None:
            yield replace(alone, printed=[])
        unclear = []
        for one in seen.watch.while_time("referring", words):
            answer = _told(seen, name, one, scenes)
            if answer is not None:
                yield answer
            score = 0.0 if answer is None else best(answer.printed)
            if score < ENOUGH:
                unclear.append((one, score))
        for (one, first), (two, second) in seen.watch.while_time("referring", combinations(unclear, 2)):
            both_words = _Words((*one.said, *two.said), one.holds & two.holds)
            answer = _told(seen, name, both_words, scenes, brief=True)
            if answer is None:
                continue
            if best(answer.printed) > max(first, second) + MORE:  # else nothing is gained by saying both
                answer = _told(seen, name, both_words, scenes) or answer
                yield answer
            else:
                yield replace(answer, printed=[])


def _refers(name: str, facts: Facts) -> bool:
    """Is it a predicate of one object that is true of one object of a scene at most, but for a few scenes?"""
    value = facts.values[name]
    if value.dim() != 2:
        return False
    picked = (facts.crisp(name) & facts.validity(name) & facts.objects).sum(1)
    some = picked[picked > 0]
    return len(some) >= MIN_SUPPORT and float((some == 1).double().mean()) >= PICKS and facts.objects.shape[1] > 1


def _words(facts: Facts, scenes: Scenes) -> Iterator[_Words]:
    """Every predicate of no object, and every word of an attribute of the scene, that is true of some scenes only.

    An attribute that names a kind of object says which objects are meant, and not what about them.
    """
    for name, value in facts.values.items():
        if value.dim() == 1:
            yield from _telling(Atom(name, ()), facts.crisp(name) & facts.validity(name))
    naming = {named for _, named in shared_words(scenes)}
    for name, known in scenes.scene_category_names.items():
        for word in known if name not in naming else ():
            said = Compare("=", Feature(name, ()), Word(word))
            yield from _telling(said, compare(said, scenes, ()).reshape(-1))


def _telling(said: Formula, holds: Tensor) -> Iterator[_Words]:
    if MIN_SUPPORT <= int(holds.sum()) < len(holds):
        yield _Words((said,), holds)


def _told(seen: Discovery, name: str, words: _Words, scenes: Scenes, brief: bool = False) -> _Answer | None:
    """What tells a referent in scenes of these words; None where too few of them speak of it.

    Steps are gone until one tells it, or the time is up: superlatives among kinds that the utterance points at, then
    among all kinds that have a word, then one anchor, then two. brief: the first step alone. Of very many scenes some.
    """
    chosen = words.holds.nonzero().flatten()
    most, room = _affordable(len(chosen), scenes.mask.shape[1])
    if room < len(chosen):
        order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))[:room].sort().values
        chosen = chosen[order.to(chosen.device)]
    facts, scenes = seen.said.select(chosen), scenes.select(chosen)
    sites = known_sites(sites_of(facts, scenes, ("a",)))
    kept = (sites.read(facts.validity(name)) > 0).nonzero()[0]
    true = sites.read(facts.crisp(name)) > 0
    if not MIN_SUPPORT <= int(true[kept].sum()) < len(kept):
        return None
    units = facts.units.cpu().numpy()[sites.scene.cpu().numpy()]
    given = facts.values[name].dtype == torch.bool
    question = narrowed(Question(Atom(name, ("a",)), sites, true, units, given, words.said), kept)
    searched = drawn(question.truth)
    pointed, worded = kinds_of(facts, question.sites.at(searched), name)
    answer = _superlatives(_Answer(question, [], 0), facts, searched, pointed, most)
    if brief:
        return answer
    anchors = anchors_of([*pointed, *worded])
    steps = [0, *(1, 2)[: most - 1]] if worded else (1, 2)[: most - 1]
    for count in seen.watch.while_time("referring", steps):  # objects beside it that are spoken of
        if best(answer.printed) >= ENOUGH:
            break
        if count:
            answer, anchors = _beside(answer, facts, searched, list(combinations_with_replacement(anchors, count)))
        else:
            answer = _superlatives(answer, facts, searched, [*pointed, *worded], most)
    return answer


def _affordable(scenes: int, width: int) -> tuple[int, int]:
    """(objects that a formula may speak of, scenes to judge it on): up to LARGEST groundings, two in any case."""
    for most, enough in SPOKEN.items():
        room = LARGEST // width**most
        if room >= min(scenes, enough):
            return most, min(scenes, room)
    return 2, scenes


def _superlatives(
    answer: _Answer, facts: Facts, searched: NDArray[np.int64], kinds: Sequence[Property], most: int
) -> _Answer:
    """With what comes first, second or third among these kinds."""
    question = answer.question
    columns = list(orders(facts, question.sites.at(searched), question.atom.predicate, kinds, most))
    if not columns:
        return answer
    more = _Search(columns, sampled(question, searched, columns)).printed(question, facts)
    return _Answer(question, rising_printed([*answer.printed, *more]), answer.columns + len(columns))


@dataclass(frozen=True, eq=False)
class _Search:
    """Columns, the sample that they make, and the anchors that they speak of as b and c."""

    columns: Sequence[Column]
    sample: Sample
    anchors: tuple[Property, ...] = ()

    def printed(self, question: Question, facts: Facts) -> list[Printed]:
        """The printed formulas of each size."""
        bound = ("b", "c")[: len(self.anchors)]
        kind = [rename(each, {"b": v}) for v, one in zip(bound, self.anchors, strict=True) for each in one.literals]

        def written(one: Grown) -> Printed:
            body = existing(self.columns, one, bound, kind)
            return judged(question, body, one.literals + len(kind), facts)

        found = []
        for one in front(self.sample, BODY, disjuncts=1):
            plain, simple = written(one), written(_simple(self.columns, self.sample, one))
            found.append(simple if as_good(question, simple, plain) else plain)
        return rising_printed(found)


def _simple(columns: Sequence[Column], sample: Sample, grown: Grown) -> Grown:
    """The same with each threshold anywhere among those that do equally well; whole numbers stay as they are.

    A bag is true below a threshold when its least open site is, so that this is the number that counts of it.
    """
    if grown.negated or len(grown.formula) > 1:
        return grown
    (cuts,) = grown.formula
    allowed = EFFECT / 2 * float(sample.truth.sum()) / len(cuts)
    for place, cut in enumerate(cuts):
        if sample.binary[cut.column] or columns[cut.column].counts:
            continue
        free = sample.all_of((*cuts[:place], *cuts[place + 1 :])).nonzero()[0]
        if not len(free):
            continue
        bags, starts = np.unique(free if sample.bag is None else sample.bag[free], return_index=True)
        values = (np.maximum if cut.above else np.minimum).reduceat(sample.values[cut.column][free], starts)
        around = values[values < cut.threshold], values[values > cut.threshold]
        low, high = (float(around[0].max(initial=-np.inf)), float(around[1].min(initial=np.inf)))
        low, high = equally_good(values, sample.truth[bags], cut.above, low, high, allowed)
        cuts = (*cuts[:place], replace(cut, low=low, high=high), *cuts[place + 1 :])
    return replace(grown, formula=(cuts,))


def _beside(
    answer: _Answer, facts: Facts, searched: NDArray[np.int64], choices: Sequence[tuple[Property, ...]]
) -> tuple[_Answer, list[Property]]:
    """With those of the anchors that promise most; and the anchors in the order of what they promise."""
    question, columns = answer.question, answer.columns
    promised: list[tuple[float, Property]] = []
    first: _Search | None = None
    for anchors in choices:  # one search at a time is held
        search = _around(question, facts, searched, anchors)
        if search is not None:
            score = promise(search.sample, BODY)
            if all(score > before for before, _ in promised):
                first = search
            promised.append((score, anchors[0]))
            columns += len(search.columns)
    ranked = sorted(promised, key=lambda one: -one[0])
    anchors_in_order = list(dict.fromkeys(anchor for _, anchor in ranked))[:PAIRED]
    if first is None:
        return replace(answer, columns=columns), anchors_in_order
    printed = rising_printed([*answer.printed, *first.printed(question, facts)])
    return _Answer(question, printed, columns), anchors_in_order


def _around(
    question: Question, facts: Facts, searched: NDArray[np.int64], anchors: tuple[Property, ...]
) -> _Search | None:
    """What can be said of an object and its anchors; None where there is nothing."""
    some = question.sites.at(searched)
    holds = [anchor.holds for anchor in anchors]
    where = holds[0].nonzero() if len(holds) == 1 else (holds[0][:, :, None] & holds[1][:, None]).nonzero()
    if len(anchors) == 2:
        where = where[where[:, 1] != where[:, 2]]
    if not len(where):
        return None
    bag = where[:, 0]
    variables = ("a", "b", "c")[: 1 + len(anchors)]
    sites = Sites(some.scenes, variables, some.scene[bag], torch.cat([some.objects[0][bag][None], where[:, 1:].T]))
    read = bases(sites)
    spoken = atoms(facts, sites, {question.atom.predicate})
    columns = [*simple_columns(read, sites, bags=True), *spoken, *detours(read)]
    columns = [one for one in columns if "a" in free_variables(one.literal(True, 0.0))]
    return _Search(columns, sampled(question, searched, columns, bag.cpu().numpy()), anchors) if columns else None
