"""Exact semantics of small groups: how likely is the formula, if its atoms were independent? (Semantic loss.)

Reported:  v = 1 - W,    trained:  -log W,    W = sum over models m of prod_{i in m} P_i prod_{i not in m} (1 - P_i),

where a model is an assignment of true and false to the atoms that makes the formula true: all are listed, at most
2^12. From log-odds, W is the log-sum-exp of a matrix of models times log-literals; its gradient in the log-odds of an
atom is P_i - P(i | the formula): towards what the atom would be believed if the formula were known. Alive at +-120.

It fits groups of atoms that constrain each other tightly (exactly one of n, a small CNF). It reads a rule as a whole,
so equivalences and counts as well. Where atoms depend on each other in truth it believes in products, as the product
semantics does: honest doubt costs something, 0.6 and 0.6 with a head of 0.4 costs -log(1 - 0.22).

(Xu, Zhang, Friedman, Liang, Van den Broeck 2018: A semantic loss function for deep learning with symbolic knowledge.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

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
    children,
    walk,
)
from rulekd.constraints.coherent import LIMIT
from rulekd.constraints.consistency import GIVEN
from rulekd.constraints.literals import Disjunction, Reader
from rulekd.constraints.semantics import Semantics

#: Atoms of one group; beyond, circuits would win.
MOST: Final = 12

Leaf = tuple[str, Atom | Compare | Same]


@dataclass(frozen=True)
class Exact(Semantics):
    """The number of a grounding is log W."""

    @property
    def whole(self) -> bool:
        return True

    def refuses(self, formula: Formula) -> str:
        if any(isinstance(inner, Exists | ForAll) for inner in walk(formula)):
            return "exact semantics reads small groups, and no quantifiers"
        atoms = {inner for inner in walk(formula) if isinstance(inner, Atom | Compare | Same)}
        if len(atoms) > MOST:
            return f"it has {len(atoms)} atoms; exact semantics lists the models of {MOST} at most"
        if isinstance(formula, Under):
            return ""
        if not len(models((("", formula),))[1]):
            return "no answer makes it true"
        return ""

    def held(self, part: Disjunction) -> int:
        return len(models(part)[1])

    def degree(self, part: Disjunction, variables: tuple[str, ...], reader: Reader) -> Tensor:
        leaves, chosen = models(part)
        sides: list[Tensor] = []
        for view, leaf in leaves:
            z = reader.read(leaf, variables, view)
            if z.dtype == torch.bool:
                z = torch.where(z, GIVEN, -GIVEN).to(reader.dtype)
            else:
                z = z + (z.clamp(-LIMIT, LIMIT) - z).detach()  # beyond the limit the gradient is that of the limit
            sides += [logsigmoid(z), logsigmoid(-z)]
        shape = tuple(max(sizes) for sizes in zip(*(side.shape for side in sides), strict=True))
        stacked = torch.stack([side.expand(shape).flatten() for side in sides])
        matrix = torch.as_tensor(chosen, dtype=stacked.dtype, device=stacked.device)
        mass: Tensor = _LogMass.apply(stacked, matrix)  # type: ignore[no-untyped-call] # torch's own
        return mass.reshape(shape).clamp(max=0)

    def loss(self, truth: Tensor) -> Tensor:
        return -truth

    def violation(self, truth: Tensor) -> Tensor:
        return -torch.expm1(truth)


class _LogMass(torch.autograd.Function):
    """log sum_k exp(sum_j M_kj x_j) of log-literals x (2m, G) and models M (K, 2m)."""

    @staticmethod
    def forward(ctx: Any, literals: Tensor, matrix: Tensor) -> Tensor:
        # powers of 2: torch computes them in a third of the time of exp
        with torch.autocast(literals.device.type, enabled=False):
            sums = matrix @ (literals / math.log(2))
        top = sums.amax(0)
        parts = sums.sub_(top).exp2_()
        whole = parts.sum(0)
        ctx.save_for_backward(parts, whole, matrix)
        return (top + whole.log2()) * math.log(2)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        parts, whole, matrix = ctx.saved_tensors
        with torch.autocast(upstream.device.type, enabled=False):
            return (matrix.T @ parts) * (upstream / whole), None


@lru_cache(maxsize=2**12)
def models(part: Disjunction) -> tuple[tuple[Leaf, ...], NDArray[np.float32]]:
    """The atoms, and of every model a row: 1 for "atom true" at 2i, for "atom false" at 2i + 1."""
    leaves = tuple(
        dict.fromkeys(
            (view, inner)
            for view, formula in part
            for inner in walk(formula)
            if isinstance(inner, Atom | Compare | Same)
        )
    )
    number = np.arange(2 ** len(leaves))
    truths = {leaf: (number >> place) & 1 == 1 for place, leaf in enumerate(leaves)}
    true = np.logical_or.reduce([_true(formula, view, truths) for view, formula in part])
    columns = [side for leaf in leaves for side in (truths[leaf], ~truths[leaf])]
    return leaves, np.stack(columns, 1)[true].astype(np.float32)


def _true(formula: Formula, view: str, truths: dict[Leaf, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """In which assignments the formula is true."""
    if isinstance(formula, Atom | Compare | Same):
        return truths[view, formula]
    parts = np.stack([_true(inner, view, truths) for inner in children(formula)])
    made: NDArray[np.bool_]
    match formula:
        case Not():
            made = ~parts[0]
        case And():
            made = np.logical_and.reduce(parts)
        case Or():
            made = np.logical_or.reduce(parts)
        case Implies():
            made = ~parts[0] | parts[1]
        case Iff():
            made = parts[0] == parts[1]
        case ExactlyOne():
            made = parts.sum(0) == 1
        case AtMostOne():
            made = parts.sum(0) <= 1
        case _:
            raise AssertionError(f"'{formula}' is no propositional formula")
    return made
