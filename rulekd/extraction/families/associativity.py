"""Associativity: what four objects say about a composition table, where counting triples does not decide.

With i;j for the relations k that are possible between a and c, given i between a and b and j between b and c, a table
is associative when

    (i;j);k = i;(j;k)    for all i, j, k.

Both sides are the relations of a and d along a path a, b, c, d: whether one first skips b or first skips c must not
matter. The tables of the calculi of time and space are associative (Allen's intervals, the region connections, the
cardinal directions: they are relation algebras, Tarski 1941), those of arbitrary relations need not be (Renz and
Ligozat, "Weak composition for qualitative spatial and temporal reasoning", 2005). A lie that is told the same way
everywhere has as many witnesses as a law; but the table that believes it breaks this equation, and so does one that
lacks an entry.

With S_t the logarithm of how much more probable what was seen of the triangle t is if it is possible, a table costs the
evidence that it denies,

    J = sum |S_t| over possible t with S_t < 0 and impossible t with S_t > 0.

Of the associative tables the cheapest is believed. Evidence is mistaken about t with probability
p_t = 1 / (1 + exp |S_t|), so that the true table costs

    sum p_t |S_t|    with variance    sum p_t (1 - p_t) S_t^2.

Where even the cheapest costs more than that by ONE_IN_TWENTY standard deviations, the relations are not those of an
associative table, and evidence alone decides.

The cheapest is looked for triangle by triangle: in each step the one is changed that leaves the least J + w V, V being
the violations of the equation, and is not changed back for TENURE steps unless that gives the best table so far (tabu
search, Glover 1989). The weight w grows by STEP after each step that leaves violations and shrinks by it after each
that leaves none, so that the search goes back and forth where associative tables end (Gendreau, Hertz and Laporte
1994).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Numbers in memory at a time, few enough to stay near the processor; and multiplications of one step of the search,
#: G^5 for each triangle, beyond which nothing is settled: up to 14 relations, or more of which few triangles are open.
BLOCK, LARGEST = 2**18, 2**28

#: Standard deviations that a normal variable exceeds with a probability of 5 %.
ONE_IN_TWENTY = 1.645

#: The weight of a violation at first, and the factor by which it changes; steps for which a change stands; steps after
#: the best table, and steps at all.
WEIGHT, STEP, TENURE, PATIENCE, STEPS = 0.05, 1.1, 8, 10, 60


def violations(possible: Tensor) -> Tensor:
    """(C,) int64: of tables (C, G, G, G) bool at i, j, k, how many i, j, k, l have l in one of the two sides only.

    >>> less_same_more = torch.zeros(1, 3, 3, 3, dtype=torch.bool)
    >>> for i, j, k in ["000", "010", "100", "020", "021", "022", "111", "122", "200", "201", "202", "212", "222"]:
    ...     less_same_more[0, int(i), int(j), int(k)] = True
    >>> violations(less_same_more)
    tensor([0])
    """
    size = possible.shape[1]
    table = possible.float()  # sums of at most G ones: exact
    left = (table.flatten(1, 2) @ table.flatten(2)).view(-1, size, size, size, size)  # sum_m t_ijm t_mkl
    right = table.transpose(2, 3).flatten(1, 2) @ table.permute(0, 3, 1, 2).flatten(2)  # sum_n t_inl t_jkn
    right = right.view(-1, size, size, size, size).permute(0, 1, 3, 4, 2)
    return ((left > 0) ^ (right > 0)).flatten(1).sum(1)


def writings(possible: Tensor, converse: Tensor) -> tuple[Tensor, Tensor]:
    """The same table, (G, G, G), read off each triangle from c to a, and from a over c to b.

    i from a to b, j from b to c, k from a to c is also k to the converse of j, ending at i, and so on: these two make
    all six writings.
    """
    turned = possible[converse][:, converse][:, :, converse].permute(1, 0, 2)
    return turned, possible[:, converse].permute(2, 1, 0)


def triangles(converse: Tensor) -> Tensor:
    """(G, G, G) int64: the same number for all writings of a triangle, given the converse of each relation, (G,)."""
    size = len(converse)
    number = torch.arange(size**3).view(size, size, size)
    for _ in range(3):
        turned, moved = writings(number, converse)
        number = number.minimum(turned).minimum(moved)
    return number


def settle(evidence: Tensor, start: Tensor, converse: Tensor) -> Tensor | None:
    """The cheapest associative table found, (G, G, G) bool; None where it costs more than evidence is mistaken.

    evidence: (G, G, G) float64 S, infinite where it is no opinion. start: (G, G, G) bool, where to look first. Both
    say the same of all writings of a triangle, and these change together.
    """
    number = triangles(converse)
    triples = torch.unique(number)
    opinion = evidence.flatten()[triples]
    size = opinion.abs()
    tried = size.argsort()[: int(size.isfinite().sum())]
    mistaken = torch.sigmoid(-size[tried])
    variance = (mistaken * (1 - mistaken) * size[tried] ** 2).sum()
    most = float((mistaken * size[tried]).sum() + ONE_IN_TWENTY * variance.sqrt())
    if len(tried) * len(start) ** 5 > LARGEST:
        return None
    table, held = start, start.flatten()[triples]
    denied = held != (opinion > 0)
    left, cost = int(violations(table[None])), float(size[denied].sum())
    best, found, since, weight = (left, cost), table, 0, WEIGHT
    fixed = torch.zeros(len(triples), dtype=torch.int64)  # the step from which each may change again
    for step in range(STEPS if len(tried) else 0):
        if best[0] == 0 and step - since >= PATIENCE:
            break
        after = _after(table, number, triples[tried])
        costs = float(size[denied].sum()) + torch.where(denied, -size, size)[tried]
        better = (after < best[0]) | ((after == best[0]) & (costs < best[1] - 1e-9))
        worth = (costs + weight * after).masked_fill((fixed[tried] > step) & ~better, math.inf)
        least = int(worth.argmin())
        chosen = int(tried[least])
        table, left, cost = table ^ (number == triples[chosen]), int(after[least]), float(costs[least])
        denied = denied ^ (torch.arange(len(triples)) == chosen)
        fixed[chosen] = step + TENURE
        if bool(better[least]):
            best, found, since = (left, cost), table, step
        weight = weight * STEP if left else weight / STEP
    return found if best[0] == 0 and best[1] <= most else None


def _after(table: Tensor, number: Tensor, changes: Tensor) -> Tensor:
    """(K,) int64 violations of the table after each of the changes alone, (K,) int64 numbers of triangles."""
    step = max(1, BLOCK // len(table) ** 4)
    return torch.cat([violations(table ^ (number == some[:, None, None, None])) for some in torch.split(changes, step)])
