"""Labels computed from definitions: what a predicate means in the geometry and attributes of a scene.

A definition is an Iff whose left side is the predicate's atom: ``left_of(a, b) <-> x(b) - x(a) > 0.2``. Its right
side may speak of other predicates, defined or labelled, and may quantify.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor

from kg.errors import ArityError, FormulaError, unknown
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
    walk,
)
from kg.normal import free_variables
from rulekd.scenes.scenes import Scenes
from rulekd.scenes.terms import along, compare

#: Groundings that are held at once; more scenes are labelled in parts.
BLOCK = 2**22


def relabelled(scenes: Scenes, definitions: Mapping[str, Formula], given: Scenes | None = None) -> Scenes:
    """The scenes with the labels that the definitions give, in their order; all other labels are dropped.

    given: scenes of the same objects whose labels are read where a definition speaks of a predicate that is itself
    not defined; the scenes' own labels, when unsaid. The diagonal and padding are False.
    """
    parsed = {name: _parsed(name, formula) for name, formula in definitions.items()}
    order = _in_order(parsed)
    read = (given or scenes).labels
    made: dict[str, list[Tensor]] = {name: [] for name in order}
    width = scenes.mask.shape[1]
    deepest = max((_depth(formula) for formula in definitions.values()), default=0)
    step = max(1, BLOCK // max(1, width**deepest))
    for first in range(0, len(scenes), step):
        rows = torch.arange(first, min(first + step, len(scenes)), device=scenes.device)
        part = scenes.select(rows)
        labels = {name: value.index_select(0, rows) for name, value in read.items()}
        for name in order:
            atom, body = parsed[name]
            labels[name] = _everywhere(truth(body, part, atom.arguments, labels), part, len(atom.arguments))
            made[name].append(labels[name])
    return scenes.with_labels({name: torch.cat(made[name]) for name in definitions})


def truth(formula: Formula, scenes: Scenes, variables: Sequence[str], labels: Mapping[str, Tensor]) -> Tensor:
    """Truth of a formula over the variables, bool, broadcasting to (B, N, ..., N); atoms are read from ``labels``.

    Groundings that name an object twice, or none, hold an arbitrary value; witnesses of quantifiers are real objects,
    distinct from each other and from all others.
    """
    match formula:
        case Atom(predicate, arguments):
            if predicate not in labels:
                raise unknown("label", predicate, labels, where=f"the definition speaks of '{formula}': ")
            return _placed(labels[predicate], arguments, variables)
        case Same(left, right):
            return _same(left, right, variables, scenes)
        case Compare():
            return compare(formula, scenes, variables)
        case Not(part):
            return ~truth(part, scenes, variables, labels)
        case And(parts):
            return reduce(torch.logical_and, [truth(part, scenes, variables, labels) for part in parts])
        case Or(parts):
            return reduce(torch.logical_or, [truth(part, scenes, variables, labels) for part in parts])
        case Implies(body, head):
            return ~truth(body, scenes, variables, labels) | truth(head, scenes, variables, labels)
        case Iff(left_side, right_side):
            return truth(left_side, scenes, variables, labels) == truth(right_side, scenes, variables, labels)
        case ExactlyOne(parts):
            return _number(parts, scenes, variables, labels) == 1
        case AtMostOne(parts):
            return _number(parts, scenes, variables, labels) <= 1
        case Exists(bound, part):
            holds, witness = _witnessed(bound, part, scenes, variables, labels)
            return (holds & witness).flatten(len(variables) + 1).any(-1)
        case ForAll(bound, part):
            holds, witness = _witnessed(bound, part, scenes, variables, labels)
            return (holds | ~witness).flatten(len(variables) + 1).all(-1)
        case _:
            raise FormulaError(f"'{formula}' cannot stand in a definition", hint="Leave out 'under'.")


def check_definitions(definitions: Mapping[str, Formula]) -> None:
    """Raise unless each is an Iff with its predicate on the left, and none of them go round in a circle."""
    _in_order({name: _parsed(name, formula) for name, formula in definitions.items()})


def _parsed(name: str, formula: Formula) -> tuple[Atom, Formula]:
    if not isinstance(formula, Iff) or not isinstance(formula.left, Atom) or formula.left.predicate != name:
        raise FormulaError(
            f"the definition of {name!r} is '{formula}'",
            hint=f"Write '{name}(...) <-> ...', the predicate on the left.",
        )
    arguments = formula.left.arguments
    if len(set(arguments)) != len(arguments) or not set(free_variables(formula.right)) <= set(arguments):
        raise FormulaError(
            f"the definition '{formula}' repeats a variable on the left, or has another one on the right",
            hint="Bind further variables with exists or forall.",
        )
    return formula.left, formula.right


def _in_order(parsed: Mapping[str, tuple[Atom, Formula]]) -> list[str]:
    """The predicates, each after those that its definition speaks of."""
    needs = {
        name: {part.predicate for part in walk(body) if isinstance(part, Atom)} & set(parsed)
        for name, (_, body) in parsed.items()
    }
    order: list[str] = []
    while len(order) < len(needs):
        ready = [name for name in needs if name not in order and needs[name] <= set(order)]
        if not ready:
            circle = ", ".join(name for name in needs if name not in order)
            raise FormulaError(
                f"the definitions of {circle} go round in a circle", hint="Define one of them in geometry."
            )
        order += ready
    return order


def _depth(formula: Formula) -> int:
    """At most so many object axes are held at once."""
    bound = sum(len(part.variables) for part in walk(formula) if isinstance(part, Exists | ForAll))
    return len(free_variables(formula)) + bound


def _everywhere(values: Tensor, scenes: Scenes, arity: int) -> Tensor:
    """(B, N, ..., N): False where an argument is padding, or two are one object."""
    width = scenes.mask.shape[1]
    return values.expand((len(scenes),) + (width,) * arity) & _real(scenes, arity)


def _real(scenes: Scenes, axes: int) -> Tensor:
    allowed = torch.ones((1,) * (axes + 1), dtype=torch.bool, device=scenes.device)
    place = torch.arange(scenes.mask.shape[1], device=scenes.device)[None]
    for first in range(axes):
        allowed = allowed & along(scenes.mask, first, axes)
        for second in range(first + 1, axes):
            allowed = allowed & (along(place, first, axes) != along(place, second, axes))
    return allowed


def _same(left: str, right: str, variables: Sequence[str], scenes: Scenes) -> Tensor:
    names, place = list(variables), torch.arange(scenes.mask.shape[1], device=scenes.device)[None]
    return along(place, names.index(left), len(names)) == along(place, names.index(right), len(names))


def _number(parts: Sequence[Formula], scenes: Scenes, variables: Sequence[str], labels: Mapping[str, Tensor]) -> Tensor:
    return reduce(torch.add, [truth(part, scenes, variables, labels).long() for part in parts])


def _placed(values: Tensor, arguments: Sequence[str], variables: Sequence[str]) -> Tensor:
    """(B, N, ..., N) over distinct arguments, laid along the axes of these among ``variables``."""
    if len(set(arguments)) != len(arguments):
        raise FormulaError(
            f"an atom over {', '.join(arguments)} names an object twice", hint="Relations to itself are not labelled."
        )
    if values.dim() - 1 != len(arguments):
        raise ArityError(
            f"an atom of {len(arguments)} arguments stands for labels of arity {values.dim() - 1}",
            hint="Check the definition.",
        )
    names = list(variables)
    order = sorted(range(len(arguments)), key=lambda axis: names.index(arguments[axis]))
    laid = values.permute(0, *(axis + 1 for axis in order))
    sizes = iter(laid.shape[1:])
    return laid.reshape(laid.shape[0], *(next(sizes) if name in arguments else 1 for name in names))


def _witnessed(
    bound: Sequence[str], part: Formula, scenes: Scenes, variables: Sequence[str], labels: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    clash = [name for name in bound if name in variables]
    if clash:
        raise FormulaError(f"'{part}' binds {clash[0]!r} a second time", hint="Give the inner variable another name.")
    inner = (*variables, *bound)
    shape = (len(scenes),) + (scenes.mask.shape[1],) * len(inner)
    return truth(part, scenes, inner, labels).expand(shape), _real(scenes, len(inner)).expand(shape)
