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
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Numbers in memory at a time; and multiplications of one step of the search, beyond which nothing is settled: G^5 for
#: each unsure triangle, so up to some 190 of them among 17 relations.
BLOCK, LARGEST = 2**22, 2**28


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


def settle(possible: Tensor, unsure: Tensor, converse: Tensor) -> Tensor:
    """The table (G, G, G) bool, its unsure entries (G, G, G) bool changed while that leaves fewer violations.

    All writings of a triangle change together, in each step those that leave the fewest violations. A change that
    turns out not to be needed is taken back: what associativity does not tell apart stays as it was. A group of so many
    relations that one step would take LARGEST multiplications stays as it was too.
    """
    number = triangles(converse)
    choices, table = torch.unique(number[unsure]), possible
    if len(choices) * len(table) ** 5 > LARGEST:
        return possible
    least = int(violations(table[None]))
    while least and len(choices):
        left = _after(table, number, choices)
        if int(left.min()) >= least:
            break
        least, table = int(left.min()), table ^ (number == choices[left.argmin()])
    while len(changed := torch.unique(number[table ^ possible])):
        left = _after(table, number, changed)
        if int(left.min()) > least:
            break
        least, table = int(left.min()), table ^ (number == changed[left.argmin()])
    return table


def _after(table: Tensor, number: Tensor, changes: Tensor) -> Tensor:
    """(K,) int64 violations of the table after each of the changes alone, (K,) int64 numbers of triangles."""
    step = max(1, BLOCK // len(table) ** 4)
    return torch.cat([violations(table ^ (number == some[:, None, None, None])) for some in torch.split(changes, step)])
