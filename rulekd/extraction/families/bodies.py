"""What longer bodies and guards share: where their atoms stand, how they are written, and what counting them costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kg import Atom, Implies
from kg.formulas import joint
from rulekd.extraction.counting.sparse import sparse
from rulekd.extraction.discovery import Discovery

#: Multiplications up to which bodies are counted without being asked for: about a second.
LIGHT = 10**10

#: The objects of a pair, and those of a chain, as axes of a matrix: the ends are shared, 2 is the middle.
PAIR, CHAIN = {"a": 0, "b": 1}, {"a": 0, "c": 1, "b": 2}

#: Names by which an atom of a pair becomes the second relation of a chain, or is read from the other object.
SECOND: Final = {"a": "b", "b": "c"}
TURNED: Final = {"a": "b", "b": "a"}


def renamed(atom: Atom, names: Mapping[str, str]) -> Atom:
    """The atom about objects of other names."""
    return Atom(atom.predicate, tuple(names[name] for name in atom.arguments))


def implication(body: Sequence[Atom], head: Atom) -> Implies:
    """``body -> head``, the body an atom or a conjunction."""
    return Implies(joint(*body), head)


def dear(seen: Discovery, bodies: int, products: float) -> str:
    """Why so many bodies are not counted unasked; empty where they are.

    products: multiplications for each body, scene and pair; in large scenes of which little is true, for each fact.
    """
    facts = seen.careful
    relations = [name for name, value in facts.values.items() if value.dim() == 3]
    places = float(len(facts) * facts.objects.shape[1] ** 2)
    if sparse(facts):
        places = sum(facts.told(name) for name in relations) / len(relations)
    cost = bodies * products * places
    if not seen.unasked or cost <= LIGHT:
        return ""
    return (
        f"{cost:.1e} multiplications where {LIGHT:.1e} are made unasked; families=['conjunctions', ...] asks for them"
    )
