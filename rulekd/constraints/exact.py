"""Exact semantics of small groups: how likely is the formula, if its atoms were independent? (Semantic loss.)

Reported:  v = 1 - W,    trained:  -log W,    W = sum over models m of prod_{i in m} P_i prod_{i not in m} (1 - P_i),

where a model is an assignment of true and false to the atoms that makes the formula true: all are listed, at most
2^12. From log-odds, W is the log-sum-exp of a matrix of models times log-literals; its gradient in the log-odds of an
atom is P_i - P(i | the formula): towards what the atom would be believed if the formula were known. Alive at +-120.
The models of "exactly one of n" are n, and need no list: W = prod_i (1 - P_i) sum_i P_i / (1 - P_i).

It fits groups of atoms that constrain each other tightly (exactly one of n, a small CNF). It reads a rule as a whole,
so equivalences and counts as well. Where atoms depend on each other in truth it believes in products, as the product
semantics does: honest doubt costs something, 0.6 and 0.6 with a head of 0.4 costs -log(1 - 0.22).

(Xu, Zhang, Friedman, Liang, Van den Broeck 2018: A semantic loss function for deep learning with symbolic knowledge.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg.formulas import (
    And,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Same,
    Under,
    children,
    quantified,
    walk,
)
from rulekd.constraints.consistency import GIVEN
from rulekd.constraints.kernel import unrounded
from rulekd.constraints.literals import Disjunction, Reader
from rulekd.constraints.semantics import Semantics

LN2: Final = math.log(2)

#: Atoms of one group; beyond, circuits would win. Of "exactly one" more do: only their product must not vanish.
MOST, MOST_ONE = 12, 100

Leaf = tuple[str, Atom | Compare | Same]


@dataclass(frozen=True)
class Exact(Semantics):
    """The number of a grounding is -log W."""

    # By the identity of a disjunction, since to hash a CNF takes longer than to read it; it is held, and stays itself.
    _listed: dict[int, tuple[Disjunction, tuple[Leaf, ...], Tensor | None]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __getstate__(self) -> dict[str, Any]:
        """A copy reads disjunctions of its own, and lists them itself."""
        return {"_listed": {}}

    @property
    def whole(self) -> bool:
        return True

    def refuses(self, formula: Formula) -> str:
        if quantified(formula):
            return "exact semantics reads small groups, and no quantifiers"
        if (one := _one_of((("", formula),))) and len(one) <= MOST_ONE:
            return ""
        atoms = {inner for inner in walk(formula) if isinstance(inner, Atom | Compare | Same)}
        if len(atoms) > MOST:
            return f"it has {len(atoms)} atoms; exact semantics lists the models of {MOST} at most"
        if isinstance(formula, Under):
            return ""
        if not len(models((("", formula),))[1]):
            return "no answer makes it true"
        return ""

    def held(self, part: Disjunction) -> int:
        leaves, bits = self._models(part)
        return len(leaves if bits is None else bits)

    def degree(self, part: Disjunction, variables: tuple[str, ...], reader: Reader) -> Tensor:
        leaves, bits = self._models(part)
        read = [reader.read(leaf, variables, view) for view, leaf in leaves]
        odds = [torch.where(z, GIVEN, -GIVEN).to(reader.dtype) if z.dtype == torch.bool else z for z in read]
        if any(z.shape != odds[0].shape for z in odds):  # a set of shapes would pin each size of a compiled graph
            shape = torch.broadcast_shapes(*(z.shape for z in odds))  # type: ignore[no-untyped-call] # torch's own
            odds = [z.expand(shape) for z in odds]
        stacked = torch.stack(odds)
        flat = stacked.flatten(1) if stacked.dim() > 2 else stacked
        mass: Tensor
        if bits is None:
            mass = _LogMassOfOne.apply(flat)  # type: ignore[no-untyped-call] # torch's own
        else:
            bits = bits if bits.dtype == flat.dtype else bits.sign().to(flat.dtype) / LN2
            mass = _LogMass.apply(bits.to(flat.device), flat)  # type: ignore[no-untyped-call] # torch's own
        return mass.reshape(stacked.shape[1:]) if stacked.dim() > 2 else mass

    def _models(self, part: Disjunction) -> tuple[tuple[Leaf, ...], Tensor | None]:
        """The atoms, and all models as ``_LogMass`` takes them, float32; None = exactly one of the atoms holds."""
        if id(part) not in self._listed:
            leaves, bits = _one_of(part), None
            if not leaves:
                leaves, chosen = models(part)
                signs = torch.tensor([1 / LN2] * len(leaves) + [-1 / LN2] * len(leaves))
                bits = torch.from_numpy(chosen) * signs
            self._listed[id(part)] = part, leaves, bits
        return self._listed[id(part)][1:]

    def loss(self, truth: Tensor) -> Tensor:
        return truth

    def violation(self, truth: Tensor) -> Tensor:
        return -torch.expm1(-truth)


class _LogMass(torch.autograd.Function):
    """-log W (G,) of log-odds z (m, G). bits: (K, 2m), for each model 1 / ln 2 at what is true, -1 / ln 2 at the rest.

    With c_k the sum of |z_i| over the atoms in which model k differs from what each of them rather is,

        W = prod_i sigmoid(|z_i|) sum_k exp(-c_k):

    all terms have one sign, so that nothing cancels, and the product of at most 12 halves does not vanish.
    Powers of 2 take a third of the time of exp.
    """

    @staticmethod
    def forward(ctx: Any, bits: Tensor, odds: Tensor) -> Tensor:
        chance = odds.sigmoid()
        atoms = len(odds)
        signed = odds.new_empty(2 * atoms, odds.shape[1])  # what is against "true" and "false", up to its sign
        torch.clamp(odds, -GIVEN, 0, out=signed[:atoms])  # beyond, value and gradient are those of the bounds
        torch.clamp(odds, 0, GIVEN, out=signed[atoms:])
        with unrounded(odds.device):
            parts = bits @ signed
        top = parts.amax(0)
        whole = parts.sub_(top).exp2_().sum(0)
        ctx.save_for_backward(chance, parts, whole, bits)
        rather = torch.maximum(chance, 1 - chance).prod(0)
        return top.add_(rather.mul_(whole).log2_()).mul_(-LN2).clamp_(min=0)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor]:
        chance, parts, whole, bits = ctx.saved_tensors
        with unrounded(upstream.device):
            believed = bits[:, : len(chance)].T @ parts  # over ln 2: in each atom, if the formula were known
        return None, torch.sub(chance, believed.div_(whole * (1 / LN2)), out=believed).mul_(upstream)


class _LogMassOfOne(torch.autograd.Function):
    """-log W (G,) of "exactly one" of log-odds z (m, G).

    With t the largest,  -log W = sum_i max(z_i, 0) - t - log (prod_i sigmoid(|z_i|) sum_i exp(z_i - t)),  and its slope
    is sigmoid(z) - softmax(z).
    """

    @staticmethod
    def forward(ctx: Any, odds: Tensor) -> Tensor:
        chance = odds.sigmoid()
        bounded = odds.clamp(-GIVEN, GIVEN)
        top = bounded.amax(0)
        shares = (bounded - top).exp_()
        whole = shares.sum(0)
        ctx.save_for_backward(chance, shares, whole)
        rather = torch.maximum(chance, 1 - chance).prod(0)
        mass: Tensor = bounded.clamp_(min=0).sum(0).sub_(top).sub_(rather.mul_(whole).log_()).clamp_(min=0)
        return mass

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        chance, shares, whole = ctx.saved_tensors
        slope: Tensor = (chance - shares / whole).mul_(upstream)
        return slope


def _one_of(part: Disjunction) -> tuple[Leaf, ...]:
    """The atoms, where the formula says that exactly one of them holds; empty where it says anything else."""
    match part:
        case ((view, ExactlyOne(parts)),) if all(isinstance(inner, Atom | Compare | Same) for inner in parts):
            leaves = tuple((view, inner) for inner in parts if isinstance(inner, Atom | Compare | Same))
            return leaves if len(set(leaves)) == len(leaves) else ()
    return ()


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
