"""A large scene of which little is true: the same sums without a number for every pair of objects.

Over the n real objects of one scene a matrix is

    X_ac = S_ac + u_a v_c      (a, c distinct),

S sparse. A relation is S alone; a property of a is u, with v = 1; where a relation may be asked is u = v = 1 and S = -1
where it may not. Sums of products stay as cheap as what is true:

    sum X Y = sum S T + sum_ac S_ac w_a z_c + sum_ac T_ac u_a v_c + sum_a u_a w_a  sum_c v_c z_c - sum_a u_a v_a w_a z_a

for Y = T + w z. A graph of 3,000 entities and 12 relations has 104 million groundings of two objects, of which 28,000
are true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from torch import Tensor

from rulekd.extraction.counting.products import Described, Stack, patterns
from rulekd.facts import Facts

#: Objects of a scene from which on it is looked whether little is true, and the share of the groundings that little is.
LARGE, LITTLE = 128, 1 / 16

Vector = NDArray[np.float64]


def sparse(facts: Facts, predicates: Iterable[str] | None = None) -> bool:
    """Are these large scenes, of which little is true? predicates: those that are read; None = all.

    Only relations between two objects count; a scene without any is not large.
    """
    size = facts.objects.shape[1]
    names = [name for name in predicates or facts.values if facts.values[name].dim() == 3]
    if size < LARGE or not names:
        return False
    return all(facts.told(name) <= LITTLE * len(facts) * size**2 for name in names)


@dataclass(frozen=True)
class Plane:
    """One matrix over the pairs of distinct objects: ``sparse`` (n, n) without a diagonal, and u_a v_c, each (n,)."""

    sparse: csr_array
    u: Vector
    v: Vector

    @classmethod
    def of(cls, sparse: csr_array) -> Plane:
        """Sparse alone."""
        return cls(sparse, np.zeros(sparse.shape[0]), np.zeros(sparse.shape[0]))

    def __mul__(self, other: Plane) -> Plane:
        """Place by place."""
        both = self.sparse * other.sparse + _weighted(self.sparse, other.u, other.v)
        return Plane(csr_array(both + _weighted(other.sparse, self.u, self.v)), self.u * other.u, self.v * other.v)

    @property
    def flat(self) -> csr_array:
        """(n, n), every entry written out."""
        if not (self.u.any() and self.v.any()):
            return self.sparse
        written = np.outer(self.u, self.v)
        np.fill_diagonal(written, 0)
        return csr_array(self.sparse + csr_array(written))

    @property
    def turned(self) -> Plane:
        """The matrix with its objects exchanged."""
        return Plane(csr_array(self.sparse.T), self.v, self.u)


def _weighted(sparse: csr_array, u: Vector, v: Vector) -> csr_array:
    """S_ac u_a v_c."""
    if not (u.any() and v.any()):
        return csr_array(sparse.shape)
    made = sparse.copy()
    made.data = made.data * np.repeat(u, np.diff(made.indptr)) * v[made.indices]
    return made


def through(first: Plane, second: Plane) -> Plane:
    """sum_b X_ab Y_cb for a and c distinct; both are sparse alone."""
    ways = csr_array(first.sparse @ second.sparse.T)
    number = np.repeat(np.arange(ways.shape[0]), np.diff(ways.indptr))
    ways.data[number == ways.indices] = 0
    ways.eliminate_zeros()
    return Plane.of(ways)


class Read:
    """The real objects of one scene, and its predicates as planes. What is read once is kept beside the facts."""

    def __init__(self, facts: Facts) -> None:
        assert len(facts) == 1, "one scene at a time"
        self.facts = facts
        self.real = facts.objects[0].nonzero().flatten()
        self.size = len(self.real)

    def true(self, predicate: str) -> Plane:
        """Where a relation is true, and may be asked."""
        return Plane.of(self._relation(predicate, valid=False))

    def asked(self, predicate: str) -> Plane:
        """Where a relation may be asked."""
        return Plane(-self._relation(predicate, valid=True), self.ones, self.ones)

    def property(self, predicate: str, *, valid: bool) -> Vector:
        """(n,) where a property is true, and may be asked; or where it may be asked."""
        asked = self.facts.validity(predicate)
        held = asked if valid else asked & self.facts.crisp(predicate)
        return np.asarray(held[0, self.real].cpu().numpy(), dtype=np.float64)

    @cached_property
    def ones(self) -> Vector:
        """(n,)."""
        return np.ones(self.size)

    @cached_property
    def nothing(self) -> csr_array:
        """(n, n), empty."""
        return csr_array((self.size, self.size))

    def _relation(self, predicate: str, *, valid: bool) -> csr_array:
        """(n, n): where it is true; with ``valid``, where it may not be asked."""
        if valid and predicate not in self.facts.valid:
            return self.nothing
        number = self.facts.objects[0].long().cumsum(0) - 1
        rows, columns = number[self.facts.places(predicate, asked=not valid)[:, 1:]].cpu().numpy().T
        return csr_array((np.ones(len(rows)), (rows, columns)), shape=(self.size, self.size))


class Sparse(Stack):
    """K planes over the same n objects of one scene. rows: (K, n^2), row by row; u, v: (K, n)."""

    def __init__(self, rows: csr_array, u: Vector, v: Vector) -> None:
        self.rows, self.u, self.v = rows, u, v

    @classmethod
    def of(cls, planes: Sequence[Plane]) -> Sparse:
        """At least one plane."""
        size = len(planes[0].u)
        data, places, ends = [], [], [0]
        for plane in planes:
            part = plane.sparse.tocoo()
            data.append(part.data)
            places.append(part.row.astype(np.int64) * size + part.col)
            ends.append(ends[-1] + len(part.data))
        rows = csr_array(
            (np.concatenate(data), np.concatenate(places), np.array(ends)), shape=(len(planes), max(1, size) ** 2)
        )
        return cls(rows, np.stack([plane.u for plane in planes]), np.stack([plane.v for plane in planes]))

    def __len__(self) -> int:
        return len(self.u)

    def times(self, other: Stack) -> Tensor:
        """One product of sparse matrices, and the closed form of what is not sparse."""
        assert isinstance(other, Sparse), "stacks of one scene are of one kind"
        total = (other.rows @ self._upright).toarray().T
        total = total + self._along(other) + other._along(self).T
        total += (self.u @ other.u.T) * (self.v @ other.v.T) - (self.u * self.v) @ (other.u * other.v).T
        return torch.from_numpy(np.ascontiguousarray(total))[None]

    def at(self, other: Stack) -> Sparse:
        """(S + u v) (T + w z) = S T + S w z + T u v + (u w) (v z)."""
        assert isinstance(other, Sparse), "stacks of one scene are of one kind"
        both = csr_array(self.rows * other.rows) + self._scaled(other) + other._scaled(self)
        return Sparse(csr_array(both), self.u * other.u, self.v * other.v)

    def _scaled(self, other: Sparse) -> csr_array:
        """Its sparse entries times u_a v_c of the other."""
        row, column = self._where
        data = self.rows.data * other.u[self._number, row] * other.v[self._number, column]
        return csr_array((data, self.rows.indices, self.rows.indptr), shape=self.rows.shape)

    def take(self, chosen: Sequence[int]) -> Sparse:
        """Some of the planes."""
        index = np.asarray(chosen, dtype=np.int64)
        return Sparse(csr_array(self.rows[index]), self.u[index], self.v[index])

    def described(self) -> Described:
        """The same sums, of X = S + u v."""
        n, number, (row, column), data = self.u.shape[1], self._number, self._where, self.rows.data
        u, v = self.u, self.v

        def summed(values: Vector, *into: NDArray[np.int64]) -> Vector:
            """(K,) or (K, n) sums of values of the sparse entries."""
            if not into:
                return np.bincount(number, values, len(self)).astype(np.float64)
            return np.bincount(number * n + into[0], values, len(self) * n).reshape(len(self), n).astype(np.float64)

        diagonal = u * v
        rows = summed(data, row) + u * (v.sum(1, keepdims=True) - v)
        columns = summed(data, column) + v * (u.sum(1, keepdims=True) - u)
        squares = (u**2).sum(1) * (v**2).sum(1) - (diagonal**2).sum(1)
        equal = summed(data**2) + 2 * summed(data * u[number, row] * v[number, column]) + squares
        crossed = diagonal.sum(1) ** 2 - (diagonal**2).sum(1)
        reverse = summed(data * self._facing) + 2 * summed(data * u[number, column] * v[number, row]) + crossed
        most = u.max(1, initial=0) * v.max(1, initial=0)
        np.maximum.at(most, number, data + u[number, row] * v[number, column])
        tensors = [torch.from_numpy(part)[None] for part in (rows.sum(1), equal, reverse, rows, columns)]
        hub = torch.from_numpy((rows + columns).max(1, initial=0))[None]
        return Described(tensors[0], patterns(*tensors), torch.from_numpy(most)[None], hub)

    def renamed(self, generator: torch.Generator) -> Sparse:
        """The same entries, at other places."""
        n = self.u.shape[1]
        order = torch.randperm(n, generator=generator).numpy()
        row, column = self._where
        moved = csr_array((self.rows.data, order[row] * n + order[column], self.rows.indptr), shape=self.rows.shape)
        back = np.argsort(order)
        return Sparse(moved, self.u[:, back], self.v[:, back])

    @cached_property
    def _upright(self) -> csr_array:
        """(n^2, K)."""
        return csr_array(self.rows.T)

    @cached_property
    def _number(self) -> NDArray[np.int64]:
        """The plane of each sparse entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.rows.indptr))

    @cached_property
    def _where(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The two objects of each sparse entry."""
        row, column = np.divmod(self.rows.indices.astype(np.int64), max(1, self.u.shape[1]))
        return row, column

    @property
    def _facing(self) -> Vector:
        """The entry at the transposed place of each sparse entry, 0 where there is none."""
        n, (row, column) = self.u.shape[1], self._where
        mine, turned = ((self._number * n + one) * n + other for one, other in ((row, column), (column, row)))
        order = np.argsort(mine)
        place = order[np.searchsorted(mine, turned, sorter=order).clip(max=len(order) - 1)] if len(order) else order
        return np.asarray(np.where(mine[place] == turned, self.rows.data[place], 0.0), dtype=np.float64)

    def _along(self, other: Sparse) -> Vector:
        """(I, J): sum over the sparse entries of self, weighted by u_a v_c of the other."""
        row, column = self._where
        found: dict[bytes, Vector] = {}
        sums = np.zeros((len(self), len(other)))
        for place, (u, v) in enumerate(zip(other.u, other.v, strict=True)):
            if not (u.any() and v.any()):
                continue
            key = u.tobytes() + v.tobytes()
            if key not in found:
                weighted = np.bincount(self._number, self.rows.data * u[row] * v[column], len(self))
                found[key] = weighted.astype(np.float64)
            sums[:, place] = found[key]
        return sums


def two_steps(true: Sparse, asked: Sparse) -> tuple[Tensor, Tensor]:
    """(live, hits) of all chains X_ab Y_bc against heads over (a, c), (K, K, K) float64 each.

    true, asked: K relations, and where they may be asked, V = 1 - W. The sum over a is taken first, X^T H against Y:

        hits = sum_bc (X^T H)_bc Y_bc,
        live = sum_b (sum_a X_ab) (sum_c Y_bc) - sum_ab X_ab Y_ba - sum_bc (X^T W)_bc Y_bc.
    """
    size, n = true.u.shape
    if not n:
        return torch.zeros(size, size, size).double(), torch.zeros(size, size, size).double()
    matrices, never = ([_square(stack.rows[[k]], n) for k in range(size)] for stack in (true, asked))
    upright = vstack([matrix.T for matrix in matrices], format="csr")

    def closed(head: csr_array) -> Vector:
        ways = (upright @ head).reshape((size, n**2))
        return np.asarray((true.rows @ ways.tocsr().T).toarray().T, dtype=np.float64)

    into, out = (np.stack([np.asarray(matrix.sum(axis)) for matrix in matrices]) for axis in (0, 1))
    back = Sparse.of([Plane.of(matrix.T.tocsr()) for matrix in matrices])
    free = into @ out.T - true.times(back)[0].numpy()
    hits = np.stack([closed(matrix) for matrix in matrices], -1)
    live = np.stack([free + closed(matrix) if matrix.nnz else free for matrix in never], -1)
    return torch.from_numpy(live), torch.from_numpy(hits)


def _square(row: csr_array, size: int) -> csr_array:
    """(n, n) of (1, n^2)."""
    place = row.indices.astype(np.int64)
    return csr_array((row.data, np.divmod(place, size)), shape=(size, size))
