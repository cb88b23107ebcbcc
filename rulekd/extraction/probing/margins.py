"""How surely is a formula true? Its margin in log-odds, by degrees, where ``rulekd.truth`` says yes or no.

    margin(atom)      = log-odds of the network - log-odds of its threshold         margin(~f) = -margin(f)
    margin(f & g)     = min(margin(f), margin(g)),   f | g: max;   forall: min, exists: max over the witnesses
    margin(f <-> g)   = margin((f -> g) & (g -> f))
    margin(exactly_one(..)) = min(largest part, -second largest part)
    margin(s < t)     = (t - s) * STEEP

The formula holds where its margin is above 0, exactly (ties apart), whatever is inside it: clauses, counts,
quantifiers, comparisons, laws under a transform. This is the robustness of signal temporal logic (Fainekos and
Pappas 2009) over what a network says. It is alive at any distance from a violation, where a loss is 0. With
``softness`` T > 0, max is T log sum exp(. / T), so that every part gets a share of the gradient, the worst one most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import torch
from torch import Tensor

from kg import FormulaError
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
    Under,
    Word,
    features,
    terms_of,
)
from kg.normal import free_variables, rename
from rulekd.facts import log_odds
from rulekd.grounding import View, outer_atoms, outer_comparisons, sides
from rulekd.scenes.scenes import Scenes
from rulekd.scenes.terms import compare, term

#: Log-odds that stand for certainty: of given facts, and of witnesses that do not count.
CERTAIN = 200.0

#: Margins beyond it are cut: what is infinite would make the gradient of everything else NaN.
LARGEST = 1e6

#: Log-odds to a unit of a comparison: 5 cm is as sure as odds of 2.7 to 1.
STEEP = 20.0

#: The margin of a comparison of equal numbers: hardly true, or hardly false.
TIE = 1e-6

#: The object of each variable, int64, broadcasting to one common shape; axis 0 is the scenes.
Objects = Mapping[str, Tensor]


@dataclass(frozen=True)
class Answers:
    """What a network said about scenes, and about their images under transforms, by the transforms' texts."""

    view: View
    images: Mapping[str, View] = field(default_factory=dict)


def everywhere(formula: Formula, answers: Answers) -> Objects:
    """Objects for ``margin`` such that it is (B, N, ..., N): every grounding, axes as the free variables."""
    names, objects = free_variables(formula), answers.view.facts.objects
    number = torch.arange(objects.shape[1], device=objects.device)
    return {
        name: number.reshape((1,) * (axis + 1) + (-1,) + (1,) * (len(names) - axis - 1))
        for axis, name in enumerate(names)
    }


def margin(formula: Formula, answers: Answers, objects: Objects, softness: float = 0.0) -> Tensor:
    """The margin of a formula at the groundings that ``objects`` gives, in their common shape; differentiable.

    objects: ``everywhere(formula, answers)``, or for one grounding a scene {variable: (B,) object numbers}. At
    groundings that are not valid the number means nothing.

    >>> from kg import parse
    >>> from rulekd.facts import Facts
    >>> said = Answers(View(Facts({"on": torch.tensor([[[0.0, 2.0], [-3.0, 0.0]]])})))
    >>> law = parse("on(a, b) -> ~on(b, a)")
    >>> margin(law, said, everywhere(law, said))[0].fill_diagonal_(0).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    batch = answers.view.facts.objects.shape[0]
    axes = max((index.dim() for index in objects.values()), default=1)
    index = torch.arange(batch, device=answers.view.facts.objects.device).reshape(-1, *(1,) * (axes - 1))
    made = _Margins(answers, softness).of(formula, answers.view, {"": index, **objects})
    shape = torch.broadcast_shapes(index.shape, *(index.shape for index in objects.values()))  # type: ignore[no-untyped-call] # torch's own
    return made.expand(shape)


@dataclass(frozen=True)
class _Margins:
    """One reading. ``objects`` holds the scene's number under the empty name."""

    answers: Answers
    softness: float

    def of(self, formula: Formula, view: View, objects: Objects) -> Tensor:
        match formula:
            case Atom():
                return _atom(formula, view, objects)
            case Compare():
                return _comparison(formula, view, objects)
            case Same(left, right):
                return torch.where(objects[left] == objects[right], CERTAIN, -CERTAIN)
            case Not(part):
                return -self.of(part, view, objects)
            case And(parts):
                return self.least([self.of(part, view, objects) for part in parts])
            case Or(parts):
                return self.greatest([self.of(part, view, objects) for part in parts])
            case Implies(body, head):
                return self.implied(self.of(body, view, objects), self.of(head, view, objects))
            case Iff(left, right):
                return self.equal(self.of(left, view, objects), self.of(right, view, objects))
            case ExactlyOne(parts) | AtMostOne(parts):
                members = torch.stack(torch.broadcast_tensors(*(self.of(part, view, objects) for part in parts)))  # type: ignore[no-untyped-call] # torch's own
                first, second = members.topk(2, dim=0).values
                return self.least([first, -second]) if isinstance(formula, ExactlyOne) else -second
            case Exists(bound, part):
                made, counts = self.witnessed(bound, part, view, objects)
                return self.joined(torch.where(counts, made, -CERTAIN), len(bound))
            case ForAll(bound, part):
                made, counts = self.witnessed(bound, part, view, objects)
                return -self.joined(torch.where(counts, -made, -CERTAIN), len(bound))
            case Under(transform, law):
                left, right = sides(law)
                image = self.answers.images[str(transform)]
                combine = self.equal if isinstance(law, Iff) else self.implied
                return combine(self.of(left, view, objects), self.of(right, image, objects))
            case _:
                raise FormulaError(f"'{formula}' has no margin", hint="Write it with the connectives of the language.")

    def greatest(self, parts: Sequence[Tensor]) -> Tensor:
        if not self.softness:
            return reduce(torch.maximum, parts)
        stacked = torch.stack(torch.broadcast_tensors(*parts))  # type: ignore[no-untyped-call] # torch's own
        return self.softness * torch.logsumexp(stacked / self.softness, 0)

    def least(self, parts: Sequence[Tensor]) -> Tensor:
        return -self.greatest([-part for part in parts])

    def implied(self, body: Tensor, head: Tensor) -> Tensor:
        return self.greatest([-body, head])

    def equal(self, left: Tensor, right: Tensor) -> Tensor:
        return self.least([self.implied(left, right), self.implied(right, left)])

    def joined(self, values: Tensor, axes: int) -> Tensor:
        """The greatest over the last axes."""
        flat = values.flatten(values.dim() - axes)
        if not self.softness:
            return flat.amax(-1)
        return self.softness * torch.logsumexp(flat / self.softness, -1)

    def witnessed(self, bound: Sequence[str], part: Formula, view: View, objects: Objects) -> tuple[Tensor, Tensor]:
        """Margins of a quantified part, one more axis a bound variable at the end, and where its witnesses count:
        at real objects, distinct from those of all variables around, at which the part may be asked."""
        fresh: dict[str, str] = {}
        for name in bound:
            new = name
            while new in objects or new in fresh.values():
                new += "_"
            fresh[name] = new
        part = rename(part, fresh)
        size = view.facts.objects.shape[1]
        number = torch.arange(size, device=view.facts.objects.device)
        inner = {name: index[(...,) + (None,) * len(bound)] for name, index in objects.items()}
        taken = [index for name, index in inner.items() if name]
        counts = torch.ones((), dtype=torch.bool, device=number.device)
        for place, name in enumerate(fresh.values()):
            laid = number.reshape((-1,) + (1,) * (len(bound) - place - 1))
            for other in taken:
                counts = counts & (laid != other)
            taken.append(laid)
            inner[name] = laid
            counts = counts & view.facts.objects[inner[""], laid]
        for atom in outer_atoms(part):
            where = tuple(inner[name] for name in ("", *atom.arguments))
            counts = counts & view.facts.validity(atom.predicate)[where]
        counts = counts & known_at(part, view, inner)
        made, counts = torch.broadcast_tensors(self.of(part, view, inner), counts)  # type: ignore[no-untyped-call] # torch's own
        shape = torch.broadcast_shapes(made.shape, *(index.shape for index in inner.values()))  # type: ignore[no-untyped-call] # torch's own
        return made.expand(shape), counts.expand(shape)


def known_at(formula: Formula, view: View, objects: Objects) -> Tensor:
    """Bool, in the common shape of ``objects``: is all known that is compared outside quantifiers?

    objects: with the scene's number under the empty name.
    """
    known = torch.ones((), dtype=torch.bool, device=objects[""].device)
    for one in outer_comparisons(formula):
        names = free_variables(one)
        known = known & _laid(view.known(one, names), view, names, objects)
    return known


def _laid(values: Tensor, view: View, names: Sequence[str], objects: Objects) -> Tensor:
    """What broadcasts to (B, N, ..., N), axes as the names, at these objects."""
    size = view.facts.objects.shape
    return values.expand(size[0], *(size[1],) * len(names))[tuple(objects[name] for name in ("", *names))]


def _atom(atom: Atom, view: View, objects: Objects) -> Tensor:
    values = view.facts.values[atom.predicate]
    said = values[tuple(objects[name] for name in ("", *atom.arguments))]
    if said.dtype == torch.bool:
        return torch.where(said, CERTAIN, -CERTAIN)
    return (said - log_odds(view.facts.thresholds.get(atom.predicate, 0.5))).clamp(-LARGEST, LARGEST)


def _comparison(formula: Compare, view: View, objects: Objects) -> Tensor:
    """Signed like the truth of the comparison, also where the two sides are equal, undefined or words."""
    if view.scenes is None:
        raise FormulaError(f"'{formula}' speaks of geometry, and no scenes were given", hint="Give the scenes.")
    names = free_variables(formula)

    def read(values: Tensor) -> Tensor:
        return _laid(values, view, names, objects)

    truth = read(compare(formula, view.scenes, names))
    sure = torch.where(truth, CERTAIN, -CERTAIN)
    if _speaks_of_words(formula, view.scenes):
        return sure
    left, right = (read(term(side, view.scenes, names)) for side in (formula.left, formula.right))
    match formula.operator:
        case "<" | "<=":
            far = right - left
        case ">" | ">=":
            far = left - right
        case "=":
            far = -(left - right).abs()
        case _:
            far = (left - right).abs()
    signed = torch.where(far == 0, torch.where(truth, TIE, -TIE).to(far.dtype), STEEP * far)
    return torch.where(torch.isfinite(far), signed, sure.to(far.dtype)).clamp(-LARGEST, LARGEST)


def _speaks_of_words(formula: Compare, scenes: Scenes) -> bool:
    words = {*scenes.categories, *scenes.scene_categories}
    sides_of = terms_of(formula)
    return any(isinstance(side, Word) or any(one.name in words for one in features(side)) for side in sides_of)
