"""Sets of predicates that one softmax speaks of, seen from their log-odds where the network did not declare them.

Their probabilities add up to one wherever they may be asked. By itself each log-odds may name none of them for a
grounding, or two, or never a rare one; the largest names one. For p in such a set S,

    sum over q != p of x_q P(q) = 1 - P(p)    at every grounding

has the solution x = 1 on S without p and 0 elsewhere. Where there are other such sets A and B, solutions differ by
multiples of 1_A - 1_B, which is orthogonal to that one: least squares give it, as the solution of least norm.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rulekd.extraction.counting.candidates import blocks
from rulekd.facts import Facts

#: How far from one a sum of probabilities may be: log-odds in half precision are off by as much.
OFF = 0.01

#: Groundings of the first part under which no set is looked for: two or three add up to one by accident.
GROUNDINGS = 20

#: Numbers in memory at a time.
PART = 2**22

#: Predicates among which sets are looked for, at most.
MOST = 128

#: Least square of a singular value, relative to the largest, that is not taken for rounding.
SINGULAR = 1e-10


def softmax_sets(facts: Facts, arity: int) -> list[tuple[str, ...]]:
    """The sets of two or more predicates of that arity whose probabilities add up to one.

    >>> odds = torch.linspace(-2, 3, 25)[None]
    >>> sorted(softmax_sets(Facts({"on": odds, "off": -odds, "warm": odds / 2}), 1)[0])
    ['off', 'on']
    """
    values = facts.values
    names = [name for name in values if values[name].is_floating_point() and values[name].dim() == arity + 1]
    size = len(names)
    if not 2 <= size <= MOST or arity == 0:
        return []
    first = next((part for part in _probabilities(facts, names, arity) if len(part)), None)
    if first is None or len(first) < GROUNDINGS:
        return []
    # Squares from the first part of the scenes; what they give is checked on all.
    gram, total = (first.T @ first).cpu(), first.sum(0).cpu()
    greatest = torch.stack([part.amax(0).cpu() for part in _probabilities(facts, names, arity) if len(part)]).amax(0)
    spoken = (greatest > OFF).tolist()  # what is never said adds nothing: beside what is always true it makes no set
    sets: list[list[int]] = []
    for place in range(size):
        if not spoken[place] or any(place in one for one in sets):
            continue
        others = [other for other in range(size) if other != place]
        inverse = torch.linalg.pinv(gram[others][:, others], rtol=SINGULAR, hermitian=True)
        chosen = inverse @ (total[others] - gram[others, place])
        found = sorted(
            [place, *(other for other, x in zip(others, chosen.tolist(), strict=True) if x > 0.5 and spoken[other])]
        )
        if len(found) > 1 and all(
            bool(((part[:, found].sum(1) - 1).abs() < OFF).all()) for part in _probabilities(facts, names, arity)
        ):
            sets.append(found)
    return [tuple(names[place] for place in one) for one in sets]


def _probabilities(facts: Facts, names: list[str], arity: int) -> Iterator[Tensor]:
    """(M, P) float64, part by part: the probabilities at the groundings at which all may be asked."""
    asked = facts.groundings(arity)
    for name in names:
        asked = asked & facts.validity(name)
    for index in blocks(facts, len(names) * facts.objects.shape[1] ** arity):
        said = {name: facts.values[name][index] for name in names}
        for some in torch.split(
            asked[index].nonzero(), max(1, PART // len(names))
        ):  # of one large scene some at a time
            yield torch.stack([said[name][some.unbind(1)].double() for name in names], 1).sigmoid()
