"""Predicates and the vocabulary that rules are written in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kg.errors import ArityError, RulekdError, unknown

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Words of the rule language; they name neither predicates nor terms nor variables.
RESERVED = frozenset(
    {"forall", "exists", "exactly_one", "at_most_one", "under", "min", "max", "abs", "not", "and", "or"}
)

MAX_ARITY = 4


def check_name(kind: str, name: str) -> None:
    """Raise unless ``name`` is an identifier that the rule language does not reserve."""
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        raise RulekdError(
            f"{kind} name {str(name)[:80]!r} is not an identifier",
            hint="Use letters, digits and underscores, not starting with a digit, such as 'left_of'.",
        )
    if name in RESERVED:
        raise RulekdError(f"{kind} name {name!r} is a word of the rule language", hint=f"Rename it, to '{name}_' say.")


@dataclass(frozen=True)
class Predicate:
    """A relation that a network or a label speaks of.

    name: an identifier. arity: number of objects that it relates (0 is a fact about the scene).
    arguments: what each argument means ("what lies left", "of what"); empty when unsaid.
    diagonal: has it a meaning when an object is related to itself? Where it has none, such groundings
    are never read, counted or trained.

    >>> Predicate("near", 2)
    Predicate(name='near', arity=2, arguments=(), diagonal=False)
    """

    name: str
    arity: int
    arguments: tuple[str, ...] = ()
    diagonal: bool = False

    def __post_init__(self) -> None:
        check_name("predicate", self.name)
        if not isinstance(self.arity, int) or isinstance(self.arity, bool) or not 0 <= self.arity <= MAX_ARITY:
            raise ArityError(f"predicate {self.name!r} has arity {self.arity!r}", hint=f"Use 0 to {MAX_ARITY}.")
        if self.arguments and len(self.arguments) != self.arity:
            raise ArityError(
                f"predicate {self.name!r} has arity {self.arity} but {len(self.arguments)} argument meanings",
                hint="Give one meaning for each argument, or none.",
            )


class Vocabulary(Mapping[str, Predicate]):
    """The predicates that a network, a data set or a graph speaks, by name, in a fixed order.

    frame: how coordinates are to be read. tolerance: how far apart two surfaces may be and still
    touch, in metres.

    >>> words = Vocabulary({"left_of": 2, "chair": 1})
    >>> words["left_of"].arity
    2
    >>> list(words)
    ['left_of', 'chair']
    """

    def __init__(
        self,
        predicates: Mapping[str, int | Predicate],
        *,
        frame: str = "x right, y away, z up",
        tolerance: float = 0.01,
    ) -> None:
        made = {}
        for name, value in predicates.items():
            predicate = value if isinstance(value, Predicate) else Predicate(name, value)
            if predicate.name != name:
                raise RulekdError(
                    f"vocabulary entry {name!r} holds the predicate {predicate.name!r}",
                    hint="Key and predicate name must be the same.",
                )
            made[name] = predicate
        if not tolerance >= 0:
            raise RulekdError(f"contact tolerance is {tolerance!r}", hint="Give metres, 0 or more.")
        self._predicates = made
        self.frame = frame
        self.tolerance = float(tolerance)

    def __getitem__(self, name: str) -> Predicate:
        if name not in self._predicates:
            raise KeyError(name)
        return self._predicates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._predicates)

    def __len__(self) -> int:
        return len(self._predicates)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (
            list(self._predicates.items()) == list(other._predicates.items())
            and self.frame == other.frame
            and self.tolerance == other.tolerance
        )

    def __hash__(self) -> int:
        return hash((tuple(self._predicates.items()), self.frame, self.tolerance))

    def __repr__(self) -> str:
        return f"Vocabulary({ {name: p.arity for name, p in self._predicates.items()} })"

    def find(self, name: str, *, where: str = "") -> Predicate:
        """The predicate of that name; an error with the nearest name when there is none."""
        if name not in self._predicates:
            raise unknown("predicate", name, self._predicates, where=where)
        return self._predicates[name]

    def merge(self, other: Vocabulary) -> Vocabulary:
        """Both vocabularies in one; an error where they disagree about a predicate."""
        for name in self._predicates.keys() & other._predicates.keys():
            if self[name].arity != other[name].arity:
                raise ArityError(
                    f"predicate {name!r} has arity {self[name].arity} in one vocabulary "
                    f"and {other[name].arity} in the other",
                    hint="Rename one of them.",
                )
        joined = {**other._predicates, **self._predicates}
        ordered = {name: joined[name] for name in [*self._predicates, *(n for n in other if n not in self)]}
        return Vocabulary(ordered, frame=self.frame, tolerance=self.tolerance)
