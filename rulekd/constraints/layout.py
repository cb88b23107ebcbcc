"""The rules of one reading, gathered into a few programs, and what these find put together again by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import perm
from typing import TypeAlias

import torch
from torch import Tensor

from kg.formulas import Atom, Compare
from kg.normal import rename
from rulekd.constraints.clause import LETTERS, Clause, Source
from rulekd.constraints.coherent import CoherentKernel
from rulekd.constraints.consistency import ConsistencyKernel
from rulekd.constraints.grounded import Grounded, parts_of
from rulekd.constraints.kernel import Kernel, padded
from rulekd.constraints.literals import Views, comparison
from rulekd.constraints.plan import Backend, Planned, Term
from rulekd.constraints.programs import Program
from rulekd.constraints.semantics import Semantics
from rulekd.facts import Facts
from rulekd.truth import place

#: Log-odds that no semantics tells from certainty.
SURE = 1e4

#: The comparisons that must be known where a clause is asked, in the letters of its axes, each with its view.
Reads: TypeAlias = tuple[tuple[str, Compare], ...]

#: Added before the p-th root, whose slope at 0 is infinite.
TINY = 1e-12


@dataclass(frozen=True)
class Measured:
    """What some rules measure: their ids, and of each (runs,) a mean over its valid groundings."""

    rules: tuple[str, ...]
    means: Tensor  # (rules, runs)


@dataclass(frozen=True)
class Bundle:
    """Rules of one meaning, computed by one program.

    root: of their means. terms: (number of its rule, term), in the order in which the program computes them. reads: for
    each term the comparisons that must be known where it is asked.
    """

    rules: tuple[str, ...]
    terms: tuple[tuple[int, Term], ...]
    program: Program
    root: float
    soft: bool
    reads: tuple[Reads, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", tuple(_reads(term.clause) for _, term in self.terms))

    @classmethod
    def of(
        cls, planned: Sequence[Planned], kernel: Kernel, sharpness: float, root: float, body: float, soft: bool
    ) -> Bundle:
        """Of rules made of terms."""
        terms = [(number, term) for number, one in enumerate(planned) for term in one.terms]
        program = Program.of([(term.clause, term.scale) for _, term in terms], kernel, sharpness, body)
        stacked = tuple(terms[number] for number in program.order)
        if len(terms) == len(planned):
            planned = [planned[number] for number, _ in stacked]
            stacked = tuple((number, term) for number, (_, term) in enumerate(stacked))
        return cls(tuple(one.rule.id for one in planned), stacked, program, root, soft)

    def measure(self, views: Views, runs: int) -> Measured:
        """Of every rule and run."""
        facts = views[""].facts
        read = [_read(base, views) for base in self.program.bases]
        holes = padded(facts.objects)
        sums = self.program(read, facts.objects, holes)
        totals = sums.sum(1, keepdim=True) if runs == 1 else sums.reshape(len(sums), runs, -1).sum(2)
        means = totals / self._valid(views, runs, holes, sums.dtype)
        if self.root != 1:
            means = (means + TINY) ** (1 / self.root)
        given = {
            source
            for source, number in zip(self.program.sources, self.program.tensors, strict=True)
            if read[number].dtype == torch.bool
        }
        weights = [self._weight(term, given) for _, term in self.terms]
        if len(self.terms) == len(self.rules) and set(weights) == {1.0}:
            return Measured(self.rules, means)
        owner = torch.tensor([number for number, _ in self.terms], device=means.device)
        weighted = means * torch.tensor(weights, dtype=means.dtype, device=means.device)[:, None]
        return Measured(self.rules, weighted.new_zeros(len(self.rules), runs).index_add(0, owner, weighted))

    def _valid(self, views: Views, runs: int, holes: bool, kind: torch.dtype) -> Tensor:
        """(terms, runs or 1), at least 1: how many groundings each term has."""
        objects, axes = views[""].facts.objects, [term.clause.variables for _, term in self.terms]
        if not holes:
            each = [float(max(1, len(objects) // runs * perm(objects.shape[1], k))) for k in axes]
            found = torch.tensor(each, dtype=kind, device=objects.device)[:, None]
        else:
            count = {k: _groundings(objects, k, runs) for k in set(axes)}
            found = torch.stack([count[k] for k in axes]).to(kind)
        if not any(self.reads):
            return found
        asked = {(k, reads): _asked(k, reads, views, runs) for k, reads in zip(axes, self.reads, strict=True) if reads}
        rows = [
            found[number].expand(runs) if (some := asked.get((k, reads))) is None else some.to(kind)
            for number, (k, reads) in enumerate(zip(axes, self.reads, strict=True))
        ]
        return torch.stack(rows)

    def pulls(self, rule: str, views: Views) -> tuple[float, float]:
        """The gradient of one rule's sums that reaches its negative and its positive literals, by absolute value."""
        terms = [(0, term) for number, term in self.terms if self.rules[number] == rule]
        clauses = [(term.clause, term.scale) for _, term in terms]
        program = Program.of(clauses, self.program.kernel, self.program.sharpness, self.program.body)
        read = [_read(base, views) for base in program.bases]
        objects = views[""].facts.objects
        return program.pulls(read, objects, padded(objects))

    def _weight(self, term: Term, given: set[Source]) -> float:
        """A clause in which everything is given is judged and cannot train."""
        if self.soft:
            return term.soft_weight
        silent = given and all(x.source in given for x in term.clause.literals)
        return 0.0 if silent else term.weight


@dataclass(frozen=True)
class Layout:
    """What one set of rules is computed by.

    planned: the rules that are read, in order. body: what the gradient of negative literals is multiplied by.
    soft: of violations, which are reported, and not of losses, which train.
    """

    planned: tuple[Planned, ...]
    semantics: Semantics
    sharpness: float
    body: float
    soft: bool
    bundles: tuple[Bundle, ...] = field(init=False)

    def __post_init__(self) -> None:
        made = []
        kernel = self.semantics.kernel(soft=self.soft)
        for backends, each, sharpness, root in (
            ((Backend.CLAUSES,), kernel, self.sharpness, self.semantics.root),
            ((Backend.CONSISTENCY, Backend.TWO_PASSES), ConsistencyKernel(self.soft), 1.0, 1.0),
            ((Backend.EXCLUSIVE,), CoherentKernel(self.soft), 1.0, 1.0),
        ):
            chosen = [one for one in self.planned if one.backend in backends]
            if chosen:
                assert each is not None
                body = self.body if backends[0] is Backend.CLAUSES else 1.0
                made.append(Bundle.of(chosen, each, sharpness, root, body, self.soft))
        object.__setattr__(self, "bundles", tuple(made))

    @property
    def trained(self) -> tuple[str, ...]:
        """The rules that a loss comes from, by id."""
        return tuple(one.rule.id for one in self.planned if one.backend is not Backend.NONE)

    def measure(self, views: Views, runs: int) -> list[Measured]:
        """Loss, or violation, of every rule that trains."""
        if not len(views[""].facts):
            trained = self.trained
            return [Measured(trained, nothing(views[""].facts).expand(len(trained), runs))] if trained else []
        found = [bundle.measure(views, runs) for bundle in self.bundles]
        for one in self.planned:
            if one.grounded is not None:
                found.append(self._grounded(one.rule.id, one.grounded, views, runs))
        return found

    def _grounded(self, rule: str, grounded: Grounded, views: Views, runs: int) -> Measured:
        sums, count = grounded.sums(self.semantics, views, self.sharpness, soft=self.soft)
        parts = sums if runs == 1 else sums.reshape(len(sums), runs, -1)
        if count is None:  # all groundings count, so many of each scene
            means = parts.mean(-1, keepdim=runs == 1)
            means = means / each if (each := views[""].facts.objects.shape[1] ** len(grounded.variables)) > 1 else means
        else:
            means = parts.sum(-1, keepdim=runs == 1) / count.reshape(runs, -1).sum(1).clamp(min=1)
        if self.semantics.root != 1:
            means = (means + TINY) ** (1 / self.semantics.root)
        return Measured((rule,), means if len(means) == 1 else means.mean(0, keepdim=True))


def nothing(facts: Facts) -> Tensor:
    """Scalar 0 that hangs on all log-odds, so that it can be trained on."""
    said = (value.sum() * 0 for value in facts.values.values() if value.is_floating_point())
    return sum(said, torch.zeros((), device=facts.objects.device))


def _read(source: Source, views: Views) -> Tensor:
    """(B, N, ..., N): log-odds, or bool where it is given; of an atom as a network said it, one axis an argument.

    One axis a variable where it stands beside a comparison: it says there what it says of what is not known.
    """
    view, variables = views[source.view], tuple(LETTERS[: source.arity])
    formula, size = source.formula, view.facts.objects.shape[1]
    shape = (len(view.facts),) + (size,) * source.arity
    if isinstance(formula, Atom):
        value = view.facts.values[formula.predicate]
        if not source.beside:
            return value
        value = place(value, formula.arguments, variables)
    elif source.known:
        value = view.known(formula, variables)
    else:
        value = comparison(formula, variables, view)
    if source.beside:
        known = reduce(torch.logical_and, (views[name].known(other, variables) for name, other in source.beside))
        sure = source.said if value.dtype == torch.bool else SURE if source.said else -SURE
        value = torch.where(known, value, sure)
    return value.expand(shape)


def _reads(clause: Clause) -> Reads:
    """The comparisons, in the letters of the clause's axes."""
    found: dict[tuple[str, Compare], None] = {}
    for literal in clause.literals:
        letters = {LETTERS[rank]: LETTERS[axis] for rank, axis in enumerate(literal.axes)}
        for view, one in literal.reads:
            renamed = rename(one, letters)
            assert isinstance(renamed, Compare)
            found[view, renamed] = None
    return tuple(found)


def _asked(variables: int, reads: Reads, views: Views, runs: int) -> Tensor | None:
    """(runs,) int64, at least 1: at how many groundings all of the comparisons are known.

    None where they are everywhere, as far as that can be said without a wait for the device.
    """
    names = tuple(LETTERS[:variables])
    facts = views[""].facts
    ready = not torch.compiler.is_compiling() and facts.objects.device.type == "cpu"
    if ready and all(bool(views[view].known(one, names).all()) for view, one in reads):
        return None
    counts = []
    for some in parts_of(views, variables):
        valid = some[""].groundings(variables)
        for view, one in reads:
            valid = valid & some[view].known(one, names)
        counts.append(valid.reshape(len(valid), -1).sum(1))
    return torch.cat(counts).reshape(runs, -1).sum(1).clamp(min=1)


def _groundings(objects: Tensor, variables: int, runs: int) -> Tensor:
    """(runs,) float64, at least 1: number of ways in which distinct objects can stand for so many variables."""
    real = objects.sum(1, dtype=torch.float64)
    ways = torch.ones_like(real)
    for taken in range(variables):
        ways = ways * (real - taken).clamp(min=0)
    return ways.reshape(runs, -1).sum(1).clamp(min=1)
