"""Concepts: how often things of one category stand in a relation to things of another, (monitor, on, desk, 0.83).

Categories are the words of categorical attributes and the predicates of one object. With C the membership of a scene's
objects in K categories (N, K) and X a relation (N, N), one matrix product tells which objects are related to some
member of each category, and another counts them by their own:

    T = (X C > 0),        counts = C^T T        (K, K).

Triples are picked on the discovery part by pooled shares, and measured on the confirmation part, over units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import Triple
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence import betting
from rulekd.extraction.fitting.columns import Values
from rulekd.facts import Facts
from rulekd.scenes import Scenes

#: A triple is proposed from so many members, at a share of at least this, which is so much above all things'.
SUPPORT, SHARE, LIFT = 10, 0.3, 1.5

#: What readers call the attribute that says what a thing is.
CATEGORY = "category"

#: Scenes are counted in parts of about so many entries.
BLOCK = 2**24


def concepts(seen: Discovery) -> Proposals:
    """The triples that the discovery part speaks for; their shares are measured elsewhere."""
    membership = members(seen.said, seen.scenes)
    if membership is None:
        return Proposals((), 0)
    found, examined = [], 0
    categories = membership.names
    for relation, hits, having, support, base in _pooled(seen.said, membership):
        shares = hits / support.clamp_min(1)[:, None]
        examined += int((support > 0).sum()) * int((having > 0).sum())
        wanted = (support[:, None] >= SUPPORT) & (shares >= SHARE) & (shares >= LIFT * base[None])
        wanted.fill_diagonal_(False)  # chairs near chairs: a matter of how many there are
        for k, other in wanted.nonzero().tolist():
            share = float(shares[k, other])
            # To be measured on the confirmation part; until then nothing is known of it but that it may be.
            found.append(
                Triple(categories[k], relation, categories[other], share, (0.0, 1.0), float(base[other]), 0, 0)
            )
    return Proposals((), examined, triples=tuple(found))


@dataclass(frozen=True, eq=False)
class Members:
    """names: of K categories. holds: (B, N, K) bool, for real objects."""

    names: tuple[str, ...]
    holds: Tensor


def members(facts: Facts, scenes: Scenes | None) -> Members | None:
    """Which objects belong to which categories; None where there are no categories or no relations."""
    names: list[str] = []
    parts: list[Tensor] = []
    attributes = {} if scenes is None else dict(scenes.category_names)
    if CATEGORY in attributes:  # what a thing is; its colour and the like are something else
        attributes = {CATEGORY: attributes[CATEGORY]}
    for attribute, words in attributes.items():
        assert scenes is not None
        codes = scenes.categories[attribute]
        for number, word in enumerate(words):
            names.append(word)
            parts.append((codes == number) & facts.objects)
    for name, value in facts.values.items():
        if value.dim() == 2 and name not in names:
            names.append(name)
            parts.append(facts.crisp(name) & facts.validity(name))
    if len(names) < 2 or not any(value.dim() == 3 for value in facts.values.values()):
        return None
    if len(set(names)) < len(names):  # one word in two attributes: keep the first
        first = [place for place, name in enumerate(names) if names.index(name) == place]
        names, parts = [names[place] for place in first], [parts[place] for place in first]
    return Members(tuple(names), torch.stack(parts, -1))


def _pooled(facts: Facts, membership: Members) -> Iterator[tuple[str, Tensor, Tensor, Tensor, Tensor]]:
    """(relation, (K, K) hits, (K,) members, (K,) members, (K,) base shares), pooled over scenes."""
    support = membership.holds.sum((0, 1)).double().cpu()
    everything = float(facts.objects.sum())
    for name, value in facts.values.items():
        if value.dim() != 3:
            continue
        size = len(membership.names)
        hits, related = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        for rows, told in _told(facts, name, membership):
            mine = membership.holds[rows].float()
            hits += (mine.transpose(1, 2) @ told.float()).double().sum(0).cpu()
            related += (told & facts.objects[rows][..., None]).double().sum((0, 1)).cpu()
        yield name, hits, support, support, related / max(everything, 1.0)


def _told(facts: Facts, relation: str, membership: Members) -> Iterator[tuple[slice, Tensor]]:
    """(scenes, (b, N, K) bool): which objects are in the relation to some member of each category."""
    holds = facts.crisp(relation) & facts.validity(relation)
    step = max(1, BLOCK // max(1, holds.shape[1] * len(membership.names)))
    for first in range(0, len(facts), step):
        rows = slice(first, first + step)
        yield rows, (holds[rows].float() @ membership.holds[rows].float()) > 0


def measured(proposed: Sequence[Triple], facts: Facts, scenes: Scenes | None) -> list[Triple]:
    """The triples with shares and intervals over units; those that are no more frequent than for all things drop out.

    A triple stays when the lower end of its interval lies above the share of all things.
    """
    membership = members(facts, scenes)
    if membership is None or not proposed:
        return []
    number = {name: place for place, name in enumerate(membership.names)}
    units = facts.units.cpu().numpy()
    kept = []
    by_relation: dict[str, list[Triple]] = {}
    for triple in proposed:
        by_relation.setdefault(triple.relation, []).append(triple)
    for relation, triples in by_relation.items():
        told = torch.cat([part for _, part in _told(facts, relation, membership)])
        for triple in triples:
            if triple.subject not in number or triple.object not in number:
                continue
            mine, related = membership.holds[..., number[triple.subject]], told[..., number[triple.object]]
            count = _by_unit(mine, units)
            hits = _by_unit(mine & related, units)
            some = count > 0
            interval = betting.interval(hits[some] / count[some])
            base = float((related & facts.objects).sum()) / max(1, int(facts.objects.sum()))
            if interval is not None and interval[0] > base:
                share = float((hits[some] / count[some]).mean())
                kept.append(Triple(*triple.key, share, interval, base, support=int(count.sum()), units=int(some.sum())))
    return kept


def _by_unit(holds: Tensor, units: NDArray[np.int64]) -> Values:
    """(U,) how many objects of each unit."""
    return np.asarray(np.bincount(units, weights=holds.sum(1).double().cpu().numpy()), dtype=np.float64)
