"""Hypothesis strategies for everything in the rule language, and for small worlds to read rules in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from hypothesis import strategies as st

from kg.formulas import (
    COMPARISONS,
    OPERATORS,
    And,
    Arithmetic,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    Feature,
    ForAll,
    Formula,
    Function,
    Iff,
    Implies,
    Negative,
    Not,
    Number,
    Or,
    Quantity,
    Same,
    Term,
    Transform,
    Under,
    Word,
)
from kg.graph import KnowledgeGraph
from kg.objects import Object
from kg.predicates import Vocabulary
from kg.rules import (
    Citation,
    Counterexample,
    Evidence,
    Hunt,
    Kind,
    Ledger,
    Probe,
    Probes,
    Provenance,
    Rule,
    Status,
    Tried,
    Verdict,
)
from kg.worlds import World

#: The words that the small worlds speak. Small on purpose: every world of two or three objects can be listed.
WORDS = Vocabulary({"p": 1, "q": 1, "r": 2, "s": 2, "t": 0})

#: What the objects of small worlds are, and what is asked for in one, where they have attributes.
KINDS = ("red", "blue")

#: Few, so that they are quick to draw and often meet: near words of the language, near each other, odd.
names = st.sampled_from(
    ["a", "b", "_", "__", "forall_", "Forall", "nota", "orb", "x", "X1", "left_of", "v26", "a_", "min1", "deg", "m"]
)
variables = st.sampled_from("abc")
floats = st.floats(allow_nan=False, allow_infinity=False)


def terms(variable: st.SearchStrategy[str] = variables) -> st.SearchStrategy[Term]:
    """Any arithmetic term over any features."""
    leaves: st.SearchStrategy[Term] = st.one_of(
        st.builds(Number, floats),
        st.builds(Word, st.text(max_size=5).filter(lambda text: "\n" not in text)),
        st.builds(Feature, names, st.lists(variable, max_size=3).map(tuple)),
    )

    def grow(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
        return st.one_of(
            st.builds(Negative, inner),
            st.builds(Arithmetic, st.sampled_from(OPERATORS), inner, inner),
            st.builds(Function, st.just("abs"), st.tuples(inner)),
            st.builds(Function, st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
        )

    return st.recursive(leaves, grow, max_leaves=5)


quantities = st.builds(Quantity, floats, st.sampled_from(["", "deg", "rad", "m"]))
transforms = st.builds(Transform, names, st.lists(quantities, max_size=2).map(tuple))


def _compound(inner: st.SearchStrategy[Formula], variable: st.SearchStrategy[str]) -> st.SearchStrategy[Formula]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    bound = st.lists(variable, min_size=1, max_size=2, unique=True).map(tuple)
    return st.one_of(
        st.builds(Not, inner),
        st.builds(And, parts),
        st.builds(Or, parts),
        st.builds(Implies, inner, inner),
        st.builds(Iff, inner, inner),
        st.builds(ExactlyOne, parts),
        st.builds(AtMostOne, parts),
        st.builds(Exists, bound, inner),
        st.builds(ForAll, bound, inner),
    )


_any_leaf: st.SearchStrategy[Formula] = st.one_of(
    st.builds(Atom, names, st.lists(names, max_size=3).map(tuple)),
    st.builds(Same, variables, variables),
    st.builds(Compare, st.sampled_from(COMPARISONS), terms(), terms()),
)
_plain = st.recursive(_any_leaf, lambda inner: _compound(inner, names), max_leaves=8)


@st.composite
def formulas(draw: st.DrawFn) -> Formula:
    """Any formula at all: odd names, every kind of node, 'under' at the top and inside."""
    kind = draw(st.sampled_from(["plain", "plain", "under", "inside"]))
    if kind == "plain":
        return draw(_plain)
    arrow: type[Implies | Iff] = Implies if draw(st.booleans()) else Iff
    law: Formula = Under(draw(transforms), arrow(draw(_plain), draw(_plain)))
    return law if kind == "under" else draw(_compound(st.just(law) | _plain, names))


def _literals(with_numbers: bool, quantified: bool, attributes: bool) -> st.SearchStrategy[Formula]:
    atoms = st.one_of(
        *(st.builds(Atom, st.just(word.name), st.tuples(*[variables] * word.arity)) for word in WORDS.values()),
        st.builds(Same, variables, variables) if quantified else st.nothing(),
    )
    if not with_numbers:
        return atoms
    numbers: st.SearchStrategy[Term] = st.one_of(
        st.builds(Feature, st.just("x"), st.tuples(variables)), st.builds(Number, st.sampled_from([0.0, 1.0]))
    )
    if not attributes:
        return st.one_of(atoms, st.builds(Compare, st.sampled_from(COMPARISONS), numbers, numbers))
    mass = st.builds(Feature, st.just("mass"), st.tuples(variables))
    numbers = st.one_of(
        numbers,
        mass,
        st.just(Feature("light", ())),
        st.builds(Arithmetic, st.sampled_from(OPERATORS), mass, numbers),
        st.builds(Function, st.sampled_from(["min", "max"]), st.tuples(numbers, mass)),
    )
    words: st.SearchStrategy[Term] = st.one_of(
        st.builds(Feature, st.just("kind"), st.tuples(variables)),
        st.just(Feature("asked", ())),
        st.builds(Word, st.sampled_from([*KINDS, "green"])),
    )
    return st.one_of(
        atoms,
        st.builds(Compare, st.sampled_from(COMPARISONS), numbers, numbers),
        st.builds(Compare, st.sampled_from(["=", "!="]), words, words),
    )


def readable(
    *, max_leaves: int = 6, numbers: bool = True, quantified: bool = True, attributes: bool = False
) -> st.SearchStrategy[Formula]:
    """Formulas over ``WORDS``, which every world of ``worlds`` can read. attributes: those of worlds that have some."""

    def grow(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        compound = _compound(inner, variables)
        if quantified:
            return compound
        return compound.filter(lambda formula: not isinstance(formula, Exists | ForAll))

    return st.recursive(_literals(numbers, quantified, attributes), grow, max_leaves=max_leaves)


def laws(max_leaves: int = 4, *, quantifiers: bool = False) -> st.SearchStrategy[Formula]:
    """Formulas over one unary and one binary predicate, plain universal ones, for tests that list every world."""
    atoms: st.SearchStrategy[Formula] = st.one_of(
        st.builds(Atom, st.just("p"), st.tuples(variables)),
        st.builds(Atom, st.just("r"), st.lists(variables, min_size=2, max_size=2, unique=True).map(tuple)),
    )

    def grow(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        blocks = [st.builds(kind, st.tuples(variables), inner) for kind in (Exists, ForAll) if quantifiers]
        return st.one_of(
            *blocks,
            st.builds(Not, inner),
            st.builds(And, parts),
            st.builds(Or, parts),
            st.builds(Implies, inner, inner),
            st.builds(Iff, inner, inner),
            st.builds(AtMostOne, parts),
        )

    return st.recursive(atoms, grow, max_leaves=max_leaves)


def quantified_laws() -> st.SearchStrategy[Formula]:
    """The same with quantifiers."""
    return laws(5, quantifiers=True)


@st.composite
def worlds(draw: st.DrawFn, max_size: int = 3, size: int | None = None, attributes: bool = False) -> World:
    """A world over ``WORDS`` with up to ``max_size`` objects (or exactly ``size``), some facts invalid.

    attributes: objects have a mass and a kind, the scene a light and a kind that is asked; each may be unknown.
    """
    count = draw(st.integers(0, max_size)) if size is None else size
    facts, invalid = {}, {}
    for word in WORDS.values():
        tuples = list(itertools.product(range(count), repeat=word.arity))
        facts[word.name] = {item for item in tuples if draw(st.booleans())}
        invalid[word.name] = {item for item in tuples if draw(st.integers(0, 5)) == 0}
    objects = tuple(Object(center=(draw(st.sampled_from([0.0, 1.0, 2.0])), 0.0, 0.0)) for _ in range(count))
    diagonal = frozenset(draw(st.sets(st.sampled_from(["r", "s"]))))
    world = World(count, facts, diagonal=diagonal, invalid=invalid, objects=objects)
    if not attributes:
        return world
    mass, kind = st.sampled_from([0.0, 1.0, 2.0, math.nan]), st.sampled_from([*KINDS, math.nan])
    told = [replace(thing, attributes={"mass": draw(mass), "kind": draw(kind)}) for thing in objects]
    return replace(world, objects=tuple(told), numbers={"light": draw(mass), "asked": draw(kind)})


def every_world(size: int, arities: Mapping[str, int]) -> Iterator[World]:
    """Every world of that many objects over these predicates, no diagonal facts: 2 ** (ground atoms) of them."""
    ground = [
        (name, item)
        for name, arity in arities.items()
        for item in itertools.product(range(size), repeat=arity)
        if len(set(item)) == arity
    ]
    for truths in itertools.product([False, True], repeat=len(ground)):
        facts: dict[str, set[tuple[int, ...]]] = {name: set() for name in arities}
        for (name, item), true in zip(ground, truths, strict=True):
            if true:
                facts[name].add(item)
        yield World(size, facts)


# ------------------------------------------------------------------------- rules and their graph

# hostile on purpose: quotes, angle brackets, newlines, half characters
_words = st.text(st.characters(exclude_categories=[]), max_size=12)
_shares = st.floats(0, 1)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any ledger."""
    support = draw(st.integers(0, 2**60))
    interval = draw(st.none() | st.tuples(_shares, _shares))
    return Ledger(support, draw(st.integers(0, support)), draw(st.integers(0, 99)), draw(st.none() | _shares), interval)


@st.composite
def evidences(draw: st.DrawFn, cited: Sequence[str] = ()) -> Evidence:
    """Any evidence; citations of these worlds or of none."""
    world = st.sampled_from([None, *cited])
    binding = st.lists(st.tuples(variables, st.integers(0, 9)), max_size=3).map(tuple)
    cite = st.builds(Citation, _words, binding, world)
    citations = st.lists(cite, max_size=2).map(tuple)
    return Evidence(
        draw(ledgers()),
        draw(st.none() | ledgers()),
        draw(st.none() | ledgers()),
        draw(_shares),
        draw(st.none() | _shares),
        draw(st.none() | _shares),
        draw(st.booleans()),
        draw(st.integers(0, 10**6)),
        draw(citations),
        draw(citations),
        draw(st.none() | hunts(cite)),
        draw(st.none() | probes(citations)),
        undoubted=draw(st.none() | ledgers()),
        explained=draw(_shares),
    )


_numbers = st.floats(-200, 200)


def tried() -> st.SearchStrategy[Tried]:
    """Any number of scenes, some of them broken."""
    return st.integers(0, 10**6).flatmap(lambda asked: st.builds(Tried, st.just(asked), st.integers(0, asked)))


def hunts(cite: st.SearchStrategy[Citation]) -> st.SearchStrategy[Hunt]:
    """Any search for counterexamples."""
    margins = st.lists(st.tuples(_words, _numbers), max_size=2).map(tuple)
    ways: st.SearchStrategy[Literal["random", "gradient"]] = st.sampled_from(["random", "gradient"])
    found = st.builds(
        Counterexample, cite, _numbers, margins, ways, _numbers, _shares, st.sampled_from(Verdict), _words
    )
    lists = st.lists(found, max_size=2).map(tuple)
    return st.builds(Hunt, tried(), tried(), st.none() | _numbers, lists, _words, _words, _numbers)


def probes(citations: st.SearchStrategy[tuple[Citation, ...]]) -> st.SearchStrategy[Probes]:
    """Any made scenes."""
    kinds = st.lists(st.builds(Probe, _words, st.integers(0, 10**6), ledgers()), max_size=2).map(tuple)
    return st.builds(Probes, ledgers(), kinds, citations, citations, _words, _words, _numbers)


provenances = st.builds(
    Provenance,
    st.sampled_from(["mined", "hand", "edited"]),
    _words,
    _words,
    _words,
    _words,
    st.none() | st.integers(),
    st.lists(st.tuples(_words, _words), max_size=2).map(tuple),
    st.integers(0, 10**9),
    _words,
    _words,
    _words,
)


@st.composite
def graphs(draw: st.DrawFn, max_rules: int = 5) -> KnowledgeGraph:
    """Any knowledge graph over ``WORDS``."""
    kept = draw(st.dictionaries(_words, worlds(max_size=2), max_size=2))
    rules: dict[str, Rule] = {}
    for formula in draw(st.lists(readable(), max_size=max_rules)):
        rule = Rule(
            formula,
            draw(st.none() | evidences(list(kept))),
            draw(provenances),
            draw(st.sampled_from(Status)),
            draw(st.sampled_from(Kind)),
            tuple(draw(st.sets(st.sampled_from(sorted(rules)), max_size=2))) if rules else (),
            draw(st.none() | st.just("0123456789ab")),
        )
        if rule.name not in {other.name for other in rules.values()}:
            rules.setdefault(rule.id, rule)
    return KnowledgeGraph(WORDS, rules.values(), kept, draw(provenances), draw(st.lists(_words, max_size=2)))
