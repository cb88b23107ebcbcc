"""Rules as a loss: ``compile`` makes Constraints, and one pass of them is a Reading."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from kg import ArityError, Formula, Kind, KnowledgeGraph, Rule, RulekdError, Status, Vocabulary, parse
from kg.errors import unknown
from kg.formulas import Atom, Transform, Under, walk
from kg.graph import check_predicates, vocabulary_of
from kg.tables import how_many
from rulekd.constraints.coherent import Coherent
from rulekd.constraints.exact import Exact
from rulekd.constraints.layout import Layout
from rulekd.constraints.plan import Backend, Planned, plan
from rulekd.constraints.product import Product
from rulekd.constraints.reading import Reading, find
from rulekd.constraints.semantics import Semantics
from rulekd.facts import Facts
from rulekd.grounding import Spoken, View, sides
from rulekd.predictor import diagonal_validity
from rulekd.scenes import Scenes

LOG = logging.getLogger(__name__)

Rules: TypeAlias = KnowledgeGraph | Iterable[Rule | Formula | str]

#: The semantics that have a name, made with the exponent p.
SEMANTICS: Mapping[str, Callable[[float], Semantics]] = {
    "coherent": lambda p: Coherent(),
    "product": Product,
    "exact": lambda p: Exact(),
}


def compile(
    rules: Rules,
    semantics: str | Semantics = "coherent",
    p: float = 1,
    *,
    sharpness: float = 1.0,
    body: float = 1.0,
    weights: Mapping[str, float] | None = None,
    numbers: Mapping[str, float] | None = None,
    vocabulary: Vocabulary | None = None,
) -> Constraints:
    """Rules as a differentiable loss.

    rules: a graph (its axioms, without rejected ones and habits of the teacher that nobody accepted), or rules,
    formulas or texts.
    semantics: how a rule is broken by degrees: ``"coherent"``, ``"product"``, ``"exact"`` or one of your own; see the
    files of those names. Equalities and counts have one meaning of their own, but under ``"exact"``.
    p: exponent of the product semantics. sharpness: logits are multiplied by it in clauses, never in equalities.
    body: what the gradient of a clause's negative literals is multiplied by; below 1 a Horn rule rather makes its head
    true than its body false. weights: of rules in the loss, by id, name or text; 1 where unsaid.
    numbers: terms such as ``x`` or ``distance`` that the network says itself, each with the difference that matters,
    in its own unit; comparisons of them train, those of all others are given.
    vocabulary: the predicates, where some have a meaning on the diagonal. Raises where a rule speaks of another one, or
    with another arity.

    >>> import torch
    >>> constraints = compile(["left_of(a, b) & left_of(b, c) -> left_of(a, c)"])
    >>> logits = {"left_of": torch.tensor([[[0., 9, -9], [-9, 0, 9], [-9, -9, 0]]])}
    >>> reading = constraints(logits)
    >>> reading["transitive(left_of)"].live, reading["transitive(left_of)"].strict
    (1, 1.0)
    """
    if not isinstance(semantics, Semantics) and semantics not in SEMANTICS:
        raise RulekdError(f"unknown semantics {semantics!r}", hint=f"Use one of {', '.join(map(repr, SEMANTICS))}.")
    for name, number, least in (("p", p, 1), ("sharpness", sharpness, 0), ("body", body, -1)):
        if not isinstance(number, int | float) or not (
            number > least or number == least == 1 or number == 0 == least + 1
        ):
            raise RulekdError(
                f"{name} is {number!r}", hint="Give p of 1 or more, a sharpness above 0, and a body of 0 or more."
            )
    words = rules.vocabulary if vocabulary is None and isinstance(rules, KnowledgeGraph) else vocabulary
    chosen = semantics if isinstance(semantics, Semantics) else SEMANTICS[semantics](float(p))
    for name, unit in (numbers or {}).items():
        if not isinstance(unit, int | float) or not unit > 0:
            raise RulekdError(f"the unit of the number {name!r} is {unit!r}", hint="Give a number above 0.")
    planned = tuple(plan(rule, chosen, words, numbers or ()) for rule in trainable(rules))
    made = Constraints(planned, chosen, float(sharpness), float(body), words, {}, numbers or {})
    return made.reweight(weights) if weights else made


def trainable(rules: Rules, *, entailed: bool = False) -> list[Rule]:
    """The rules to train: of a graph the axioms that somebody or something vouches for; a single text is one rule.

    Accepted ones are trained, rejected ones never: a person's word counts before the labels. Of suggested ones those
    that were confirmed or that hold in the data, and those that come without evidence; no habits of the teacher.
    entailed: with the rules that follow from others.
    """
    if isinstance(rules, KnowledgeGraph):
        return [rule for rule in (rules.rules() if entailed else rules.axioms()) if _vouched_for(rule)]
    given = (
        [rules] if isinstance(rules, str | Formula | Rule) else list(rules) if isinstance(rules, Iterable) else [rules]
    )
    for rule in given:
        if not isinstance(rule, str | Formula | Rule):
            raise RulekdError(
                f"{rule!r} is a {type(rule).__name__}, no rule",
                hint="Give a graph (kg.KnowledgeGraph.load(path)), or rules, formulas or texts.",
            )
    made = [rule if isinstance(rule, Rule) else Rule(parse(rule) if isinstance(rule, str) else rule) for rule in given]
    return list({rule.id: rule for rule in made}.values())


def _vouched_for(rule: Rule) -> bool:
    if rule.status is not Status.SUGGESTED:
        return rule.status is Status.ACCEPTED
    evidence = rule.evidence
    if rule.kind is Kind.HABIT or evidence is None or evidence.confirmed:
        return rule.kind is not Kind.HABIT
    # A law of the data that the teacher breaks too often: there a student can beat its teacher.
    return evidence.data is not None and evidence.data.rate is not None and evidence.data.rate <= evidence.tolerance


class Constraints(nn.Module):
    """Compiled rules. ``constraints(logits, mask, scenes, views, numbers)`` is a Reading: see ``forward``.

    It has no weights of its own that train. planned: each rule and how it trains. weights: of rules in the loss, by id,
    where they are not 1. numbers: the terms that the network says itself, and their units.
    """

    def __init__(
        self,
        planned: tuple[Planned, ...],
        semantics: Semantics,
        sharpness: float,
        body: float,
        words: Vocabulary | None,
        weights: Mapping[str, float],
        numbers: Mapping[str, float],
    ) -> None:
        super().__init__()
        self.planned = planned
        self.semantics = semantics
        self.sharpness = sharpness
        self.body = body
        self.vocabulary = words
        self.weights = dict(weights)
        self.numbers = dict(numbers)
        self._spoken = frozenset(vocabulary_of(self.rules))
        if words is not None:
            for rule in self.rules:
                check_predicates(rule, words)
        self._checked: set[tuple[tuple[str, str, int], ...]] = set()
        self._layouts: dict[tuple[str, ...], tuple[tuple[Planned, ...], Layout, Layout, dict[str, str]]] = {}
        for images in ((), tuple(sorted(map(str, self.views)))):
            self._read(images)  # torch.compile must find these made

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, trained or not."""
        return tuple(one.rule for one in self.planned)

    @property
    def views(self) -> tuple[Transform, ...]:
        """The transforms that rules speak of."""
        return tuple(dict.fromkeys(r.formula.transform for r in self.rules if isinstance(r.formula, Under)))

    @property
    def untrained(self) -> dict[str, str]:
        """Rules that no gradient comes from: why, by rule name. They are judged all the same."""
        return {one.rule.name: one.why for one in self.planned if one.backend is Backend.NONE}

    def extra_repr(self) -> str:
        """How many rules are trained by what."""
        backends = Counter(one.backend.value for one in self.planned)
        by = ", ".join(f"{count} {backend}" for backend, count in backends.items())
        return f"{how_many(len(self.planned), 'rule')}, {type(self.semantics).__name__.lower()}: {by or 'none'}"

    def plan(self) -> str:
        """A line a rule: its backend, the cost in n objects, and why."""
        rows = [(one.rule.name, one.backend.value, one.cost, one.why) for one in self.planned]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
        )

    def add(self, rules: Rules) -> Constraints:
        """With more rules. One that is known is taken anew; an edited one takes the place and weight of the old."""
        planned = {one.rule.id: one for one in self.planned}
        weights = dict(self.weights)
        for rule in trainable(rules):
            old = rule.replaces if rule.replaces in planned else rule.id
            if old in weights:
                weights[rule.id] = weights.pop(old)
            new = plan(rule, self.semantics, self.vocabulary, self.numbers)
            planned = {rule.id if k == old else k: new if k == old else v for k, v in planned.items()} | {rule.id: new}
        return self._with(tuple(planned.values()), weights)

    def drop(self, *refs: str) -> Constraints:
        """Without some rules, by id, name or text."""
        gone = {find(ref, self.planned).rule.id for ref in refs}
        kept = tuple(one for one in self.planned if one.rule.id not in gone)
        return self._with(kept, {rule: weight for rule, weight in self.weights.items() if rule not in gone})

    def reweight(self, weights: Mapping[str, float]) -> Constraints:
        """With other weights of rules in the loss, by id, name or text; the others keep theirs.

        >>> import torch
        >>> constraints = compile(["p(a) -> q(a)", "~p(a)"]).reweight({"~p(a)": 3})
        >>> round(constraints({"p": torch.full((1, 1), 9.0), "q": torch.full((1, 1), 9.0)}).loss.item(), 2)
        6.75
        """
        for ref, weight in weights.items():
            if not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
                raise RulekdError(f"the weight of {ref!r} is {weight!r}", hint="Give a number of 0 or more.")
        named = {find(ref, self.planned).rule.id: float(weight) for ref, weight in weights.items()}
        return self._with(self.planned, self.weights | named)

    def _with(self, planned: tuple[Planned, ...], weights: Mapping[str, float]) -> Constraints:
        return Constraints(planned, self.semantics, self.sharpness, self.body, self.vocabulary, weights, self.numbers)

    def forward(
        self,
        logits: Mapping[str, Tensor],
        mask: Tensor | None = None,
        scenes: Scenes | None = None,
        views: Mapping[Transform | str, Mapping[str, Tensor]] | None = None,
        numbers: Mapping[str, Tensor] | None = None,
    ) -> Reading:
        """Read every rule in a batch.

        logits: log-odds by predicate, (B,), (B, N), (B, N, N), ...; bool for what is given. mask: (B, N), True where
        there is an object; that of the scenes when unsaid. scenes: needed where a rule speaks of geometry. views: for
        each transform of ``self.views`` the logits of the transformed scenes; a law under a transform that is not given
        is left out of this reading, and named in ``Reading.unread``; ``{}`` says that none are meant. numbers: what the
        network says of each term in ``numbers``, (B,), (B, N), (B, N, N), ...

        >>> import torch
        >>> constraints = compile(["under mirror_x: left_of(a, b) <-> right_of(a, b)"])
        >>> x = torch.tensor([[[0., 9], [-9, 0]]])
        >>> logits, mirrored = {"left_of": x}, {"right_of": x}  # said of the scenes, and of their mirror images
        >>> constraints(logits, views={"mirror_x": mirrored}).loss.round().item()
        0.0
        >>> constraints(logits, views={}).unread
        {'under mirror_x(left_of, right_of)': "no view 'mirror_x' was given"}
        """
        if not isinstance(logits, Mapping):
            raise RulekdError(
                f"logits are a {type(logits).__name__}, not tensors by predicate name",
                hint="Give {'left_of': (B, N, N), ...}.",
            )
        if scenes is not None and not isinstance(scenes, Scenes):
            raise RulekdError(
                f"scenes are a {type(scenes).__name__}, not one batch", hint="Give Scenes, such as scene_set.scenes."
            )
        mask = scenes.mask if mask is None and scenes is not None else mask
        if set(numbers or {}) != set(self.numbers):
            raise RulekdError(
                f"numbers of {sorted(numbers or {})} are given; the rules were compiled for {sorted(self.numbers)}",
                hint="Name them in compile(..., numbers={name: unit}), and give each with the logits.",
            )
        said = {name: Spoken(values, self.numbers[name]) for name, values in (numbers or {}).items()}
        view = View(self._facts(logits, mask), scenes, said)
        images = {str(t): View(self._facts(of_image, mask), None) for t, of_image in (views or {}).items()}
        others = {f"the view {name!r}": image.facts.objects.shape for name, image in images.items()}
        if scenes is not None:
            others["scenes"] = scenes.mask.shape
        for what, shape in others.items():
            if shape != view.facts.objects.shape:
                raise ArityError(
                    f"{what}: {shape[0]} scenes of {shape[1]} objects, beside logits of {len(view.facts)} scenes of "
                    f"{view.facts.objects.shape[1]} objects",
                    hint="Give the same scenes, in the same order and padding.",
                )
        read, layout, soft, unread = self._read(tuple(sorted(images)))
        shapes = tuple((k, n, x.dim()) for k, v in (("", view), *images.items()) for n, x in v.facts.values.items())
        if shapes not in self._checked:
            given = {"": logits, **{str(t): of_image for t, of_image in (views or {}).items()}}
            for one in read:
                _check(one.rule, view.facts, images, given)
            if unread and views is None and not torch.compiler.is_compiling():
                LOG.warning(
                    "%d of %d rules are not read, as no views are given: %s. Give views={%r: logits of the transformed "
                    "scenes, ...}; views={} says that none are meant",
                    *(len(unread), len(self.planned), ", ".join(unread), str(self.views[0])),
                )
            self._checked.add(shapes)
        return Reading(read, layout, soft, self.weights, view, images, unread)

    def _read(self, images: tuple[str, ...]) -> tuple[tuple[Planned, ...], Layout, Layout, dict[str, str]]:
        """What can be read where these images are given, what computes it, and why not the others; made once."""
        if images not in self._layouts:
            for name in images:
                if name not in map(str, self.views):
                    raise unknown("view", name, map(str, self.views), where="no rule is about it: ")
            unread = {rule.name: why for rule in self.rules if (why := _without_view(rule, images))}
            read = tuple(one for one in self.planned if one.rule.name not in unread)
            trains, soft = (Layout(read, self.semantics, self.sharpness, self.body, soft) for soft in (False, True))
            self._layouts[images] = (read, trains, soft, unread)
        return self._layouts[images]

    def _facts(self, logits: Mapping[str, Tensor], mask: Tensor | None) -> Facts:
        kept = {name: value for name, value in logits.items() if name in self._spoken}
        facts = Facts(kept or dict(logits), mask=mask)
        if self.vocabulary is None:
            return facts
        shared = Vocabulary({name: p for name, p in self.vocabulary.items() if name in facts.values})
        return replace(facts, valid=diagonal_validity(facts.objects, shared))


def _without_view(rule: Rule, images: Collection[str]) -> str:
    """Why a law under a transform cannot be read where these images are given; empty when it can."""
    if not isinstance(rule.formula, Under) or str(rule.formula.transform) in images:
        return ""
    return f"no view {str(rule.formula.transform)!r} was given"


def _check(rule: Rule, facts: Facts, images: Mapping[str, View], given: Mapping[str, Collection[str]]) -> None:
    """Every predicate of a rule has logits of its arity, in the scene and in the image that it reads.

    given: all names that there are logits of, of the scene and of each image.
    """
    parts: list[tuple[Formula, Facts, str]] = [(rule.formula, facts, "")]
    if isinstance(rule.formula, Under):
        left, right = sides(rule.formula.law)
        name = str(rule.formula.transform)
        parts = [(left, facts, ""), (right, images[name].facts, name)]
    for part, read, view in parts:
        for atom in walk(part):
            if not isinstance(atom, Atom):
                continue
            if atom.predicate not in read.values:
                place = f" in the view {view!r}" if view else ""
                where = f"rule {rule.name!r} needs logits{place} of an "
                raise unknown("predicate", atom.predicate, given[view], where=where)
            arity = read.values[atom.predicate].dim() - 1
            if arity != len(atom.arguments):
                raise ArityError(
                    f"rule {rule.name!r} reads '{atom}'; the logits of {atom.predicate!r} have shape "
                    f"{tuple(read.values[atom.predicate].shape)}, arity {arity}",
                    hint="Check the rule, or the shape of the logits.",
                )
