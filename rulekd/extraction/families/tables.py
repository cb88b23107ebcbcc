"""Composition tables: of which relations does one have to hold between a and c, given those of a, b and of b, c?

The relations of a group exclude each other and leave no pair without one. A pair told i in one direction must be told
the converse of i in the other; where it is not, one of the two answers is wrong, and the pair is left out. With

    T_ijk    triples told i between a and b, j between b and c, k between a and c, in C_ijk scenes,
    q_xy     share of pairs of x that are told y: half of those that are told y in one direction, and the converse of
             x in the other,
    s        share of the errors of one direction that the other makes too: 1 - H^2, where H is the entropy of the
             errors q_x. over its largest, log (G - 1). Errors that spread over all relations alike are accidents, and
             know nothing of each other; errors that stay with a neighbour have a cause that both directions share,
    r_xy     share of pairs of x that both directions tell y: s q_xy with a cause, (1 - s) q_xy^2 by accident,

wrong answers alone would be witnesses for the entry k of the cell i, j about

    E_ijk = sum_x (T_xjk r_xi + T_ixk r_xj + T_ijx r_xk)

times; and if its three relations knew nothing of each other, it would have

    M_ijk = n_i n_j n_k sum T / (sum n)^3

witnesses, n_i being the pairs told i. One pair is in many triangles of its scene, so scenes are counted instead, each
with T / C witnesses (one, where there is none). That they are as many as they are is then

    impossible:  C ~ Poisson(e E C / T + STRAY),    possible:  C ~ Poisson((e E + l M) C / T + STRAY),

where e, by which E is misjudged, is log-uniform from 1 / d to d, d = UNSURE^(s^2): how often an error is made depends
on more than the relation, the more so the more of the errors have a cause. l is log-uniform from 1 / LIFT to LIFT. The
evidence for an entry is the logarithm of the ratio of the two, at most SURE in size. Where nothing disagrees, a witness
is a proof. All six writings of a triangle have the same T, C, E and M: they are one piece of evidence.

Associativity decides between evidence (``associativity``), if it holds. A cell that no triple speaks
for follows from the others, as far as it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rulekd.extraction.counting.candidates import blocks
from rulekd.extraction.counting.products import EXACT_FLOAT32
from rulekd.extraction.families.associativity import settle, triangles, writings
from rulekd.facts import Facts

#: By which factor the witnesses that wrong answers give may be misjudged where all errors are shared; and by which
#: factor a possible triangle may be rarer or commoner than its relations are.
UNSURE, LIFT = 20, 100

#: Witnesses of an impossible triangle that no error of this kind explains; and the largest evidence: what one triangle
#: in a thousand shows is explained by nothing here.
STRAY, SURE = 1e-3, math.log(1000)

#: Values of e and of l that are tried, and triangles at a time.
GRID, BLOCK = 41, 1024


@dataclass(frozen=True)
class Table:
    """names: the G relations. possible: (G, G, G) bool, at i, j, k; told: (G, G, G) triples seen."""

    names: tuple[str, ...]
    possible: Tensor
    told: Tensor

    @property
    def live(self) -> Tensor:
        """(G, G) triples that speak for each cell."""
        return self.told.sum(2)


def table(facts: Facts, names: tuple[str, ...]) -> Table | None:
    """The table of those relations of a group that are told at all; None where they are not closed under converses."""
    told, valid = _told(facts, names)
    both = valid & valid.transpose(1, 2)
    turned = _turned(facts, told, both, len(names))
    spoken = turned.sum(1) > 0
    if not bool(spoken.all()):
        names = tuple(name for name, some in zip(names, spoken.tolist(), strict=True) if some)
        told = (spoken.cumsum(0) - 1).to(told.device)[told]
        turned = turned[spoken][:, spoken]
    converse = _converses(turned)
    if converse is None or not len(converse):
        return None
    size = len(names)
    agree = both & (converse.to(told.device)[told] == told.transpose(1, 2))
    triples, scenes = _triples(facts, told, agree, size)
    seen = triples.sum(2) > 0
    confused, shared = errors(turned, converse)
    wrong = _expected(triples, shared * confused + (1 - shared) * confused**2)
    pairs = turned[torch.arange(size), converse]
    chance = torch.einsum("i,j,k->ijk", pairs, pairs, pairs) * triples.sum() / pairs.sum().clamp_min(1) ** 3
    proof = not bool(confused.any())
    odds = rarities(triples, chance, converse) if proof else torch.full((GRID,), 1 / GRID, dtype=torch.float64)
    speaks = evidence(triples, scenes, wrong, chance, UNSURE ** (shared**2), converse, odds)
    if proof:
        speaks = speaks.masked_fill(triples > 0, math.inf)
    settled = settle(speaks, _closed(triples > wrong, seen, converse), converse)
    return Table(names, _closed(speaks > 0, seen, converse) if settled is None else settled, triples)


def rarities(triples: Tensor, chance: Tensor, converse: Tensor) -> Tensor:
    """(GRID,) probabilities of the values of l, from T and M where every witness is a proof.

    Of n triangles that are seen and n others like them the rarest is as likely among the one as the other: the next
    is rarer than all of them with probability 1 / (n + 1). Counted are those of which a witness is expected, M >= 1.
    """
    places = torch.unique(triangles(converse))
    told, usual = triples.flatten()[places], chance.flatten()[places]
    lifts = (told / usual)[(told > 0) & (usual >= 1)]
    steps = LIFT ** _middles()
    rarer = steps < (lifts.min() if len(lifts) else 0)
    if not bool(rarer.any()) or bool(rarer.all()):
        return torch.full_like(steps, 1 / GRID)
    share = 1 / (len(lifts) + 1)
    return torch.where(rarer, share / rarer.double().sum(), (1 - share) / (~rarer).double().sum())


def evidence(
    triples: Tensor, scenes: Tensor, wrong: Tensor, chance: Tensor, doubt: float, converse: Tensor, odds: Tensor
) -> Tensor:
    """(G, G, G) log of how much more probable T and C are if the triangle is possible, from T, C, E, M, d and the
    probabilities of the values of l, (GRID,)."""
    number = triangles(converse)
    places, inverse = torch.unique(number, return_inverse=True)
    told, seen, expected, usual = (one.flatten()[places] for one in (triples, scenes, wrong, chance))
    each = (told / seen.clamp_min(1)).clamp_min(1)
    missed, lift = doubt ** _middles(), LIFT ** _middles()
    parts = []
    for part in torch.split(torch.arange(len(places)), BLOCK):
        count = seen[part, None]
        lies = expected[part, None] / each[part, None] * missed + STRAY
        rates = lies[:, :, None] + (usual / each)[part, None, None] * lift
        possible = (count[..., None] * rates.log() - rates + odds.log()).flatten(1).logsumexp(1)
        parts.append(possible - (count * lies.log() - lies).logsumexp(1))
    return torch.cat(parts).clamp(-SURE, SURE)[inverse]


def _middles() -> Tensor:
    """(GRID,) float64: the middles of equal parts of -1..1."""
    return (2 * torch.arange(GRID, dtype=torch.float64) + 1) / GRID - 1


def _turned(facts: Facts, told: Tensor, both: Tensor, size: int) -> Tensor:
    """(G, G) float64: pairs told i in one direction and j in the other."""
    turned = torch.zeros(size, size, dtype=torch.float64)
    for index in blocks(facts, size * facts.objects.shape[1] ** 2):
        x = _one_hot(told[index], both[index], size).flatten(2)
        y = _one_hot(told[index].transpose(1, 2), both[index], size).flatten(2)
        turned += (x @ y.transpose(1, 2)).double().sum(0).cpu()
    return turned


def _expected(triples: Tensor, confused: Tensor) -> Tensor:
    """(G, G, G) E: witnesses that wrong answers give, if both directions of a pair of x tell y in r_xy of the cases."""
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
