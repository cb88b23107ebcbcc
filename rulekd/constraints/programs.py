"""From logits to the sum of each clause over the groundings of each scene, forwards and backwards.

A program is one node of the graph, and for ``torch.compile`` two custom operators, ``sums`` and ``gradients``, that it
meets whole. Numbers of literals are made for some scenes at a time, in memory that is asked for once a pass (to ask
for it anew costs more than to fill it). Where they are many, nothing but the logits is kept between the passes, and
they are made twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kg.formulas import Atom
from rulekd.constraints.clause import LETTERS, Axes, Clause, Literal, Source
from rulekd.constraints.fused import fusible, literal, sums
from rulekd.constraints.kernel import Kernel, room
from rulekd.constraints.stacks import Kept, Numbers, Stack
from rulekd.truth import place, real_groundings

#: Numbers of literals that are held at once: two megabytes.
BLOCK = 2**19

#: Numbers and slopes that are kept from the forward to the backward pass if there are no more: 32 megabytes.
KEPT = 2**23

#: Numbers of which a copy is made: half a megabyte.
SOME = 2**17


@dataclass(frozen=True)
class Row:
    """One literal's row: which source, its sign, and the log-odds that it is multiplied by."""

    source: int
    positive: bool


@dataclass(eq=False)
class Program:
    """Clauses of one semantics, stacked by pattern.

    sharpness: log-odds are multiplied by it. body: the gradient of negative literals is. sources: what is read. bases:
    one source for each tensor that is read; tensors: the number of each source's; orders: of its axes. rows: by arity
    the literals. order: the number of each clause, in the order in which they are stacked and computed.
    """

    kernel: Kernel
    sharpness: float
    body: float
    sources: tuple[Source, ...]
    rows: dict[int, tuple[Row, ...]]
    stacks: tuple[Stack, ...]
    order: tuple[int, ...]
    handle: str = field(init=False)
    bases: tuple[Source, ...] = field(init=False)
    tensors: tuple[int, ...] = field(init=False)
    orders: tuple[tuple[int, ...] | None, ...] = field(init=False)

    @classmethod
    def of(
        cls, clauses: Sequence[tuple[Clause, float]], kernel: Kernel, sharpness: float, body: float = 1.0
    ) -> Program:
        """Stack clauses, each with a factor of its sum of literals."""
        sources: dict[Source, int] = {}
        rows: dict[int, dict[tuple[Source, bool], int]] = {}

        def row(literal: Literal) -> int:
            sources.setdefault(literal.source, len(sources))
            table = rows.setdefault(len(literal.axes), {})
            return table.setdefault((literal.source, literal.positive), len(table))

        alike: dict[tuple[int, tuple[Axes, ...], float], list[int]] = {}
        for number, (clause, scale) in enumerate(clauses):
            alike.setdefault((clause.variables, clause.pattern, scale), []).append(number)
        stacks: list[Stack] = []
        order: list[int] = []
        for (variables, pattern, scale), numbers in alike.items():
            index = tuple(tuple(row(literal) for literal in clauses[n][0].literals) for n in numbers)
            stacks.append(Stack(variables, pattern, index, len(order), scale))
            order += numbers
        made = {arity: tuple(Row(sources[s], positive) for s, positive in table) for arity, table in rows.items()}
        return cls(kernel, sharpness, body, tuple(sources), made, tuple(stacks), tuple(order))

    def __post_init__(self) -> None:
        base = [
            (x.formula.predicate, x.view) if isinstance(x.formula, Atom) and not x.beside else x for x in self.sources
        ]
        once = list(dict.fromkeys(base))
        self.bases = tuple(self.sources[base.index(one)] for one in once)
        self.tensors = tuple(map(once.index, base))
        self.orders = tuple(map(_order, self.sources))
        self.handle = str(next(_NUMBERS))
        _PROGRAMS[self.handle] = self

    def __call__(self, read: Sequence[Tensor], objects: Tensor, padded: bool) -> Tensor:
        """(clauses, B), in ``order``: sums over valid groundings. read: of each base its tensor, (B, N, ..., N); of
        an atom one axis an argument, of all else one axis a variable.

        objects: (B, N) bool. padded: is any of them False?
        """
        made: Tensor
        if torch.compiler.is_compiling():
            made = (
                self._fused(read, objects)
                if fusible(self.kernel, self.stacks)
                else _sums(list(read), objects, padded, self.handle)
            )
        else:
            made = _Sums.apply(self, objects, padded, *read)  # type: ignore[no-untyped-call] # torch's own
        return made

    def _fused(self, read: Sequence[Tensor], objects: Tensor) -> Tensor:
        placed, rows = self._placed(read), {}
        for arity, literals in self.rows.items():
            valid = real_groundings(objects, arity) if arity else None
            turned = self.kernel.sense * self.sharpness
            rows[arity] = [
                literal(
                    placed[row.source],
                    turned if row.positive else -turned,
                    1.0 if row.positive else self.body,
                    self.kernel,
                    valid,
                )
                for row in literals
            ]
        return sums(self.kernel, self.stacks, rows, objects)

    def sums(self, read: Sequence[Tensor], objects: Tensor, padded: bool, keep: list[Filled] | None = None) -> Tensor:
        """What ``__call__`` gives, without gradient. keep: takes numbers and slopes, where they are few."""
        parts = []
        placed = self._placed(read)
        slopes = 3 * objects.shape[1] ** 2 * sum(len(stack.rows) for stack in self.stacks if stack.contracted)
        few = keep is not None and (self._size(objects) + slopes) * len(objects) <= KEPT
        rooms = self._rooms(read, objects, len(objects) if few else self._step(objects))
        for scenes in self._chunks(objects):
            filled = self._fill(placed, objects, padded, scenes, rooms, scenes.start if few else 0)
            if few and keep is not None:
                keep.append(filled)
            kept = filled.slopes if few else None
            parts.append(torch.cat([stack.sums(filled.kernel, filled.numbers, kept) for stack in self.stacks]))
        return torch.cat(parts, 1) if len(parts) != 1 else parts[0]

    def gradients(
        self, read: Sequence[Tensor], objects: Tensor, padded: bool, upstream: Tensor, kept: Sequence[Filled] = ()
    ) -> list[Tensor]:
        """Of sum(upstream * sums) in each base, in its shape and dtype. kept: by ``sums``."""
        kind = _dtype(read)
        found = [torch.zeros(x.shape, dtype=kind, device=x.device) for x in read]
        into = self._placed(found)
        for scenes, row, slope in self._slopes(read, objects, padded, upstream, kept):
            into[row.source][scenes].add_(slope, alpha=self._sign(row))
        return [
            g if x.dtype == torch.bool or x.dtype == kind else g.to(x.dtype) for g, x in zip(found, read, strict=True)
        ]

    @torch.no_grad()
    def pulls(self, read: Sequence[Tensor], objects: Tensor, padded: bool) -> tuple[float, float]:
        """Sums of the absolute gradients that reach negative and positive literals, all clauses alike."""
        upstream = torch.ones(len(self.order), len(objects), dtype=_dtype(read), device=objects.device)
        found = {False: 0.0, True: 0.0}
        for _, row, slope in self._slopes(read, objects, padded, upstream):
            found[row.positive] += float(slope.abs().sum()) * abs(self._sign(row))
        return found[False], found[True]

    def _placed(self, read: Sequence[Tensor]) -> list[Tensor]:
        """For each source a view of its tensor, along the variables a, b, ..."""
        found = []
        for source, number, order in zip(self.sources, self.tensors, self.orders, strict=True):
            tensor = read[number]
            if order is not None:
                tensor = tensor.permute(order)
            elif (
                isinstance(source.formula, Atom) and not source.beside and len(source.formula.arguments) != source.arity
            ):
                tensor = place(tensor, source.formula.arguments, tuple(LETTERS[: source.arity]))
            found.append(tensor)
        return found

    def _sign(self, row: Row) -> float:
        """d filled / d log-odds, and what its slope is multiplied by."""
        turned = self.kernel.sense * self.kernel.factor * self.sharpness
        return turned if row.positive else -turned * self.body

    def _slopes(
        self,
        read: Sequence[Tensor],
        objects: Tensor,
        padded: bool,
        upstream: Tensor,
        kept: Sequence[Filled] = (),
    ) -> Iterator[tuple[slice, Row, Tensor]]:
        """For some scenes and one literal the gradient of sum(upstream * sums) in its log-odds, up to its sign.

        (scenes, N, ..., N); good until the next one is asked for.
        """
        placed, step = self._placed(read), self._step(objects)
        rooms = {} if kept else self._rooms(read, objects, step)
        slope_rooms = self._rooms(read, objects, step)
        for number, scenes in enumerate(self._chunks(objects)):
            filled = kept[number] if kept else self._fill(placed, objects, padded, scenes, rooms)
            kernel, numbers = filled.kernel, filled.numbers
            tables = {arity: _part(slope_rooms[arity], table.shape).zero_() for arity, table in numbers.tables.items()}
            slopes = Numbers(tables, numbers.batch, numbers.size, numbers.blank)
            for stack in self.stacks:
                weight = upstream[stack.first : stack.first + len(stack.rows), scenes]
                stack.add_slopes_(kernel, numbers, weight, slopes, filled.slopes)
            for arity, rows in self.rows.items():
                some = max(1, SOME * len(rows) // max(1, tables[arity].numel()))  # rows at once: a copy of them is made
                for first in range(0, len(rows), some):
                    kernel.slope_(tables[arity][first : first + some], numbers.tables[arity][first : first + some])
                for row, slope in zip(rows, tables[arity].unbind(0), strict=True):
                    if placed[row.source].dtype != torch.bool:
                        yield scenes, row, slope

    def _size(self, objects: Tensor) -> int:
        """Numbers of one scene."""
        return sum(len(rows) * objects.shape[1] ** arity for arity, rows in self.rows.items())

    def _step(self, objects: Tensor) -> int:
        """So many scenes at once."""
        return min(max(1, room(BLOCK, objects.device) // max(self._size(objects), 1)), max(1, len(objects)))

    def _chunks(self, objects: Tensor) -> Iterator[slice]:
        step = self._step(objects)
        for first in range(0, len(objects), step):
            yield slice(first, min(first + step, len(objects)))

    def _rooms(self, read: Sequence[Tensor], objects: Tensor, scenes: int) -> dict[int, Tensor]:
        """By arity, memory for the table of so many scenes."""
        size, kind = objects.shape[1], _dtype(read)
        return {
            arity: torch.empty(len(rows) * scenes * size**arity, dtype=kind, device=objects.device)
            for arity, rows in self.rows.items()
        }

    def _fill(
        self,
        placed: Sequence[Tensor],
        objects: Tensor,
        padded: bool,
        scenes: slice,
        rooms: dict[int, Tensor],
        first: int = 0,
    ) -> Filled:
        """The numbers of all literals in some scenes. first: of them in the rooms."""
        kernel = self.kernel.beside_given() if any(x.dtype == torch.bool for x in placed) else self.kernel
        if len(objects) != scenes.stop - scenes.start:
            objects = objects[scenes]
        batch, size = objects.shape
        tables = {}
        for arity, rows in self.rows.items():
            table = _part(rooms[arity][first * len(rows) * size**arity :], (len(rows), batch) + (size,) * arity)
            self._fill_(table, arity, [placed[row.source][scenes] for row in rows])
            tables[arity] = _excluded_(table, objects, padded, kernel.invalid)
        kind = next(iter(tables.values())).dtype

        def blank(axes: int) -> Tensor:
            made = torch.full((1, batch) + (size,) * axes, kernel.absent, dtype=kind, device=objects.device)
            return _excluded_(made, objects, padded, kernel.invalid)[0]

        return Filled(kernel, Numbers(tables, batch, size, lru_cache(blank)))

    def _fill_(self, table: Tensor, arity: int, sources: Sequence[Tensor]) -> None:
        """In place, (rows, B, N, ..., N): the numbers of literals, one of the given tensors each."""
        rows = self.rows[arity]
        given = [number for number, source in enumerate(sources) if source.dtype == torch.bool]
        turned = self.kernel.sense * self.sharpness
        for row, source, target in zip(rows, sources, table.unbind(0), strict=True):
            if source.dtype == table.dtype:
                torch.mul(source, turned if row.positive else -turned, out=target)
            else:
                target.copy_(source).mul_(turned if row.positive else -turned)
        self.kernel.fill(table)
        true, false = self.kernel.given
        for number in given:
            held = sources[number] == rows[number].positive
            table[number] = torch.where(held, true, false)


@dataclass(frozen=True)
class Filled:
    """The numbers of some scenes, the kernel that reads them, and slopes that were made with the sums."""

    kernel: Kernel
    numbers: Numbers
    slopes: Kept = field(default_factory=dict)


def _order(source: Source) -> tuple[int, ...] | None:
    """How the axes of its tensor are turned; None where they are not, or where an object stands twice."""
    letters = source.formula.arguments if isinstance(source.formula, Atom) and not source.beside else ()
    order = (0, *(1 + letters.index(x) for x in sorted(letters)))
    return None if len(letters) != source.arity or order == tuple(range(len(order))) else order


def _part(room: Tensor, shape: Sequence[int]) -> Tensor:
    """So much of the room, in that shape."""
    return room[: math.prod(shape)].view(shape)


def _excluded_(table: Tensor, objects: Tensor, padded: bool, value: float) -> Tensor:
    """In place, (rows, B, N, ..., N): where objects repeat or are padding, the value by which no clause is broken."""
    axes = table.dim() - 2
    if (padded and axes) or axes > 2:
        # a choice by the bits of the numbers takes a fifth of the time of masked_fill_, and a NaN is gone all the same
        whole = torch.int64 if table.dtype == torch.float64 else torch.int32
        bits = torch.full((), value, dtype=table.dtype, device=table.device).view(whole)
        valid = real_groundings(objects, axes)
        table.view(whole).bitwise_and_(torch.where(valid, -1, 0).to(whole)).bitwise_or_(torch.where(valid, 0, bits))
    elif axes == 2:
        table.diagonal(dim1=2, dim2=3).fill_(value)
    return table


_NUMBERS = count()

#: Custom operators take numbers, words and tensors only: a program is handed to them by its number, as a word, since
#: torch.compile takes a number that differs between two calls for one that may be any.
_PROGRAMS: WeakValueDictionary[str, Program] = WeakValueDictionary()


def _dtype(read: Sequence[Tensor]) -> torch.dtype:
    """float64 where anything is, else float32: 8 bits of mantissa cannot hold a sum of probabilities."""
    return torch.float64 if any(x.dtype == torch.float64 for x in read) else torch.float32


@torch.library.custom_op("rulekd::sums", mutates_args=())
def _sums(read: list[Tensor], objects: Tensor, padded: bool, handle: str) -> Tensor:
    return _PROGRAMS[handle].sums(read, objects, padded)


@torch.library.custom_op("rulekd::gradients", mutates_args=())
def _gradients(read: list[Tensor], objects: Tensor, padded: bool, handle: str, upstream: Tensor) -> list[Tensor]:
    return _PROGRAMS[handle].gradients(read, objects, padded, upstream)


@_sums.register_fake
def _(read: list[Tensor], objects: Tensor, padded: bool, handle: str) -> Tensor:
    return objects.new_empty(len(_PROGRAMS[handle].order), objects.shape[0], dtype=_dtype(read))


@_gradients.register_fake
def _(read: list[Tensor], objects: Tensor, padded: bool, handle: str, upstream: Tensor) -> list[Tensor]:
    kind = _dtype(read)
    return [x.new_empty(x.shape, dtype=kind if x.dtype == torch.bool else x.dtype) for x in read]


def _keep(ctx: Any, inputs: tuple[list[Tensor], Tensor, bool, str], output: Tensor) -> None:
    read, objects, ctx.padded, ctx.handle = inputs
    ctx.program = _PROGRAMS[ctx.handle]  # it must live until the backward pass, even if its constraints do not
    ctx.save_for_backward(objects, *read)


def _backward(ctx: Any, upstream: Tensor) -> tuple[list[Tensor], None, None, None]:
    objects, *read = ctx.saved_tensors
    return _gradients(read, objects, ctx.padded, ctx.handle, upstream), None, None, None


_sums.register_autograd(_backward, setup_context=_keep)


class _Sums(torch.autograd.Function):
    """What the operators compute, at a quarter of the cost of calling them."""

    @staticmethod
    def forward(ctx: Any, program: Program, objects: Tensor, padded: bool, *read: Tensor) -> Tensor:
        ctx.program, ctx.padded, ctx.kept = program, padded, []
        ctx.save_for_backward(objects, *read)
        return program.sums(read, objects, padded, ctx.kept if any(ctx.needs_input_grad) else None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        objects, *read = ctx.saved_tensors
        kept, ctx.kept = ctx.kept, []  # freed with the other tensors of the graph; a second pass makes them anew
        return None, None, None, *ctx.program.gradients(read, objects, ctx.padded, upstream, kept)
