"""Rules as a loss: ``compile`` makes Constraints, and one pass of them is a Reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal as Choice
from typing import TypeAlias

import torch
from torch import Tensor, nn

from kg import ArityError, Formula, Kind, KnowledgeGraph, Rule, RulekdError, Status, Vocabulary, parse
from kg.errors import unknown
from kg.formulas import Atom, ExactlyOne, Transform, Under, walk
from rulekd.constraints import coherent, consistency, exclusive, product
from rulekd.constraints.clause import Axes, Literal, allowed, count_valid, grounded
from rulekd.constraints.plan import Backend, Planned, plan
from rulekd.facts import Facts
from rulekd.grounding import View, count, ground, outer_atoms, sides
from rulekd.predictor import diagonal_validity
from rulekd.scenes import Scenes
from rulekd.truth import place, truth

Semantics: TypeAlias = Choice["coherent", "product"]
Rules: TypeAlias = KnowledgeGraph | Iterable[Rule | Formula | str]

#: Added before the p-th root, whose slope at 0 is infinite.
TINY = 1e-12


def compile(
    rules: Rules,
    semantics: Semantics = "coherent",
    p: float = 1,
    *,
    sharpness: float = 1.0,
    vocabulary: Vocabulary | None = None,
) -> Constraints:
    """Rules as a differentiable loss.

    rules: a graph (its axioms, without rejected ones and habits of the teacher), or rules, formulas or texts.
    semantics: how a clause is broken by degrees: ``"coherent"`` or ``"product"``, see the files of those names.
    Equalities, laws under a transform and counts have one meaning of their own.
    p: exponent of the product semantics. sharpness: logits are multiplied by it in clauses, never in equalities.
    vocabulary: the predicates, where some have a meaning on the diagonal.

    >>> constraints = compile(["left_of(a, b) & left_of(b, c) -> left_of(a, c)"])
    >>> logits = {"left_of": torch.tensor([[[0., 9, -9], [-9, 0, 9], [-9, -9, 0]]])}
    >>> reading = constraints(logits)
    >>> reading["transitive(left_of)"].live, reading["transitive(left_of)"].strict
    (1, 1.0)
    """
    if semantics not in ("coherent", "product"):
        raise RulekdError(f"unknown semantics {semantics!r}", hint="Use 'coherent' or 'product'.")
    for name, number, least in (("p", p, 1), ("sharpness", sharpness, 0)):
        if not isinstance(number, int | float) or not (number > 0 and number >= least):
            raise RulekdError(f"{name} is {number!r}", hint="Give p of 1 or more, and a sharpness above 0.")
    words = rules.vocabulary if vocabulary is None and isinstance(rules, KnowledgeGraph) else vocabulary
    return Constraints(tuple(plan(rule) for rule in trainable(rules)), semantics, float(p), float(sharpness), words)


def trainable(rules: Rules, *, entailed: bool = False) -> list[Rule]:
    """The rules to train: of a graph its axioms, without rejected rules and habits; a single text is one rule.

    entailed: with the rules that follow from others.
    """
    if isinstance(rules, KnowledgeGraph):
        found = rules.rules() if entailed else rules.axioms()
        return [r for r in found if r.status is not Status.REJECTED and r.kind is not Kind.HABIT]
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


class Constraints(nn.Module):
    """Compiled rules. Call it with logits by predicate name; it has no weights of its own."""

    def __init__(
        self, planned: tuple[Planned, ...], semantics: Semantics, p: float, sharpness: float, words: Vocabulary | None
    ) -> None:
        super().__init__()
        self.planned = planned
        self.semantics = semantics
        self.p = p
        self.sharpness = sharpness
        self.vocabulary = words

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

    def plan(self) -> str:
        """A line a rule: its backend, and why."""
        width = max((len(one.rule.name) for one in self.planned), default=0)
        return "\n".join(f"{one.rule.name:<{width}}  {one.backend.value}: {one.why}" for one in self.planned)

    def forward(
        self,
        logits: Mapping[str, Tensor],
        mask: Tensor | None = None,
        scenes: Scenes | None = None,
        views: Mapping[Transform | str, Mapping[str, Tensor]] | None = None,
    ) -> Reading:
        """Read every rule in a batch.

        logits: log-odds by predicate, (B,), (B, N), (B, N, N), ...; bool for what is given. mask: (B, N), True where
        there is an object; that of the scenes when unsaid. scenes: needed where a rule speaks of geometry. views: for
        each transform the logits of the transformed scenes; a law under a transform that is not given is left out of
        this reading.
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
        view = View(self._facts(logits, mask), scenes)
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
        for name in images:
            if name not in map(str, self.views):
                raise unknown("view", name, map(str, self.views), where="no rule is about it: ")
        read = [
            one
            for one in self.planned
            if not isinstance(one.rule.formula, Under) or str(one.rule.formula.transform) in images
        ]
        for one in read:
            _check(one.rule, view.facts, images)
        return Reading(self, tuple(read), view, images)

    def _facts(self, logits: Mapping[str, Tensor], mask: Tensor | None) -> Facts:
        spoken = {atom.predicate for rule in self.rules for atom in walk(rule.formula) if isinstance(atom, Atom)}
        kept = {name: value for name, value in logits.items() if name in spoken}
        facts = Facts(kept or dict(logits), mask=mask)
        if self.vocabulary is None:
            return facts
        shared = Vocabulary({name: p for name, p in self.vocabulary.items() if name in facts.values})
        return replace(facts, valid=diagonal_validity(facts.objects, shared))


@dataclass(frozen=True)
class Reading(Mapping[str, "RuleReading"]):
    """One pass of the constraints over a batch. ``reading.loss`` trains; the rest is computed when it is asked for."""

    constraints: Constraints
    planned: tuple[Planned, ...]
    view: View
    images: Mapping[str, View]

    @cached_property
    def loss(self) -> Tensor:
        """Scalar >= 0: the mean over rules of the mean over valid groundings. 0 when no rule trains."""
        parts = list(self.losses.values())
        if not parts:
            return sum(
                (value.sum() * 0 for value in self.view.facts.values.values() if value.is_floating_point()),
                torch.zeros(()),
            )
        return torch.stack(parts).mean()

    @cached_property
    def losses(self) -> dict[str, Tensor]:
        """Scalar loss by rule id, of the rules that train."""
        return {rule: loss[0] for rule, (loss, _) in self._measured.items()}

    def losses_by_run(self, runs: int) -> dict[str, Tensor]:
        """(runs,) losses by rule id, of a batch that is ``runs`` batches of B scenes, one run after the other.

        Each entry is what ``losses`` of that run's scenes alone would be, so that networks that train side by side
        share one pass.

        >>> reading = compile(["~p(a)"])({"p": torch.tensor([[30.0], [-30.0]])})
        >>> [loss.tolist() for loss in reading.losses_by_run(2).values()]
        [[30.0, 0.0]]
        """
        scenes = len(self.view.facts)
        if not isinstance(runs, int) or runs < 1 or scenes % runs:
            raise RulekdError(
                f"a batch of {scenes} scenes has no {runs!r} runs", hint="Stack the same number of scenes for each run."
            )
        return {rule: loss for rule, (loss, _) in self._measure(runs).items()}

    @cached_property
    def _measured(self) -> dict[str, tuple[Tensor, Tensor]]:
        return self._measure(1)

    def _measure(self, runs: int) -> dict[str, tuple[Tensor, Tensor]]:
        """(loss, soft violation) by rule id, each (runs,)."""
        found = _clause_rules(self, runs)
        for one in self.planned:
            if one.backend in (Backend.CONSISTENCY, Backend.TWO_PASSES):
                found[one.rule.id] = _equality(one, self, runs)
            elif one.backend is Backend.EXCLUSIVE:
                found[one.rule.id] = _exclusive(one, self, runs)
        return {one.rule.id: found[one.rule.id] for one in self.planned if one.rule.id in found}

    def __getitem__(self, ref: str) -> RuleReading:
        """By rule id, name or text."""
        for one in self.planned:
            if ref in (one.rule.id, one.rule.name, str(one.rule.formula)):
                return RuleReading(one.rule, self)
        known = {one.rule.id for one in self.planned}
        if ref not in known and any(c in ref for c in "(<~|&"):
            wanted = Rule(parse(ref)).id
            if wanted in known:
                return self[wanted]
        raise unknown("rule", ref, [one.rule.name for one in self.planned])

    def __iter__(self) -> Iterator[str]:
        return iter(one.rule.id for one in self.planned)

    def __len__(self) -> int:
        return len(self.planned)

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True)
class Binding:
    """One grounding: the number of the scene in the batch, the object of each variable, P of each atom."""

    scene: int
    objects: Mapping[str, int]
    truth: Mapping[str, float]


@dataclass(frozen=True)
class RuleReading:
    """What one rule reads in a batch."""

    rule: Rule
    reading: Reading

    @property
    def loss(self) -> Tensor:
        """Scalar >= 0, what trains."""
        return self._measured[0][0]

    @property
    def violation(self) -> float:
        """Soft violation: its mean over valid groundings, >= 0; 0 means that the rule holds."""
        return float(self._measured[1][0])

    @property
    def _measured(self) -> tuple[Tensor, Tensor]:
        if self.rule.id not in self.reading._measured:
            raise RulekdError(
                f"rule {self.rule.name!r} is not trained: {self.reading.constraints.untrained[self.rule.name]}",
                hint="Its strict violation and its live groundings can be read.",
            )
        return self.reading._measured[self.rule.id]

    @cached_property
    def _counts(self) -> tuple[int, int]:
        with torch.no_grad():
            live, broken = count(self.rule.formula, self.reading.view, self.reading.images)
        return int(live.sum()), int(broken.sum())

    @property
    def live(self) -> int:
        """Number of groundings whose body is true at a threshold of one half."""
        return self._counts[0]

    @property
    def strict(self) -> float | None:
        """Share of the live groundings that break the rule; None when there is none."""
        live, broken = self._counts
        return broken / live if live else None

    def _atoms(self, view: View, images: Mapping[str, View]) -> Iterator[tuple[str, Atom, Facts]]:
        """Each atom outside quantifiers with its title, and the facts that it is read from."""
        formula = self.rule.formula
        if isinstance(formula, Under):
            left, right = sides(formula.law)
            image = images[str(formula.transform)]
            yield from ((str(atom), atom, view.facts) for atom in outer_atoms(left))
            yield from ((f"{formula.transform}: {atom}", atom, image.facts) for atom in outer_atoms(right))
        else:
            yield from ((str(atom), atom, view.facts) for atom in outer_atoms(formula))

    @torch.no_grad()
    def worst(self, k: int = 5) -> list[Binding]:
        """The k groundings that break the rule most surely: those whose least sure atom is surest."""
        view, images = self.reading.view, self.reading.images
        grounding = ground(self.rule.formula, view, images)
        shape = grounding.broken.shape
        chances = {}
        for title, atom, facts in self._atoms(view, images):
            placed = place(facts.values[atom.predicate], atom.arguments, grounding.variables)
            chances[title] = consistency.probability(placed).expand(shape)
        certain = torch.full(shape, 0.5, device=grounding.broken.device)  # of a rule without atoms outside quantifiers
        sure = torch.stack([certain, *((chance - 0.5).abs() for chance in chances.values())]).amin(0)
        ranked = torch.where(grounding.broken, sure, -1.0).flatten()
        found = []
        for flat in ranked.argsort(descending=True, stable=True)[:k].tolist():
            if ranked[flat] < 0:
                break
            where = [int(i) for i in torch.unravel_index(torch.tensor(flat), shape)]
            objects = dict(zip(grounding.variables, where[1:], strict=True))
            found.append(Binding(where[0], objects, {name: float(c[tuple(where)]) for name, c in chances.items()}))
        return found


def _clause_rules(reading: Reading, runs: int) -> dict[str, tuple[Tensor, Tensor]]:
    """(loss, violation), each (runs,), of every rule made of clauses; clauses of one shape are computed as one."""
    constraints, facts = reading.constraints, reading.view.facts
    sharp = View(
        replace(
            facts,
            values={n: v if v.dtype == torch.bool else v * constraints.sharpness for n, v in facts.values.items()},
        ),
        reading.view.scenes,
    )
    stacks: dict[tuple[Axes, ...], list[tuple[str, dict[Axes, Tensor], Tensor]]] = {}
    for one in reading.planned:
        for clause in one.clauses:
            masks = allowed(clause, sharp)
            parts = list(grounded(clause, sharp))
            made = (
                coherent.factors(parts, masks)
                if constraints.semantics == "coherent"
                else product.factors(parts, masks, constraints.p)
            )
            stacks.setdefault(clause.shape, []).append((one.rule.id, made, count_valid(masks).reshape(runs, -1).sum(1)))
    sums: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for rows in stacks.values():
        stacked = {axes: torch.cat([made[axes] for _, made, _ in rows]) for axes in rows[0][1]}
        if constraints.semantics == "coherent":
            loss, violation = coherent.losses(stacked)
        else:
            loss = product.losses(stacked)
            violation = loss.detach()
        for place_in, (rule, _, valid) in enumerate(rows):
            scenes = slice(place_in * len(facts), (place_in + 1) * len(facts))
            mean, soft = (
                t[scenes].reshape(runs, -1).sum(1) / valid.clamp_min(1).to(t.dtype) for t in (loss, violation)
            )
            if constraints.semantics == "product" and constraints.p > 1:
                mean, soft = ((t + TINY) ** (1 / constraints.p) for t in (mean, soft))
            sums.setdefault(rule, []).append((mean, soft))
    return {
        rule: (torch.stack([m for m, _ in parts]).mean(0), torch.stack([s for _, s in parts]).mean(0))
        for rule, parts in sums.items()
    }


def _equality(one: Planned, reading: Reading, runs: int) -> tuple[Tensor, Tensor]:
    """(loss, violation) of an equality of two literals, in one scene or in a scene and its image."""
    formula = one.rule.formula
    other = reading.images[str(formula.transform)] if isinstance(formula, Under) else reading.view
    left, right = one.literals
    sides = [_side(left, one, reading.view), _side(right, one, other)]
    valid = reading.view.facts.groundings(len(one.variables))
    for literal, view in ((left, reading.view), (right, other)):
        valid = valid & view.askable(literal.formula, one.variables)
    return _mean(consistency.losses(*sides), valid, runs), _mean(consistency.violations(*sides).detach(), valid, runs)


def _exclusive(one: Planned, reading: Reading, runs: int) -> tuple[Tensor, Tensor]:
    """(loss, violation) of exactly_one or at_most_one."""
    valid = reading.view.facts.groundings(len(one.variables))
    for literal in one.literals:
        valid = valid & reading.view.askable(literal.formula, one.variables)
    members = [_side(literal, one, reading.view) for literal in one.literals]
    logits = torch.stack([_as_logits(member).expand(valid.shape) for member in members])
    at_least = isinstance(one.rule.formula, ExactlyOne)
    return (
        _mean(exclusive.losses(logits, at_least=at_least), valid, runs),
        _mean(exclusive.violations(logits, at_least=at_least).detach(), valid, runs),
    )


def _side(literal: Literal, one: Planned, view: View) -> Tensor:
    """A literal along the axes of its rule: float log-odds, or bool where it is given."""
    if isinstance(literal.formula, Atom):
        value = place(view.facts.values[literal.formula.predicate], literal.formula.arguments, one.variables)
    else:
        value = truth(literal.formula, one.variables, view)
    if literal.positive:
        return value
    return ~value if value.dtype == torch.bool else -value


def _as_logits(side: Tensor) -> Tensor:
    if side.dtype == torch.bool:
        return torch.where(side, 200.0, -200.0)  # certainty
    return side.float() if side.dtype.itemsize < 4 else side


def _mean(values: Tensor, valid: Tensor, runs: int) -> Tensor:
    """(runs,): mean over the valid groundings of each run's scenes; 0 when there is none."""
    kept = torch.where(valid, values, 0.0).reshape(runs, -1).sum(1)
    return kept / valid.reshape(runs, -1).sum(1).clamp_min(1)


def _check(rule: Rule, facts: Facts, images: Mapping[str, View]) -> None:
    """Every predicate of a rule has logits of its arity, in the scene and in the image that it reads."""
    parts: list[tuple[Formula, Facts]] = [(rule.formula, facts)]
    if isinstance(rule.formula, Under):
        left, right = sides(rule.formula.law)
        parts = [(left, facts), (right, images[str(rule.formula.transform)].facts)]
    for part, read in parts:
        for atom in walk(part):
            if not isinstance(atom, Atom):
                continue
            if atom.predicate not in read.values:
                raise unknown("predicate", atom.predicate, read.values, where=f"rule {rule.name!r} needs logits of an ")
            arity = read.values[atom.predicate].dim() - 1
            if arity != len(atom.arguments):
                raise ArityError(
                    f"rule {rule.name!r} reads '{atom}'; the logits of {atom.predicate!r} have shape "
                    f"{tuple(read.values[atom.predicate].shape)}, arity {arity}",
                    hint="Check the rule, or the shape of the logits.",
                )
