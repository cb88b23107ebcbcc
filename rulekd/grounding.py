"""The bridge: the one place where an atom meets a tensor.

A predicate's truth is read from a channel of a network's output (gradients flow to the network), or it is a
given fact (bool, no gradient); a comparison is read from the geometry of the scenes (no gradient). Extraction
counts through here and constraints are judged through here, so the meaning that was mined is the meaning that
is trained. ``kg.worlds`` is the reference: the same rule over the same crisp facts gives the same answer.
How truth is put together from atoms stands in ``rulekd.truth``; here it is decided what an atom is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import prod
from typing import Final

import torch
from torch import Tensor

from kg import FormulaError
from kg.asked import always_known, outside
from kg.errors import ArityError, unknown
from kg.formulas import (
    Arithmetic,
    Atom,
    Compare,
    Feature,
    Formula,
    Function,
    Iff,
    Implies,
    Negative,
    Number,
    Term,
    Under,
    Word,
    features,
    terms_of,
)
from kg.normal import free_variables, live
from kg.objects import Object
from kg.variables import scope
from kg.worlds import World
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.scenes.terms import compare, known, term
from rulekd.truth import place, truth

#: Groundings that are held at once; larger batches are counted in parts.
BLOCK = 2**24


@dataclass(frozen=True)
class Spoken:
    """A number that a network says itself: (B,), (B, N), (B, N, N), ...; unit: a difference that matters."""

    values: Tensor
    unit: float


@dataclass(frozen=True)
class View:
    """What can be read about one batch of scenes, or about its image under a transform.

    numbers: the terms that a network says itself, by name; all others are read off the scenes.
    """

    facts: Facts
    scenes: Scenes | None = None
    numbers: Mapping[str, Spoken] = field(default_factory=dict)

    def atom(self, atom: Atom) -> Tensor:
        """Crisp truth, bool (B, N, ..., N), one object axis an argument."""
        _check(atom, self.facts)
        return self.facts.crisp(atom.predicate)

    def comparison(self, formula: Compare, variables: tuple[str, ...]) -> Tensor:
        """Truth of a comparison in the geometry of the scenes, bool, broadcasting to (B, N, ..., N)."""
        if self.speaks(formula):
            return _HOLDS[formula.operator](self.margin(formula, variables))
        if self.scenes is None:
            raise FormulaError(
                f"'{formula}' speaks of geometry, and no scenes were given",
                hint="Pass scenes=... beside the logits or facts.",
            )
        return compare(formula, self.scenes, variables)

    def speaks(self, formula: Compare) -> bool:
        """Does the network itself say one of the compared numbers?"""
        return any(feature.name in self.numbers for part in terms_of(formula) for feature in features(part))

    def margin(self, formula: Compare, variables: tuple[str, ...]) -> Tensor:
        """By how much a comparison holds, differentiable; less than 0 where it does not. Of = and != the distance."""
        left, right = (self._term(part, variables) for part in terms_of(formula))
        if formula.operator in ("=", "!="):
            return (left - right).abs()
        return right - left if formula.operator in ("<", "<=") else left - right

    def _term(self, wanted: Term, variables: tuple[str, ...]) -> Tensor:
        match wanted:
            case Feature(name, arguments) if name in self.numbers:
                values = self.numbers[name].values
                if values.dim() != len(arguments) + 1:
                    raise ArityError(
                        f"'{wanted}' reads {len(arguments)} objects; the numbers of {name!r} have shape "
                        f"{tuple(values.shape)}",
                        hint="Give (B,) for a number of the scene, (B, N) for one of each object, and so on.",
                    )
                return place(values, arguments, variables)
            case Number(value):
                return torch.full((1,) * (len(variables) + 1), value, device=self.facts.objects.device)
            case Word():
                raise FormulaError(f"'{wanted}' is a word: there is no margin to it", hint="Compare numbers.")
            case Feature():
                if self.scenes is None:
                    raise FormulaError(
                        f"'{wanted}' is no number that the network says, and no scenes were given",
                        hint="Pass scenes=... beside the logits or facts.",
                    )
                read = term(wanted, self.scenes, variables)
                # What is unknown is not asked about, and NaN would be its gradient; 0 might be divided by.
                return read if always_known(Compare("=", wanted, wanted)) else read.masked_fill(read.isnan(), 1.0)
            case Negative(inner):
                return -self._term(inner, variables)
            case Arithmetic("/", left, right):
                above, below = self._term(left, variables), self._term(right, variables)
                nothing = below == 0  # the quotient is infinite, or undefined; its gradient would be NaN
                return torch.where(nothing, (above / below).detach(), above / below.masked_fill(nothing, 1.0))
            case Arithmetic(sign, left, right):
                return _ARITHMETIC[sign](self._term(left, variables), self._term(right, variables))
            case Function(name, inner_terms):
                values_of = [self._term(inner, variables) for inner in inner_terms]
                if name == "abs":
                    return values_of[0].abs()
                return reduce(torch.minimum if name == "min" else torch.maximum, values_of)

    def select(self, index: Tensor) -> View:
        """The view of some scenes, by number (K,)."""
        numbers = {name: Spoken(spoken.values[index], spoken.unit) for name, spoken in self.numbers.items()}
        scenes = None if self.scenes is None else self.scenes.select(index)
        return View(self.facts.select(index), scenes, numbers)

    def groundings(self, variables: int) -> Tensor:
        """(B, N, ..., N) bool: where that many variables stand for real and distinct objects."""
        return self.facts.groundings(variables)

    def askable(self, formula: Formula, variables: Sequence[str]) -> Tensor:
        """Bool, broadcasting to (B, N, ..., N): every atom outside quantifiers may be asked about, and every number
        and category that is compared there is known (``kg.worlds`` says what that means).

        To be read together with ``groundings``, which rules out padding and objects that are not distinct.
        """
        facts = self.facts
        allowed = torch.ones((len(facts),) + (1,) * len(variables), dtype=torch.bool, device=facts.objects.device)
        for atom in outer_atoms(formula):
            _check(atom, facts)
            if atom.predicate not in facts.valid and len(set(atom.arguments)) == len(atom.arguments):
                continue  # any distinct objects will do
            allowed = allowed & place(facts.validity(atom.predicate), atom.arguments, variables)
        for comparison in outer_comparisons(formula):
            allowed = allowed & self.known(comparison, variables)
        return allowed

    def known(self, formula: Compare, variables: Sequence[str]) -> Tensor:
        """Bool, broadcasting to (B, N, ..., N): where both sides of a comparison are known.

        Of one that speaks of the network's own numbers: where all others that it reads are.
        """
        everywhere = torch.ones((1,) * (len(variables) + 1), dtype=torch.bool, device=self.facts.objects.device)
        if self.scenes is None:  # what is read is refused, or is the network's own
            return everywhere
        if not self.speaks(formula):
            return known(formula, self.scenes, variables)
        read = {one: None for part in terms_of(formula) for one in features(part) if one.name not in self.numbers}
        parts = [known(Compare("=", one, one), self.scenes, variables) for one in read]
        return reduce(torch.logical_and, parts, everywhere)


_HOLDS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "<": lambda margin: margin > 0,
    "<=": lambda margin: margin >= 0,
    ">": lambda margin: margin > 0,
    ">=": lambda margin: margin >= 0,
    "=": lambda distance: distance == 0,
    "!=": lambda distance: distance != 0,
}
_ARITHMETIC: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


@dataclass(frozen=True)
class Grounding:
    """Every grounding of one rule in a batch.

    variables: the rule's free variables, one object axis each. valid, live, broken: (B, N, ..., N) bool;
    broken groundings are live, live ones are valid.
    """

    variables: tuple[str, ...]
    valid: Tensor
    live: Tensor
    broken: Tensor


def ground(formula: Formula, view: View, images: Mapping[str, View] | None = None) -> Grounding:
    """The crisp meaning of a rule in every scene of a batch; ``kg.worlds.count``, in tensors.

    images: the image of the batch under each transform that the rule names, by the transform's text.
    """
    variables = free_variables(formula)
    if isinstance(formula, Under):
        image = _image(formula, images or {})
        left, right = sides(formula.law)
        before, after = truth(left, variables, view), truth(right, variables, image)
        valid = view.groundings(len(variables)) & view.askable(left, variables)
        valid = valid & image.askable(right, variables)
        if isinstance(formula.law, Iff):
            alive, broken = before | after, before ^ after
        else:
            alive, broken = before, before & ~after
    else:
        valid = view.groundings(len(variables)) & view.askable(formula, variables)
        body = live(formula)
        alive = torch.ones_like(valid) if body is None else truth(body, variables, view)
        broken = ~truth(formula, variables, view)
    return Grounding(variables, valid, valid & alive, valid & broken)


def blocks(formula: Formula, view: View, images: Mapping[str, View] | None = None) -> Iterator[tuple[int, Grounding]]:
    """``ground`` over parts of the batch small enough to be held, each with the number of its first scene."""
    per_scene = max(1, view.facts.objects.shape[1] ** scope(formula))
    step = max(1, BLOCK // per_scene)
    if step >= len(view.facts):
        yield 0, ground(formula, view, images)
        return
    for first in range(0, len(view.facts), step):
        index = torch.arange(first, min(first + step, len(view.facts)), device=view.facts.objects.device)
        some = {name: image.select(index) for name, image in (images or {}).items()}
        yield first, ground(formula, view.select(index), some)


def count(formula: Formula, view: View, images: Mapping[str, View] | None = None) -> tuple[Tensor, Tensor]:
    """(live, broken) groundings of each scene, two (B,) int64 tensors."""
    alive, broken = [], []
    for _, some in blocks(formula, view, images):
        shape = len(some.live), prod(some.live.shape[1:])
        alive.append(some.live.reshape(shape).sum(1))
        broken.append(some.broken.reshape(shape).sum(1))
    return torch.cat(alive), torch.cat(broken)


def sides(law: Implies | Iff) -> tuple[Formula, Formula]:
    """What stands left and right of the arrow."""
    return (law.left, law.right) if isinstance(law, Iff) else (law.body, law.head)


def outer_atoms(formula: Formula) -> Iterator[Atom]:
    """The atoms of a formula that stand outside its quantifiers."""
    yield from (part for part in outside(formula) if isinstance(part, Atom))


def outer_comparisons(formula: Formula) -> Iterator[Compare]:
    """The comparisons outside its quantifiers of which something may be unknown."""
    yield from (part for part in outside(formula) if isinstance(part, Compare) and not always_known(part))


def compared(formula: Formula) -> list[tuple[str, Compare]]:
    """The comparisons that must be known where a rule is asked, each with the name of the view in which it is read.

    The name is the text of a transform; "" is the scene itself.
    """
    if not isinstance(formula, Under):
        return [("", one) for one in dict.fromkeys(outer_comparisons(formula))]
    left, right = (dict.fromkeys(outer_comparisons(side)) for side in sides(formula.law))
    return [*(("", one) for one in left), *((str(formula.transform), one) for one in right)]


def _check(atom: Atom, facts: Facts) -> None:
    if atom.predicate not in facts.values:
        raise unknown("predicate", atom.predicate, facts.values, where=f"'{atom}': ")
    arity = facts.values[atom.predicate].dim() - 1
    if arity != len(atom.arguments):
        raise ArityError(
            f"'{atom}' gives {len(atom.arguments)} arguments; the tensor of {atom.predicate!r} has arity {arity}",
            hint="Check the rule, or the shape of the logits.",
        )


def _image(formula: Under, images: Mapping[str, View]) -> View:
    key = str(formula.transform)
    if key not in images:
        raise unknown("view", key, images, where=f"'{formula}': ")
    return images[key]


def world(view: View, scene: int) -> World:
    """One scene as a finite world: its real objects, and the crisp truth of every valid grounding."""
    facts = view.facts
    real = facts.objects[scene].nonzero().flatten()
    truths, invalid, diagonal = {}, {}, set()
    for name, value in facts.values.items():
        arity = value.dim() - 1
        valid, holds = facts.validity(name)[scene], facts.crisp(name)[scene]
        for _ in range(arity):  # keep the real objects on every axis, moving the axis to the end
            valid, holds = (t.index_select(0, real).movedim(0, -1) for t in (valid, holds))
        truths[name] = frozenset(map(tuple, (holds & valid).nonzero().tolist()))
        invalid[name] = frozenset(map(tuple, (~valid).nonzero().tolist()))
        diagonal.add(name)  # what is invalid there is listed
    if view.scenes is None:
        return World(size=len(real), facts=truths, invalid=invalid, diagonal=frozenset(diagonal))
    right, away, up = view.scenes.axes()[scene].tolist()
    numbers: dict[str, float | str] = {
        name: _number(values[scene]) for name, values in view.scenes.scene_numbers.items()
    }
    for name, codes in view.scenes.scene_categories.items():
        numbers[name] = _word(codes[scene], view.scenes.scene_category_names[name])
    return World(
        size=len(real),
        facts=truths,
        invalid=invalid,
        diagonal=frozenset(diagonal),
        objects=plain_objects(view.scenes, scene) if _described(view.scenes) else (),
        view=(tuple(right), tuple(away), tuple(up)),
        numbers=numbers,
        placed=view.scenes.center is not None,
    )


def _described(scenes: Scenes) -> bool:
    """Is anything known of objects but that they are there?"""
    return scenes.center is not None or bool(scenes.numbers or scenes.categories)


def _number(value: Tensor) -> float:
    """Of a scalar; the one NaN that is equal to itself, by identity, where it is unknown."""
    return math.nan if bool(value.isnan()) else float(value)


def _word(code: Tensor, words: tuple[str, ...]) -> float | str:
    """Of a scalar int64; NaN where it is unknown."""
    return words[int(code)] if int(code) >= 0 else math.nan


def plain_objects(scenes: Scenes, scene: int) -> tuple[Object, ...]:
    """The real objects of one scene as plain boxes with their attributes; without places all at the origin."""
    made = []
    for place_of in scenes.mask[scene].nonzero().flatten().tolist():
        attributes: dict[str, float | str] = {
            name: _number(values[scene, place_of]) for name, values in scenes.numbers.items()
        }
        for name, codes in scenes.categories.items():
            attributes[name] = _word(codes[scene, place_of], scenes.category_names[name])
        size = (0.0, 0.0, 0.0) if scenes.size is None else tuple(scenes.size[scene, place_of].tolist())
        center = (0.0, 0.0, 0.0) if scenes.center is None else tuple(scenes.center[scene, place_of].tolist())
        made.append(Object(center, size, float(scenes.headings()[scene, place_of]), attributes))
    return tuple(made)
