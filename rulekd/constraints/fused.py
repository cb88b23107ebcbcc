"""The sums of a program as plain tensor code, which ``torch.compile`` fuses where it would only call an operator.

Of products alone: their sum over a third object is a matrix product, so that n^3 numbers are never made. Values and
gradients are those of ``Program.sums``.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from rulekd.constraints.kernel import Kernel
from rulekd.constraints.stacks import Stack, lay, sums_of
from rulekd.truth import real_groundings

#: Clauses that are written out one by one; more would be compiled for minutes.
MOST = 64


def fusible(kernel: Kernel, stacks: tuple[Stack, ...]) -> bool:
    """Can it be written out?"""
    few = sum(len(stack.rows) for stack in stacks) <= MOST
    return kernel.multiplies and few and all(stack.variables <= 3 and stack.scale == 1 for stack in stacks)


def literal(z: Tensor, turned: float, body: float, kernel: Kernel, valid: Tensor | None) -> Tensor:
    """(B, N, ..., N): the numbers of one literal; z: log-odds, or bool for what is given. valid: None = everywhere."""
    if z.dtype == torch.bool:
        true, false = kernel.given
        held = z if turned * kernel.sense > 0 else ~z
        number = torch.where(held, true, false)
    else:
        z = z.float() if z.dtype.itemsize < 4 else z
        z = z if valid is None else torch.where(valid, z, 0.0)  # what is not asked may be NaN, and so its slope
        z = z if body == 1 else z.detach().lerp(z, body)
        number = kernel.number(z * turned)
    return number if valid is None else torch.where(valid, number, kernel.invalid)


def sums(kernel: Kernel, stacks: tuple[Stack, ...], rows: dict[int, list[Tensor]], objects: Tensor) -> Tensor:
    """(clauses, B). rows: by arity the numbers of each literal; objects: (B, N) bool."""
    batch, size = objects.shape
    found = []
    for stack in stacks:
        for row in stack.rows:
            factors = {}
            for axes, slots in stack.parts.items():
                laid = [
                    lay(rows[len(stack.pattern[slot])][row[slot]][None], stack.pattern[slot], axes) for slot in slots
                ]
                if not any(stack.pattern[slot] == axes for slot in slots):
                    laid.append(real_groundings(objects, len(axes))[None].to(next(iter(rows.values()))[0].dtype))
                factors[axes] = reduce(torch.mul, laid).expand(1, batch, *(size,) * len(axes))
            found.append(sums_of(kernel, factors, stack.variables))
    return torch.cat(found)
