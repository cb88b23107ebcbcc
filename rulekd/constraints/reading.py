"""One pass of the constraints over a batch: the loss, and what each rule reads when it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from kg import Rule, RulekdError, parse
from kg.errors import unknown
from kg.formulas import Atom, Formula, Under
from kg.tables import aligned, fields, how_many
from rulekd.constraints.grounded import Grounded, parts_of
from rulekd.constraints.layout import Layout, Measured, nothing
from rulekd.constraints.literals import Reader
from rulekd.constraints.plan import Planned
from rulekd.facts import Facts
from rulekd.grounding import View, count, ground, outer_atoms, sides
from rulekd.truth import place

#: A loss below this is that of a grounding nobody hears of.
SILENT = 1e-6


#: What is printed of a rule: its name, loss and soft violation, and its broken, silent and live groundings.
HEADS = ["rule", "loss", "violation", "broken", "silent", "live"]


@dataclass(frozen=True, repr=False)
class Reading(Mapping[str, "RuleReading"]):
    """One pass of the constraints over a batch. ``reading.loss`` trains; the rest is computed when it is asked for.

    planned: the rules that are read. layout, soft_layout: what computes their losses and their violations. weights:
    of the rules in ``loss``, by id. unread: rules that could not be read, by name, and why.
    """

    planned: tuple[Planned, ...]
    layout: Layout
    soft_layout: Layout
    weights: Mapping[str, float]
    view: View
    images: Mapping[str, View]
    unread: Mapping[str, str] = field(default_factory=dict)
    _kept: dict[int, list[Measured]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def loss(self) -> Tensor:
        """Scalar >= 0: the weighted mean over rules of the mean over valid groundings. 0 when no rule trains.

        Raises, as ``losses`` and ``losses_by_run`` do, where all that the rules read is given as bool.
        """
        self._check_trainable()
        total: Tensor | None = None
        whole = 0.0
        for some in self._losses(1):
            means, count = some.means, float(len(some.rules))
            if self.weights:
                weights = [self.weights.get(rule, 1.0) for rule in some.rules]
                means = means * torch.tensor(weights, dtype=means.dtype, device=means.device)[:, None]
                count = sum(weights)
            total = means.sum() if total is None else total + means.sum()
            whole += count
        if total is None:
            return nothing(self.view.facts)
        return total if whole == 1 else total / whole if whole else total * 0

    @property
    def losses(self) -> dict[str, Tensor]:
        """Scalar loss by rule id, of the rules that train, whatever their weight."""
        self._check_trainable()
        return self._by_rule({rule: loss for some in self._losses(1) for rule, loss in _rows(some, 0)})

    @property
    def given(self) -> bool:
        """Is every predicate that the rules read given as bool, and no number said by the network?

        Then the rules can be judged (``live``, ``broken``, ``strict``, ``violation``), and nothing can train.
        """
        values = [value for view in self.views.values() for value in view.facts.values.values()]
        trained = len(self.layout.trained) > 0 and len(values) > 0 and len(self.view.numbers) == 0
        return trained and not any(value.is_floating_point() for value in values)

    def _check_trainable(self) -> None:
        if self.given:
            raise RulekdError(
                "every predicate that the rules read is given as bool: given truth has no gradient, and so no loss",
                hint="Give the network's log-odds as floats; bool is for what is given beside them. What is given can "
                "be judged: reading[rule].strict.",
            )

    def losses_by_run(self, runs: int) -> dict[str, Tensor]:
        """(runs,) losses by rule id, of a batch that is ``runs`` batches of B scenes, one run after the other.

        Each entry is what ``losses`` of that run's scenes alone would be, so that networks that train side by side
        share one pass.

        >>> import rulekd
        >>> reading = rulekd.compile(["~p(a)"])({"p": torch.tensor([[30.0], [-30.0]])})
        >>> [loss.round().tolist() for loss in reading.losses_by_run(2).values()]
        [[30.0, 0.0]]
        """
        scenes = len(self.view.facts)
        if not isinstance(runs, int) or runs < 1 or scenes % runs:
            raise RulekdError(
                f"a batch of {scenes} scenes has no {runs!r} runs", hint="Stack the same number of scenes for each run."
            )
        self._check_trainable()
        return self._by_rule({rule: loss for some in self._losses(runs) for rule, loss in _rows(some, None)})

    @cached_property
    def violations(self) -> dict[str, float]:
        """Soft violation by rule id, of the rules that train: its mean over valid groundings, >= 0; 0 = it holds."""
        with torch.no_grad():
            measured = self.soft_layout.measure(self.views, 1)
        return {
            rule: value for some in measured for rule, value in zip(some.rules, some.means[:, 0].tolist(), strict=True)
        }

    @property
    def views(self) -> dict[str, View]:
        """The scene, under "", and its images by the text of the transform."""
        return {"": self.view, **self.images}

    def vacuous(self, other: Reading, tolerance: float = 0.2) -> dict[str, tuple[int, int]]:
        """Rules whose live groundings have all but gone, or multiplied: (live here, live in ``other``) by rule id.

        A rule that is obeyed because its body is never said to be true teaches nothing. ``other`` is a reading of the
        same scenes by what is to be learned from, a teacher or labels.
        """
        missing = [one.rule.name for one in self.planned if one.rule.id not in set(other)]
        if missing or len(self.view.facts) != len(other.view.facts):
            raise RulekdError(
                f"the other reading lacks {', '.join(missing)}"
                if missing
                else f"one reading is of {len(self.view.facts)} scenes, the other of {len(other.view.facts)}",
                hint="Read the same scenes with the same constraints.",
            )
        found = {}
        for rule, one in self.items():
            here, there = one.live, other[rule].live
            if abs(here - there) > tolerance * there:
                found[rule] = (here, there)
        return found

    def _losses(self, runs: int) -> list[Measured]:
        if runs not in self._kept:
            self._kept[runs] = self.layout.measure(self.views, runs)
        return self._kept[runs]

    def _by_rule(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """In the order of the rules."""
        return {one.rule.id: found[one.rule.id] for one in self.planned if one.rule.id in found}

    def __getitem__(self, ref: str) -> RuleReading:
        """By rule id, name or text."""
        return RuleReading(find(ref, self.planned), self)

    def __iter__(self) -> Iterator[str]:
        return iter(one.rule.id for one in self.planned)

    def __len__(self) -> int:
        return len(self.planned)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Reading({how_many(len(self), 'rule')} in {how_many(len(self.view.facts), 'scene')})"

    def __str__(self) -> str:
        """A line a rule, and the loss: soft violation, broken groundings, those of them without a gradient, live ones.

        Everything is computed for it; a dash where a rule does not train, or cannot be read here.

        >>> import rulekd
        >>> logits = {"p": torch.tensor([[9.0, -9.0]]), "q": torch.tensor([[-9.0, 9.0]])}
        >>> print(rulekd.compile(["p(a) -> q(a)"])(logits))
        rule           loss   violation  broken  silent  live
        -------------  -----  ---------  ------  ------  ----
        implies(p, q)  4.153  0.4999     1       0       1
        loss 4.153
        """
        rows = [HEADS, *(one.row for one in self.values())]
        lines = aligned(rows, wrapped=0) if len(rows) > 1 else ["no rules"]
        unread = [f"not read: {name}, {why}" for name, why in self.unread.items()]
        return "\n".join([*lines, "no loss: all is given" if self.given else f"loss {self.loss.item():.4g}", *unread])


def find(ref: str, planned: Sequence[Planned]) -> Planned:
    """The rule of that id, name or text."""
    for one in planned:
        if ref in (one.rule.id, one.rule.name, str(one.rule.formula)):
            return one
    if any(c in ref for c in "(<~|&"):
        wanted = Rule(parse(ref)).id
        for one in planned:
            if one.rule.id == wanted:
                return one
    raise unknown("rule", ref, [one.rule.name for one in planned])


def _rows(some: Measured, run: int | None) -> Iterator[tuple[str, Tensor]]:
    means = some.means if run is None else some.means[:, run]
    yield from zip(some.rules, means.unbind(0), strict=True)


@dataclass(frozen=True)
class Binding:
    """One grounding: the number of the scene in the batch, the object of each variable, P of each atom."""

    scene: int
    objects: Mapping[str, int]
    truth: Mapping[str, float]


@dataclass(frozen=True, repr=False)
class RuleReading:
    """What one rule reads in a batch."""

    planned: Planned
    reading: Reading

    @property
    def rule(self) -> Rule:
        """The rule."""
        return self.planned.rule

    @property
    def loss(self) -> Tensor:
        """Scalar >= 0, what trains."""
        self._check_trained()
        return self.reading.losses[self.rule.id]

    @property
    def violation(self) -> float:
        """Soft violation: its mean over valid groundings, >= 0; 0 means that the rule holds."""
        self._check_trained()
        return self.reading.violations[self.rule.id]

    def _check_trained(self) -> None:
        if self.rule.id not in self.reading.layout.trained:
            raise RulekdError(
                f"rule {self.rule.name!r} is not trained: {self.planned.why}",
                hint="Its strict violation and its live groundings can be read.",
            )

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
    def row(self) -> list[str]:
        """As it is printed, under HEADS."""
        trains = self.rule.id in self.reading.layout.trained
        loss = f"{self.loss.item():.4g}" if trains and not self.reading.given else "-"
        violation = f"{self.violation:.4g}" if trains else "-"
        try:
            return [
                *(self.rule.name, loss, violation, f"{self.broken:,}"),
                *("-" if loss == "-" else f"{self.silent:,}", f"{self.live:,}"),
            ]
        except RulekdError:  # it speaks of what was not given: scenes, say
            return [self.rule.name, loss, violation, "-", "-", "-"]

    def __str__(self) -> str:
        return fields(list(zip(HEADS, self.row, strict=True)))

    @property
    def broken(self) -> int:
        """Number of live groundings that break the rule."""
        return self._counts[1]

    @property
    def strict(self) -> float | None:
        """Share of the live groundings that break the rule; None when there is none."""
        return self.broken / self.live if self.live else None

    def __repr__(self) -> str:
        return f"RuleReading({self.rule.name!r}, in {how_many(len(self.reading.view.facts), 'scene')})"

    @property
    def conditional(self) -> float | None:
        """Mean soft violation over the live groundings; None when there is none."""
        violation, live, _ = self._by_grounding
        return violation / live if live else None

    @property
    def silent(self) -> int:
        """Number of groundings that break the rule strictly, and whose loss is as good as 0: no gradient comes of them.

        Under coherent semantics a body of 0.6 and 0.6 with a head of 0.4 is one, at sharpness 1.
        """
        return self._by_grounding[2]

    @cached_property
    def _by_grounding(self) -> tuple[float, int, int]:
        """(sum of soft violations of live groundings, live groundings, broken ones whose loss is 0)."""
        reading = self.reading
        self._check_trained()
        semantics, sharpness = reading.layout.semantics, reading.layout.sharpness
        whole, live, silent = 0.0, 0, 0
        with torch.no_grad():
            for views in parts_of(reading.views, len(self._grounded.variables)):
                images = {name: view for name, view in views.items() if name}
                crisp = ground(self.rule.formula, views[""], images)
                degrees = [
                    semantics.degree(part, self._grounded.variables, Reader(views, sharpness))
                    for part in self._grounded.parts
                ]
                soft = torch.stack([semantics.violation(d).expand(crisp.live.shape) for d in degrees]).mean(0)
                loss = torch.stack([semantics.loss(d).expand(crisp.live.shape) for d in degrees]).sum(0)
                whole += float(torch.where(crisp.live, soft, 0.0).sum())
                live += int(crisp.live.sum())
                silent += int((crisp.broken & (loss < SILENT)).sum())
        return whole, live, silent

    @cached_property
    def _grounded(self) -> Grounded:
        return self.planned.grounded or Grounded.of(self.rule.formula)

    @property
    def body_share(self) -> float | None:
        """Share of the gradient that reaches negative literals (of a Horn rule, its body), by absolute value.

        None where there is no gradient, or where the rule is no clause. ``compile(..., body=...)`` turns it.
        """
        for bundle in self.reading.layout.bundles:
            if self.rule.id in bundle.rules:
                negative, positive = bundle.pulls(self.rule.id, self.reading.views)
                return negative / (negative + positive) if negative + positive else None
        return None

    def _atoms(self, view: View, images: Mapping[str, View]) -> Iterator[tuple[str, Atom, Facts]]:
        """Each atom outside quantifiers with its title, and the facts that it is read from."""
        formula: Formula = self.rule.formula
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
            chances[title] = _probability(placed).expand(shape)
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


def _probability(value: Tensor) -> Tensor:
    """Of log-odds the sigmoid, of given truth 0 or 1; float32 or wider."""
    if value.dtype == torch.bool:
        return value.float()
    return (value.float() if value.dtype.itemsize < 4 else value).sigmoid()
