"""Clauses of one pattern computed as one: their factors are gathered from rows of numbers, one row a literal.

Clauses over at most two objects are read in full, over three by the kernel's ``triple``; over more, the first variable
is set to one object after the other, and each time a clause over one variable less remains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import combinations
from typing import TypeAlias

import torch
from torch import Tensor

from rulekd.constraints.clause import Axes
from rulekd.constraints.kernel import Kernel, room


@dataclass(frozen=True)
class Numbers:
    """The numbers of all literals in some scenes.

    tables: by arity (rows, B, N, ..., N). batch, size: B and N. blank: for a number of axes the factor (B, N, ..., N)
    of no literal, which knows where no grounding is.
    """

    tables: Mapping[int, Tensor]
    batch: int
    size: int
    blank: Callable[[int], Tensor]

    def shape(self, axes: int) -> tuple[int, ...]:
        """Of one factor."""
        return (self.batch,) + (self.size,) * axes

    @cached_property
    def each(self) -> dict[int, tuple[Tensor, ...]]:
        """By arity each row (1, B, N, ..., N) of its table."""
        return {arity: table[:, None].unbind(0) for arity, table in self.tables.items()}


#: Slopes of factors that were made with the sums, by the number of the first of some clauses.
Kept: TypeAlias = dict[int, dict[Axes, Tensor]]

#: Numbers of one factor that are held at once: one megabyte.
BLOCK = 2**18

#: The same of clauses that are listed in full, which gain little from being stacked: gathering is a copy.
FLAT_BLOCK = 2**15


@dataclass(frozen=True)
class Stack:
    """R clauses of one pattern.

    pattern: the axes of each literal, ascending. rows: (R, literals), the row of each among those of its arity.
    first: number of the first clause among all of a program. scale: a factor of every sum of literals.
    parts: for each factor the literals that are joined in it: those over fewer objects go into the first that fits.
    """

    variables: int
    pattern: tuple[Axes, ...]
    rows: tuple[tuple[int, ...], ...]
    first: int
    scale: float = 1.0
    parts: dict[Axes, tuple[int, ...]] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        full = tuple(range(self.variables))
        if self.variables < 3 or (self.variables == 3 and full in self.pattern):
            wanted: tuple[Axes, ...] = (full,)
        else:
            wanted = tuple(combinations(full, 2)) + tuple(sorted({axes for axes in self.pattern if len(axes) > 2}))
        found: dict[Axes, list[int]] = {axes: [] for axes in wanted}
        for slot, axes in enumerate(self.pattern):
            home = axes if axes in found else next(target for target in wanted if set(axes) <= set(target))
            found[home].append(slot)
        object.__setattr__(self, "parts", {axes: tuple(slots) for axes, slots in found.items()})

    @cached_property
    def _index(self) -> Callable[[torch.device], Tensor]:
        """``rows`` on a device; copied there once, since each copy waits for all that the device has to do."""
        here = torch.tensor(self.rows, dtype=torch.long).reshape(len(self.rows), len(self.pattern))
        return lru_cache(here.to)

    def sums(self, kernel: Kernel, numbers: Numbers, keep: Kept | None = None) -> Tensor:
        """(R, B): of each clause and scene the sum over all groundings. keep: takes slopes."""
        found = []
        for rows in self._chunks(numbers):
            factors = {axes: self._factor(kernel, axes, rows, numbers) for axes in self.parts}
            if keep is not None and self.contracted:
                sums, slopes = kernel.triple_with_slopes(*_pairs(factors))
                keep[self.first + rows.start] = _unpaired(slopes, factors)
                found.append(sums.reshape(rows.stop - rows.start, -1))
            else:
                found.append(sums_of(kernel, factors, self.variables))
        return torch.cat(found) if len(found) > 1 else found[0]

    @property
    def contracted(self) -> bool:
        """Is it computed from three factors over two objects each?"""
        return self.variables == 3 and len(self.parts) == 3

    def add_slopes_(self, kernel: Kernel, numbers: Numbers, upstream: Tensor, into: Numbers, kept: Kept) -> None:
        """In place, the gradient of sum(upstream * sums) is added to the tables of ``into``. kept: by ``sums``."""
        weights = upstream if self.scale == 1 else upstream * self.scale
        for rows in self._chunks(numbers):
            slopes = kept.get(self.first + rows.start) or self._slopes(kernel, rows, numbers)
            weight = weights[rows]
            for axes, slots in self.parts.items():
                if not slots:
                    continue
                slope = slopes[axes] * weight.reshape(*weight.shape, *(1,) * len(axes))
                laid = self._laid(axes, rows, numbers)
                for number, slot in enumerate(slots):
                    own = self.pattern[slot]
                    if own == axes and rows.stop - rows.start == 1:
                        kernel.pull_(into.each[len(own)][self.rows[rows.start][slot]], slope, laid, number)
                        continue
                    part = kernel.unjoin(slope, laid, number)
                    part = part.expand(rows.stop - rows.start, *numbers.shape(len(axes)))
                    others = tuple(place + 2 for place, axis in enumerate(axes) if axis not in own)
                    part = part.sum(others) if others else part
                    table = into.tables[len(own)]
                    table.index_add_(0, self._index(table.device)[rows, slot], part)

    def _slopes(self, kernel: Kernel, rows: slice, numbers: Numbers) -> dict[Axes, Tensor]:
        """Of the factors; where the value is their product its slope in the only one is 1."""
        if kernel.multiplies and len(self.parts) == 1:
            return {axes: kernel.flat_slopes(numbers.blank(len(axes))[None]) for axes in self.parts}
        factors = {axes: self._factor(kernel, axes, rows, numbers) for axes in self.parts}
        return _slopes(kernel, factors, self.variables)

    def _chunks(self, numbers: Numbers) -> Iterator[slice]:
        largest = max(math.prod(numbers.shape(len(axes))) for axes in self.parts)
        device = next(iter(numbers.tables.values())).device
        step = max(1, room(FLAT_BLOCK if len(self.parts) == 1 else BLOCK, device) // max(largest, 1))
        for first in range(0, len(self.rows), step):
            yield slice(first, min(first + step, len(self.rows)))

    def _factor(self, kernel: Kernel, axes: Axes, rows: slice, numbers: Numbers) -> Tensor:
        laid = self._laid(axes, rows, numbers)
        joined = laid[0] if len(laid) == 1 else kernel.join(laid)
        joined = joined.expand(rows.stop - rows.start, *numbers.shape(len(axes)))
        return joined if self.scale == 1 else joined * self.scale

    def _laid(self, axes: Axes, rows: slice, numbers: Numbers) -> list[Tensor]:
        """The parts of a factor along its axes, (R, B, ..)."""
        laid = []
        for slot in self.parts[axes]:
            own = self.pattern[slot]
            if rows.stop - rows.start == 1:
                part = numbers.each[len(own)][self.rows[rows.start][slot]]
            else:
                table = numbers.tables[len(own)]
                part = table.index_select(0, self._index(table.device)[rows, slot])
            laid.append(part if own == axes else lay(part, own, axes))
        if not any(self.pattern[slot] == axes for slot in self.parts[axes]):
            laid.append(numbers.blank(len(axes))[None])  # what is no grounding must be known here as well
        return laid


def sums_of(kernel: Kernel, factors: Mapping[Axes, Tensor], variables: int) -> Tensor:
    """(R, B)."""
    full = tuple(range(variables))
    if full in factors:
        if len(factors) == 1:
            return kernel.flat(factors[full])
        return kernel.flat(kernel.join([lay(factor, axes, full) for axes, factor in factors.items()]))
    if variables == 3:
        rows, batch = next(iter(factors.values())).shape[:2]
        return kernel.triple(*_pairs(factors)).reshape(rows, batch)
    size = next(iter(factors.values())).shape[-1]
    return torch.stack([sums_of(kernel, _fixed(kernel, factors, a)[0], variables - 1) for a in range(size)]).sum(0)


def _slopes(kernel: Kernel, factors: Mapping[Axes, Tensor], variables: int) -> dict[Axes, Tensor]:
    """The slopes of ``sums_of`` in each factor."""
    full = tuple(range(variables))
    if full in factors:
        if len(factors) == 1:
            return {full: kernel.flat_slopes(factors[full])}
        laid = [lay(factor, axes, full) for axes, factor in factors.items()]
        return _unjoined(kernel, kernel.flat_slopes(kernel.join(laid)), laid, list(factors), factors)
    if variables == 3:
        return _unpaired(kernel.triple_slopes(*_pairs(factors)), factors)
    made = {axes: torch.zeros_like(factor, memory_format=torch.contiguous_format) for axes, factor in factors.items()}
    for a in range(next(iter(factors.values())).shape[-1]):
        rest, homes = _fixed(kernel, factors, a)
        inner = _slopes(kernel, rest, variables - 1)
        for home, names in homes.items():
            cut = {axes: factors[axes].select(2, a) if axes[0] == 0 else factors[axes] for axes in names}
            laid = [lay(cut[axes], _without_first(axes), home) for axes in names]
            for axes, slope in _unjoined(kernel, inner[home], laid, names, cut).items():
                (made[axes].select(2, a) if axes[0] == 0 else made[axes]).add_(slope)
    return made


def _unjoined(
    kernel: Kernel, slopes: Tensor, laid: Sequence[Tensor], names: Sequence[Axes], shaped: Mapping[Axes, Tensor]
) -> dict[Axes, Tensor]:
    """The slopes of the parts of a joined factor, each shaped as it is in ``shaped``."""
    found = {}
    shape = tuple(max(sizes) for sizes in zip(*(one.shape for one in laid), strict=True))
    for number, axes in enumerate(names):
        part = kernel.unjoin(slopes, laid, number).expand(shape)
        others = tuple(place for place in range(2, part.dim()) if laid[number].shape[place] != part.shape[place])
        found[axes] = (part.sum(others) if others else part).reshape(shaped[axes].shape)
    return found


def _pairs(factors: Mapping[Axes, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    ab, ac, bc = (factors[axes].flatten(0, 1) for axes in sorted(factors))
    return ab, ac, bc


def _unpaired(slopes: Sequence[Tensor], factors: Mapping[Axes, Tensor]) -> dict[Axes, Tensor]:
    return {axes: slope.reshape(factors[axes].shape) for axes, slope in zip(sorted(factors), slopes, strict=True)}


def _fixed(kernel: Kernel, factors: Mapping[Axes, Tensor], a: int) -> tuple[dict[Axes, Tensor], dict[Axes, list[Axes]]]:
    """The factors of the clause in which the first variable stands for object ``a``, and what each is made of."""
    homes: dict[Axes, list[Axes]] = {}
    left = [axes for axes in factors if axes[0] != 0]
    for axes in left:
        homes[_without_first(axes)] = [axes]
    for axes in factors:
        if axes[0] == 0:
            rest = _without_first(axes)
            home = rest if rest in homes else next(wide for wide in homes if set(rest) <= set(wide))
            homes[home].append(axes)
    joined = {}
    for home, names in homes.items():
        cut = [factors[axes].select(2, a) if axes[0] == 0 else factors[axes] for axes in names]
        joined[home] = kernel.join([lay(f, _without_first(axes), home) for f, axes in zip(cut, names, strict=True)])
    return joined, homes


def _without_first(axes: Axes) -> Axes:
    """What the axes are called once the first variable of the clause is set."""
    return tuple(axis - 1 for axis in axes if axis != 0)


def lay(factor: Tensor, axes: Axes, along: Axes) -> Tensor:
    """(R, B, ..) over ``axes`` laid along more axes, of size 1 where it does not speak of one."""
    sizes = iter(factor.shape[2:])
    return factor.reshape(*factor.shape[:2], *(next(sizes) if axis in axes else 1 for axis in along))
