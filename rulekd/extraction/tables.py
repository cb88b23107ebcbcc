"""Composition tables: of which relations does one have to hold between a and c, given those of a, b and of b, c?

The relations of a group exclude each other and leave no pair without one. A pair told i in one direction must be told
the converse of i in the other; where it is not, one of the two answers is wrong, and the pair is left out. With

    T_ijk    triples told i between a and b, j between b and c, k between a and c,
    q_xy     share of pairs of x that are told y: half of those that are told y in one direction, and the converse of
             x in the other,
    s        share of the errors of one direction that the other makes too: 1 - H^2, where H is the entropy of the
             errors q_x. over its largest, log (G - 1). Errors that spread over all relations alike are accidents, and
             know nothing of each other; errors that stay with a neighbour have a cause that both directions share,

wrong answers alone would be witnesses for the entry k of the cell i, j about

    E_ijk = s sum_x (T_xjk q_xi + T_ixk q_xj + T_ijx q_xk)

times. The entry is possible when T > 2 E and the witnesses come from two scenes, since one wrong pair is in many
triangles of its scene. A pair in two or more triangles that are not possible is wrong by all appearance. All is
counted again without such pairs, and now T > 2 s E and two witnesses are enough: triangles give away accidents as the
other direction does, so that s^2 of the errors are left. Where nothing disagrees, one witness is enough. A cell that no
triple speaks for follows from the others, as far as it does.

How often an error is made depends on more than the relation: E may be wrong several times over, the more so the more of
the errors have a cause. Where witnesses were seen, and T + 1 and E + 1 of the first count are within a factor of
UNSURE^(s^2), and where a cell has no triple at all, the count does not decide: T > E is where to start from, and
associativity decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rulekd.extraction.associativity import settle, triangles, writings
from rulekd.extraction.counting import blocks
from rulekd.extraction.products import EXACT_FLOAT32
from rulekd.facts import Facts

#: By which factor the witnesses that wrong answers give may be misjudged where all errors are shared. Of 12 networks
#: that were right about 95 % of the region connections, all gave the whole table from 10 to 100, eight with 5.
UNSURE = 20

#: Triangles that are not possible, in which a pair is taken for wrong.
IMPOSSIBLE = 2


@dataclass(frozen=True)
class Table:
    """names: the G relations. possible: (G, G, G) bool, at i, j, k; live: (G, G) triples that speak for each cell."""

    names: tuple[str, ...]
    possible: Tensor
    live: Tensor


def table(facts: Facts, names: tuple[str, ...]) -> Table | None:
    """The table of a group of relations; None where they are not closed under converses."""
    told, valid = _told(facts, names)
    size = len(names)
    turned = torch.zeros(size, size, dtype=torch.float64)
    for index in blocks(facts, size * facts.objects.shape[1] ** 2):
        x = _one_hot(told[index], valid[index] & valid[index].transpose(1, 2), size).flatten(2)
        y = _one_hot(told[index].transpose(1, 2), valid[index] & valid[index].transpose(1, 2), size).flatten(2)
        turned += (x @ y.transpose(1, 2)).double().sum(0).cpu()
    converse = _converses(turned)
    if converse is None:
        return None
    agree = valid & valid.transpose(1, 2) & (converse.to(told.device)[told] == told.transpose(1, 2))
    confused, shared = errors(turned, converse)
    triples, scenes = _triples(facts, told, agree, size)
    wrong = shared * _expected(triples, confused)
    mistaken = bool(confused.any())
    alone = min(1, len(facts) - 1) if mistaken else 0
    possible = (triples > 2 * wrong) & (scenes > alone)
    if not mistaken:
        return Table(names, _closed(possible, triples.sum(2) > 0, converse), triples.sum(2))
    ratio = (triples + 1) / (wrong + 1)
    doubt = UNSURE ** (shared**2)
    unsure = (triples > 0) & (ratio < doubt) & (ratio > 1 / doubt)
    triples, _ = _triples(facts, told, agree & credible(facts, told, agree, possible), size)
    possible = torch.where(unsure, ratio > 1, triples > (2 * shared**2 * _expected(triples, confused)).clamp_min(1))
    seen = triples.sum(2) > 0
    number = triangles(converse)
    unsure |= torch.isin(number, number[~seen])
    return Table(names, settle(_closed(possible, seen, converse), unsure, converse), triples.sum(2))


def _expected(triples: Tensor, confused: Tensor) -> Tensor:
    """(G, G, G) E_ijk / s: witnesses that wrong answers give, if both directions share all errors."""
    return (
        torch.einsum("xjk,xi->ijk", triples, confused)
        + torch.einsum("ixk,xj->ijk", triples, confused)
        + torch.einsum("ijx,xk->ijk", triples, confused)
    )


def _closed(possible: Tensor, seen: Tensor, converse: Tensor) -> Tensor:
    """Cells that no triple speaks for allow what the other writings of a triangle allow, (G, G, G) bool."""
    allowed = possible | ~seen[:, :, None]
    for _ in range(3):
        turned, moved = writings(allowed, converse)
        allowed = torch.where(seen[:, :, None], possible, allowed & turned & moved)
    return allowed


def _told(facts: Facts, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """(B, N, N) int64 number of the relation of each pair, and bool where there is exactly one to name.

    Of log-odds the largest counts, of given facts the one that is true.
    """
    valid = facts.groundings(2)
    for name in names:
        valid = valid & facts.validity(name)
    values = [facts.values[name] for name in names]
    if all(value.is_floating_point() for value in values):
        return torch.stack(values).argmax(0), valid
    crisp = torch.stack([facts.crisp(name) for name in names])
    return crisp.long().argmax(0), valid & (crisp.sum(0) == 1)


def _converses(turned: Tensor) -> Tensor | None:
    """(G,) int64: for each relation the one that the other direction is told, the surest pairs first."""
    margin = turned.sum(1).clamp_min(1)
    shared = (turned + turned.T) / 2 / (margin[:, None] * margin[None]).sqrt()
    converse = torch.full((len(turned),), -1)
    for place in shared.flatten().argsort(descending=True).tolist():
        one, other = divmod(place, len(turned))
        if shared[one, other] > 0 and converse[one] < 0 and converse[other] < 0:
            converse[one], converse[other] = other, one
    return converse if bool((converse >= 0).all()) else None


def errors(turned: Tensor, converse: Tensor) -> tuple[Tensor, float]:
    """(G, G) q_xy and s, from turned (G, G): pairs told i in one direction and j in the other."""
    told = turned[:, converse]  # told y, and the converse of x in the other direction
    told = (told + told.T) / 2
    errors = told.clone()
    errors.fill_diagonal_(0)
    by_relation = errors.sum(1)
    spread = torch.special.entr(errors / by_relation.clamp_min(1)[:, None]).sum(1) / math.log(max(2, len(told) - 1))
    entropy = float((by_relation * spread).sum() / by_relation.sum().clamp_min(1))
    return errors.T / 2 / told.diagonal().clamp_min(1)[:, None], 1 - entropy**2


def credible(facts: Facts, told: Tensor, agree: Tensor, possible: Tensor) -> Tensor:
    """(B, N, N) bool: without the pairs, in either direction, in IMPOSSIBLE or more triangles that are not possible."""
    size = len(possible)
    kept = torch.ones_like(agree)
    never = (~possible).to(agree.device, torch.float32)
    for index in blocks(facts, size * facts.objects.shape[1] ** 2):
        x = _one_hot(told[index], agree[index], size)
        broken = torch.zeros(agree[index].shape, device=agree.device)
        for head in range(size):
            # paths that lead from a over some c to b, and may not end in this relation
            last = torch.einsum("ij,sjcb->sicb", never[:, :, head], x)
            broken += x[:, head] * (x @ last).sum(1)
        kept[index] = (broken < IMPOSSIBLE) & (broken.transpose(1, 2) < IMPOSSIBLE)
    return kept


def _triples(facts: Facts, told: Tensor, agree: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(G, G, G) float64 T_ijk, and the number of scenes that they come from."""
    counts = torch.zeros(size, size, size, dtype=torch.float64)
    scenes = torch.zeros_like(counts)
    apart = facts.groundings(2)
    for index in blocks(facts, size * facts.objects.shape[1] ** 2):
        x = _one_hot(told[index], agree[index], size)
        if facts.objects.shape[1] ** 3 > EXACT_FLOAT32:
            x = x.double()
        heads = x.flatten(2).transpose(1, 2)
        for first in range(size):
            paths = (x[:, first, None] @ x) * apart[index, None]
            found = paths.flatten(2) @ heads
            counts[first] += found.double().sum(0).cpu()
            scenes[first] += (found > 0).sum(0).cpu()
    return counts, scenes


def _one_hot(told: Tensor, keep: Tensor, size: int) -> Tensor:
    """(B, G, N, N) float32, 0 where not kept."""
    return torch.stack([(told == place) & keep for place in range(size)], 1).float()
