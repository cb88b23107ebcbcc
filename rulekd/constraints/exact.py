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
        read = [reader.read(leaf, variables, view) for view, leaf in leaves]
        shape = tuple(max(sizes) for sizes in zip(*(z.shape for z in read), strict=True))
        odds = [torch.where(z, GIVEN, -GIVEN).to(reader.dtype) if z.dtype == torch.bool else z for z in read]
        stacked = torch.stack([z.expand(shape).reshape(-1) for z in odds])
        matrix = torch.as_tensor(chosen, dtype=stacked.dtype, device=stacked.device)
        mass: Tensor = _LogMass.apply(stacked, matrix)  # type: ignore[no-untyped-call] # torch's own
        return mass.reshape(shape)

    def loss(self, truth: Tensor) -> Tensor:
        return -truth

    def violation(self, truth: Tensor) -> Tensor:
        return -torch.expm1(truth)


class _LogMass(torch.autograd.Function):
    """log W (G,) of log-odds (m, G); models (K, 2m), columns "true" of all atoms, then "false" of all."""

    @staticmethod
    def forward(ctx: Any, odds: Tensor, matrix: Tensor) -> Tensor:
        odds = odds.clamp(-GIVEN, GIVEN)  # beyond, the value and the gradient are those of the limit
        sides = logsigmoid(torch.cat([odds, -odds]))
        with torch.autocast(odds.device.type, enabled=False):
            sums = matrix @ sides.mul_(1 / math.log(2))  # powers of 2 take a third of the time of exp
        top = sums.amax(0)
        parts = sums.sub_(top).exp2_()
        whole = parts.sum(0)
        ctx.save_for_backward(odds, parts, whole, matrix)
        return (top + whole.log2()).mul_(math.log(2)).clamp_(max=0)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        odds, parts, whole, matrix = ctx.saved_tensors
        with torch.autocast(upstream.device.type, enabled=False):
            believed = matrix[:, : len(odds)].T @ parts  # in each atom, if the formula were known
        return believed.div_(whole).sub_(odds.sigmoid()).mul_(upstream), None


@lru_cache(maxsize=2**12)
def models(part: Disjunction) -> tuple[tuple[Leaf, ...], NDArray[np.float32]]:
    """The atoms, and of every model a row: 1 for each atom that is true, then 1 for each that is false."""
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
    columns = [truths[leaf] for leaf in leaves] + [~truths[leaf] for leaf in leaves]
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
