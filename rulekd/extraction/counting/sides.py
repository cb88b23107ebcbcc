"""A rule as two sides, body and head, over the objects that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kg import Formula
from kg.formulas import And, Atom, Iff, Implies, Not, Or


class Kind(Enum):
    """How the two sides are joined."""

    IMPLIES = "body -> head"
    DENIES = "body -> ~head"
    IFF = "left <-> right"
    EXCLUDES = "~(left & right)"
    EXHAUSTS = "left | right"


@dataclass(frozen=True)
class Placed:
    """An atom in the matrix of a pair: axes 0 and 1 are the two shared objects, 2 the one between them."""

    predicate: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Side:
    """A body or a head. chain: atoms of the middle object, some with either end, or nothing. atoms: over the pair
    itself, all of them required; with ``either``, one of them is enough."""

    chain: tuple[Placed, ...]
    atoms: tuple[Placed, ...]
    either: bool = False

    @property
    def predicates(self) -> set[str]:
        """What it speaks of."""
        return {atom.predicate for atom in (*self.chain, *self.atoms)}


@dataclass(frozen=True)
class TwoSided:
    """A rule as two matrices; ``width`` is the number of shared objects. names: the variables of the axes."""

    left: Side
    right: Side
    kind: Kind
    width: int
    names: tuple[str, ...]


def two_sided(formula: Formula) -> TwoSided | None:
    """The rule as two matrices; None when it has another shape."""
    match formula:
        case Implies(body, Not(Atom() as head)):
            return _implication(body, head, Kind.DENIES)
        case Implies(body, head):
            return _implication(body, head, Kind.IMPLIES)
        case Iff(Atom() as left, Atom() as right):
            return _of_atoms(left, right, Kind.IFF)
        case Not(And((Atom() as left, Atom() as right))):
            return _of_atoms(left, right, Kind.EXCLUDES)
        case Or((Atom() as left, Atom() as right)):
            return _of_atoms(left, right, Kind.EXHAUSTS)
        case _:
            return None


def _implication(body: Formula, head: Formula, kind: Kind) -> TwoSided | None:
    bodies, heads = _atoms(body, And), _atoms(head, Or)
    if bodies is None or heads is None:
        return None
    names = sorted({name for atom in (*bodies, *heads) for name in atom.arguments})
    shared = sorted({name for atom in heads for name in atom.arguments})
    middle = [name for name in names if name not in shared]
    if len(names) == 2 and len(middle) == 1:  # c(a) & p(a, b) -> d(b): the head speaks of one object of the pair
        shared, middle = names, []
    if not 1 <= len(shared) <= 2 or len(middle) > 1:
        return None
    axis = {name: place for place, name in enumerate((*shared, *middle))}
    placed = [placed_at(atom, axis) for atom in (*bodies, *heads)]
    if any(atom is None for atom in placed):
        return None
    atoms = [atom for atom in placed if atom is not None]
    chain = tuple(atom for atom in atoms[: len(bodies)] if 2 in atom.axes)
    direct = tuple(atom for atom in atoms[: len(bodies)] if 2 not in atom.axes)
    if middle and not {(0, 2), (1, 2)} <= {tuple(sorted(atom.axes)) for atom in chain}:
        return None
    return TwoSided(Side(chain, direct), Side((), tuple(atoms[len(bodies) :]), True), kind, len(shared), tuple(axis))


def _of_atoms(left: Atom, right: Atom, kind: Kind) -> TwoSided | None:
    names = sorted({*left.arguments, *right.arguments})
    if not 1 <= len(names) <= 2:
        return None
    axis = {name: place for place, name in enumerate(names)}
    one, other = placed_at(left, axis), placed_at(right, axis)
    if one is None or other is None or len(one.axes) != len(names) or len(other.axes) != len(names):
        return None
    return TwoSided(Side((), (one,)), Side((), (other,)), kind, len(names), tuple(axis))


def _atoms(formula: Formula, join: type[And] | type[Or]) -> tuple[Atom, ...] | None:
    parts = formula.parts if isinstance(formula, join) else (formula,)
    return tuple(part for part in parts if isinstance(part, Atom)) if all(isinstance(p, Atom) for p in parts) else None


def placed_at(atom: Atom, axis: Mapping[str, int]) -> Placed | None:
    """The atom in a matrix whose axes are named; None when it repeats an object or speaks of more than two."""
    axes = tuple(axis[name] for name in atom.arguments)
    return Placed(atom.predicate, axes) if len(set(axes)) == len(axes) and 1 <= len(axes) <= 2 else None


def side_of(atoms: Sequence[Atom], axis: Mapping[str, int], *, either: bool = False) -> Side:
    """Atoms as a body, or with ``either`` as a head; those that have no place are left out."""
    placed = [one for atom in atoms if (one := placed_at(atom, axis)) is not None]
    return Side(
        tuple(one for one in placed if 2 in one.axes), tuple(one for one in placed if 2 not in one.axes), either
    )


def ends_of(chain: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """The atoms between either end and the middle object, with the end on axis 0 and the middle on axis 1.

    What is asked of the middle alone stands with the first.
    """
    first = [atom for atom in chain if 0 in atom.axes] + [atom for atom in chain if atom.axes == (2,)]
    second = [atom for atom in chain if 1 in atom.axes]

    def to_middle(atom: Placed) -> Placed:
        return Placed(atom.predicate, tuple(1 if axis == 2 else 0 for axis in atom.axes))

    return [to_middle(atom) for atom in first], [to_middle(atom) for atom in second]


@dataclass(frozen=True)
class Group:
    """Rules over the same number of shared objects. places: of the rules in the list that was given; rules: (body,
    head) of each, as numbers of ``lefts`` and ``rights``."""

    width: int
    places: tuple[int, ...]
    kinds: tuple[Kind, ...]
    lefts: tuple[Side, ...]
    rights: tuple[Side, ...]
    left_of: tuple[int, ...]
    right_of: tuple[int, ...]

    @property
    def predicates(self) -> set[str]:
        """What its rules speak of."""
        return {name for side in (*self.lefts, *self.rights) for name in side.predicates}


def groups(formulas: Sequence[Formula]) -> tuple[list[Group], list[int]]:
    """The rules that are two matrices, by the number of shared objects; and the places of the others."""
    read = [two_sided(formula) for formula in formulas]
    found = []
    for width in (1, 2):
        places = [place for place, one in enumerate(read) if one is not None and one.width == width]
        rules = [one for one in read if one is not None and one.width == width]
        if not rules:
            continue
        lefts = {side: number for number, side in enumerate(dict.fromkeys(one.left for one in rules))}
        rights = {side: number for number, side in enumerate(dict.fromkeys(one.right for one in rules))}
        found.append(
            Group(
                width,
                tuple(places),
                tuple(one.kind for one in rules),
                tuple(lefts),
                tuple(rights),
                tuple(lefts[one.left] for one in rules),
                tuple(rights[one.right] for one in rules),
            )
        )
    return found, [place for place, one in enumerate(read) if one is None]
