"""Labels computed from definitions: what a predicate means in the geometry and attributes of a scene.

A definition is an Iff whose left side is the predicate's atom: ``left_of(a, b) <-> x(b) - x(a) > 0.2``. Its right
side may speak of other predicates, defined or labelled, and may quantify.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kg.asked import always_known, outside
from kg.errors import ArityError, FormulaError, unknown
from kg.formulas import Atom, Compare, Exists, ForAll, Formula, Iff, predicates, walk
from kg.normal import free_variables
from rulekd.scenes.scenes import Scenes
from rulekd.scenes.terms import compare, known
from rulekd.truth import place, real_groundings, truth

#: Groundings that are held at once; more scenes are labelled in parts.
BLOCK = 2**22


def relabelled(scenes: Scenes, definitions: Mapping[str, Formula], given: Scenes | None = None) -> Scenes:
    """The scenes with the labels that the definitions give, in their order; all other labels are dropped.

    given: scenes of the same objects whose labels are read where a definition speaks of a predicate that is itself
    not defined; the scenes' own labels, when unsaid. The diagonal and padding are False. Where a definition reads a
    number, a category or a label that is unknown, its label is unknown (``label_valid``).
    """
    parsed = {name: _parsed(name, formula) for name, formula in definitions.items()}
    order = _in_order(parsed)
    read = (given or scenes).labels
    valid = (given or scenes).label_valid
    made: dict[str, list[Tensor]] = {name: [] for name in order}
    asked: dict[str, list[Tensor]] = {name: [] for name in order}
    width = scenes.mask.shape[1]
    deepest = max((_depth(formula) for formula in definitions.values()), default=0)
    step = max(1, BLOCK // max(1, width**deepest))
    for first in range(0, len(scenes), step):
        rows = torch.arange(first, min(first + step, len(scenes)), device=scenes.device)
        part = scenes.select(rows)
        labels = {name: value.index_select(0, rows) for name, value in read.items()}
        certain = {name: value.index_select(0, rows) for name, value in valid.items()}
        for name in order:
            atom, body = parsed[name]
            real = real_groundings(part.mask, len(atom.arguments))
            reader = _Labels(part, labels, certain)
            may = reader.askable(body, atom.arguments) | ~real  # of padding everything is known: nothing is said
            labels[name] = truth(body, atom.arguments, reader) & real & may
            certain[name] = may
            made[name].append(labels[name])
            asked[name].append(may)
    told = {name: torch.cat(parts) for name, parts in asked.items()}
    lacking = {name: told[name] for name in definitions if len(scenes) and not bool(told[name].all())}
    return scenes.with_labels({name: torch.cat(made[name]) for name in definitions}, lacking)


@dataclass(frozen=True)
class _Labels:
    """Atoms are read from labels, comparisons from the scenes. valid: where the labels are known."""

    scenes: Scenes
    labels: Mapping[str, Tensor]
    valid: Mapping[str, Tensor]

    def atom(self, atom: Atom) -> Tensor:
        if atom.predicate not in self.labels:
            raise unknown("label", atom.predicate, self.labels, where=f"the definition speaks of '{atom}': ")
        if len(set(atom.arguments)) != len(atom.arguments):
            raise FormulaError(f"'{atom}' names an object twice", hint="Relations to itself are not labelled.")
        arity = self.labels[atom.predicate].dim() - 1
        if arity != len(atom.arguments):
            raise ArityError(f"'{atom}' stands for labels of arity {arity}", hint="Check the definition.")
        return self.labels[atom.predicate]

    def comparison(self, formula: Compare, variables: tuple[str, ...]) -> Tensor:
        return compare(formula, self.scenes, variables)

    def groundings(self, variables: int) -> Tensor:
        return real_groundings(self.scenes.mask, variables)

    def askable(self, formula: Formula, variables: Sequence[str]) -> Tensor:
        allowed = torch.ones((1,) * (len(variables) + 1), dtype=torch.bool, device=self.scenes.device)
        for part in outside(formula):
            if isinstance(part, Compare) and not always_known(part):
                allowed = allowed & known(part, self.scenes, variables)
            elif isinstance(part, Atom) and part.predicate in self.valid:
                allowed = allowed & place(self.valid[part.predicate], part.arguments, variables)
        return allowed


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
    needs = {name: set(predicates(body)) & set(parsed) for name, (_, body) in parsed.items()}
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
