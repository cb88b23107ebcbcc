"""What rules are called: well-known laws by their name, everything else by its text; and each in one sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kg.formulas import (
    And,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Same,
    Transform,
    Under,
)
from kg.normal import canonical

LONGEST_NAME: Final = 80


def rule_id(formula: Formula) -> str:
    """Twelve hexadecimal digits that depend on the canonical formula alone.

    >>> from kg import parse
    >>> rule_id(parse("above(x, y) -> ~below(x, y)")) == rule_id(parse("~(below(a, b) & above(a, b))"))
    True
    """
    return hashlib.sha256(str(canonical(formula)).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Law:
    """A well-known law: its kind, and what it is about, each a predicate that may end in ``^-1`` for its converse."""

    kind: str
    about: tuple[str, ...]
    transform: str = ""

    def __str__(self) -> str:
        if self.kind == "invariant":
            return f"invariant({self.about[0]}, {self.transform})"
        kind = f"under {self.transform}" if self.transform else self.kind
        return f"{kind}({', '.join(self.about)})"


CONVERSE: Final = "^-1"


def name_of(formula: Formula) -> str:
    """A readable name. Rules that share one say the same; ``p^-1`` is p with its two objects exchanged.

    >>> from kg import parse
    >>> name_of(parse("on(x, y) & on(y, z) -> on(x, z)"))
    'transitive(on)'
    >>> name_of(parse("inside(c, b) & left_of(a, b) -> left_of(a, c)"))
    'composes(left_of, inside^-1, left_of)'
    >>> name_of(parse("under mirror_x: left_of(a, b) <-> right_of(a, b)"))
    'under mirror_x(left_of, right_of)'
    >>> name_of(parse("monitor(a) & on(a, b) -> desk(b)"))
    'monitor(a) & on(a, b) -> desk(b)'
    """
    law = law_of(formula)
    return str(law) if law else _shortened(formula)


def _shortened(formula: Formula) -> str:
    text = str(formula)
    # The hash keeps two long rules that begin alike apart.
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 16]}... {rule_id(formula)}"


def law_of(formula: Formula) -> Law | None:
    """The well-known law that a formula states, in whatever spelling; None for any other formula."""
    match canonical(formula):
        case Atom(predicate, (one, other)) if one == other:
            return Law("reflexive", (predicate,))
        case Not(Atom(predicate, (one, other))) if one == other:
            return Law("irreflexive", (predicate,))
        case Iff(Atom() as left, Atom() as right):
            return _equality(left, right)
        case Or(parts) if len(parts) == 2:
            return _pair(*_signed(parts))
        case Or(parts):
            return _composition(*_signed(parts))
        case Under(transform, Iff(Atom() as left, Atom() as right)):
            turned = _relative(right, left)
            if turned is None:
                return None
            if turned == left.predicate:
                return Law("invariant", (turned,), str(transform))
            return Law("under", (left.predicate, turned), str(transform))
        case _:
            return None


def _signed(parts: Iterable[Formula]) -> tuple[list[Atom], list[Atom], bool]:
    """Atoms of the negative literals, of the positive ones, and are there no other literals?"""
    negative, positive, pure = [], [], True
    for part in parts:
        match part:
            case Atom():
                positive.append(part)
            case Not(Atom() as atom):
                negative.append(atom)
            case _:
                pure = False
    return negative, positive, pure


def _relative(atom: Atom, to: Atom) -> str | None:
    """The predicate as seen from the arguments of another atom: ``p``, ``p^-1``, or None when they do not match."""
    if len(set(to.arguments)) != len(to.arguments):
        return None
    if atom.arguments == to.arguments:
        return atom.predicate
    if len(to.arguments) == 2 and atom.arguments == to.arguments[::-1]:
        return atom.predicate + CONVERSE
    return None


def _equality(left: Atom, right: Atom) -> Law | None:
    left, right = sorted((left, right), key=lambda atom: atom.predicate)
    turned = _relative(right, left)
    if turned is None or left == right:
        return None
    if turned == right.predicate:
        return Law("equivalent", (left.predicate, turned))
    if left.predicate == right.predicate:
        return Law("symmetric", (left.predicate,))
    return Law("inverse", (left.predicate, right.predicate))


def _pair(negative: list[Atom], positive: list[Atom], pure: bool) -> Law | None:
    if not pure:
        return None
    if len(negative) == 1:
        body, head = negative[0], positive[0]
        turned = _relative(head, body)
        if turned is None:
            return None
        if body == head:  # says nothing
            return None
        if body.predicate == head.predicate:
            return Law("symmetric", (body.predicate,))
        return Law("implies", (body.predicate, turned))
    one, other = sorted(negative or positive, key=lambda atom: atom.predicate)
    turned = _relative(other, one)
    if turned is None:
        return None
    if one.predicate == other.predicate:
        return Law("asymmetric" if negative else "total", (one.predicate,))
    return Law("excludes" if negative else "exhausts", (one.predicate, turned))


def _composition(negative: list[Atom], positive: list[Atom], pure: bool) -> Law | None:
    """``r1(x, y) & r2(y, z) -> h(x, z) | ...``, each body atom in either direction."""
    if not pure or len(negative) != 2 or not positive:
        return None
    heads = sorted(positive, key=lambda atom: (atom.predicate, atom.arguments))
    turned = [_relative(head, heads[0]) for head in heads]
    if len(heads[0].arguments) != 2 or None in turned:
        return None
    first, last = heads[0].arguments
    middles = {name for atom in negative for name in atom.arguments} - {first, last}
    if len(middles) != 1:
        return None
    middle = middles.pop()
    steps: dict[tuple[str, str], str] = {}
    for atom in negative:
        for begin, end in ((first, middle), (middle, last)):
            step = _relative(atom, Atom("step", (begin, end)))
            if step is not None:
                steps[begin, end] = step
    if len(steps) != 2:
        return None
    body = (steps[first, middle], steps[middle, last])
    if {*body, *turned} == {heads[0].predicate}:
        return Law("transitive", (heads[0].predicate,))
    return Law("composes", (*body, " | ".join(name for name in turned if name)))


# ------------------------------------------------------------------------------------ in words


def in_words(formula: Formula) -> str:
    """One English sentence.

    >>> from kg import parse
    >>> in_words(parse("left_of(a, b) & left_of(b, c) -> left_of(a, c)"))
    'If a is left of b and b is left of c, then a is left of c.'
    >>> in_words(parse("under mirror_x: left_of(a, b) <-> right_of(a, b)"))
    'Where a is left of b, after mirroring left and right a is right of b, and the other way round.'
    >>> in_words(parse("under rotate_z(90 deg): bigger(a, b) <-> bigger(a, b)"))
    'After turning by 90 deg about z, a is bigger than b just as before.'
    >>> in_words(parse("~(above(a, b) & below(a, b))"))
    'Never: a is above b and a is below b.'
    >>> in_words(parse("front(a, b) <-> ~behind(a, b)"))
    'A is in front of b exactly when not (a is behind b).'
    """
    sentence = _sentence(formula)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _sentence(formula: Formula) -> str:
    match formula:
        case Implies(body, head):
            return f"if {_clause(body)}, then {_clause(head)}"
        case Iff(left, right):
            return f"{_clause(left)} exactly when {_clause(right)}"
        case Not(part):
            return f"never: {_clause(part)}"
        case Under(transform, Implies(body, head)):
            return f"where {_clause(body)}, after {_deed(transform)} {_clause(head)}"
        case Under(transform, Iff(left, right)):
            if left == right:
                return f"after {_deed(transform)}, {_clause(left)} just as before"
            return f"where {_clause(left)}, after {_deed(transform)} {_clause(right)}, and the other way round"
        case _:
            return f"always: {_clause(formula)}"


#: What is done to a scene, by the name of the transform; the others by their text.
_DEEDS: Final = {
    "translate": "shifting everything",
    "scale": "scaling everything",
    "mirror_x": "mirroring left and right",
    "mirror_y": "mirroring front and back",
    "mirror_z": "mirroring top and bottom",
}


def _deed(transform: Transform) -> str:
    if transform.name.startswith("rotate_") and len(transform.arguments) == 1:
        return f"turning by {transform.arguments[0]} about {transform.name.removeprefix('rotate_')}"
    return _DEEDS.get(str(transform), str(transform))


#: Listed, since not every word that ends like them is one: 'father', 'under'.
_COMPARATIVES: Final = frozenset({
    "bigger", "smaller", "larger", "taller", "shorter", "longer", "wider", "narrower", "higher", "lower", "deeper",
    "nearer", "closer", "farther", "heavier", "lighter", "older", "younger", "faster", "slower", "thicker", "thinner",
})  # fmt: skip


#: Sides that relate two objects: a is left of b.
_SIDES: Final = {"left": "left of", "right": "right of", "front": "in front of", "back": "at the back of"}


def _clause(formula: Formula) -> str:
    match formula:
        case Atom():
            return _atom_words(formula)
        case Not(Atom() as atom):
            return f"not ({_atom_words(atom)})"
        case Same(left, right):
            return f"{left} is {right}"
        case Not(Same(left, right)):
            return f"{left} is not {right}"
        case Compare():
            return str(formula)
        case And(parts):
            return _joined(parts, "and")
        case Or(parts):
            return _joined(parts, "or")
        case ExactlyOne(parts):
            return f"exactly one of: {'; '.join(map(_clause, parts))}"
        case AtMostOne(parts):
            return f"at most one of: {'; '.join(map(_clause, parts))}"
        case Exists(variables, part):
            return f"there are further {' and '.join(variables)} such that {_clause(part)}"
        case ForAll(variables, part):
            return f"for all further {' and '.join(variables)}, {_clause(part)}"
        case Implies(body, head):
            return f"({_clause(head)} if {_clause(body)})"
        case _:
            return f"({_sentence(formula)})"


def _joined(parts: tuple[Formula, ...], word: str) -> str:
    loose = (Or, And, Exists, ForAll)
    return f" {word} ".join(f"({_clause(part)})" if isinstance(part, loose) else _clause(part) for part in parts)


def _atom_words(atom: Atom) -> str:
    words = atom.predicate.strip("_").replace("_", " ") or atom.predicate
    if not atom.arguments:
        return words
    first, *others = atom.arguments
    if others:
        words = f"{words} than" if words in _COMPARATIVES else _SIDES.get(words, words)
    # 'contains', 'touches', 'has_wheels' are verbs already
    verb = words.split()[0] in ("is", "has") or (words.endswith("s") and " " not in words and len(others) == 1)
    return " ".join([first, *([] if verb else ["is"]), words, ", ".join(others)]).rstrip()
