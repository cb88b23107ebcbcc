"""Composition: r1(a, b) & r2(b, c) -> the smallest disjunction of heads over (a, c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch

from kg import And, Atom, Formula, Implies, Or
from kg.tables import percent
from rulekd.extraction.counting.candidates import ChainCounts
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.families.pairs import exclusive_sets
from rulekd.extraction.families.tables import Table, table

#: Share of broken groundings up to which the notes speak of a chain that a table makes no rule of.
SELDOM = 0.05

_TURN = {"a": "b", "b": "c"}


def compositions(seen: Discovery) -> Proposals:
    """All Horn chains, then a composition table for every exactly-one set of predicates.

    A chain and its converse (both atoms turned, in the other order, to the turned head) are one law, so a head
    is read forwards only. Transitivity, p after p gives p, is left to the laws of one predicate; chains inside an
    exactly-one set to its table. A table is read off all facts, so that rare entries are in it; a cell that the
    discovery part alone fills otherwise is tested by what that gives, if it is stricter: what is seen in the
    confirmation part cannot break the cell itself. A cell allows what is seen once; where somebody names a tolerance,
    chains inside a set, and cells without their rarest heads, are proposed beside it.
    """
    if 2 not in seen.arities():
        return Proposals((), 0)
    counts = seen.chains
    if not seen.watch.begun("compositions"):
        return Proposals((), 0)
    held = seen.held(counts.live, counts.live - counts.hits)
    size = len(counts.heads)
    for place in range(size):
        held[place, place, place] = False
    found = Proposals((), held.numel() - size)
    place_of = {atom.predicate: number for number, atom in enumerate(counts.heads)}
    for group in exclusive_sets(seen):
        made = table(seen.whole or seen.said, group) if len(group) > 2 else None
        if made is not None:
            inside = [place_of[name] for name in group]
            both = [*inside, *(place + size for place in inside)]
            rows, columns, heads = torch.meshgrid(*map(torch.tensor, (both, both, inside)), indexing="ij")
            held[rows, columns, heads] = False
            rules = tuple(cells(made))
            beside = () if seen.tolerance is None else tuple(lean(seen, inside, seen.tolerance))
            found += Proposals(
                (*rules, *beside),
                len(group) ** 2 + len(beside),
                tables=(frozenset(rules),),
                fitted=_fitted(rules, table(seen.said, group)),
                beside=frozenset(beside).difference(rules),
                notes=(*_unseen(made), *_nearly(seen, counts, inside)),
            )
    chains = tuple(_chain(counts.atoms[i], counts.atoms[j], (counts.heads[k],)) for i, j, k in held.nonzero().tolist())
    return Proposals(chains, 0) + found


def cells(made: Table) -> Iterator[Implies]:
    """One rule a cell; a cell that allows every head says nothing."""
    for i, first in enumerate(made.names):
        for j, second in enumerate(made.names):
            heads = [name for k, name in enumerate(made.names) if made.possible[i, j, k]]
            if 0 < len(heads) < len(made.names):
                yield _cell(first, second, heads)


def lean(seen: Discovery, inside: Sequence[int], tolerance: float) -> Iterator[Implies]:
    """Of each cell the fewest heads that leave out no more than is tolerated, the rarest first; and chains to one head
    that are broken so seldom that they are proposed. inside: places of the relations of an exactly-one set."""
    counts = seen.chains
    names = [counts.heads[place].predicate for place in inside]
    for i, j in product(range(len(inside)), repeat=2):
        hits, live = (one[inside[i], inside[j]][list(inside)] for one in (counts.hits, counts.live))
        order = hits.argsort(descending=True, stable=True)
        if float(live.max()) < seen.least:
            continue
        kept = int((hits[order].cumsum(0) < (1 - tolerance) * live.max()).sum()) + 1
        sizes = {kept, 1} if seen.holds(float(live.max()), float(live.max() - hits.max())) else {kept}
        for size in sorted(sizes):
            if size < len(names):
                yield _cell(names[i], names[j], [names[k] for k in sorted(order[:size].tolist())])


def _fitted(rules: Sequence[Implies], alone: Table | None) -> dict[Formula, Formula | None]:
    """The cells that the discovery part alone fills otherwise, each with what it gives, if that is stricter."""
    given = {} if alone is None else {cell.body: cell for cell in cells(alone)}
    found: dict[Formula, Formula | None] = {}
    for cell in rules:
        other = given.get(cell.body)
        if other != cell:
            found[cell] = other if other is not None and _heads(other) < _heads(cell) else None
    return found


def _unseen(made: Table) -> Iterator[str]:
    """A note on entries that are in the table because it is associative."""
    added = made.possible & (made.told == 0) & (made.live > 0)[:, :, None]
    if bool(added.any()):
        i, j, k = max(added.nonzero().tolist(), key=lambda entry: float(made.live[entry[0], entry[1]]))
        chain = _cell(made.names[i], made.names[j], [made.names[k]])
        yield (
            f"table of {', '.join(made.names)}: {int(added.sum())} of {int(made.possible.sum())} entries were not seen "
            f"and follow from the others by associativity, such as '{chain}', not seen in {int(made.live[i, j]):,} "
            "groundings of its body"
        )


def _nearly(seen: Discovery, counts: ChainCounts, inside: Sequence[int]) -> Iterator[str]:
    """A note on chains inside a table that are broken, and seldom; a table allows what breaks them."""
    if seen.tolerance is not None:
        return
    hits, live = (one[inside][:, inside][:, :, inside] for one in (counts.hits, counts.live))
    broken = live - hits
    some = (live >= seen.least) & (broken > 0) & (broken <= SELDOM * live)
    if bool(some.any()):
        i, j, k = max(some.nonzero().tolist(), key=lambda entry: float(live[tuple(entry)]))
        names = [counts.heads[place].predicate for place in inside]
        yield (
            f"chains inside the table of {', '.join(names)}: {int(some.sum())} are broken in up to {percent(SELDOM)} "
            f"of what proposes, such as '{_cell(names[i], names[j], [names[k]])}', in {int(broken[i, j, k]):,} of "
            f"{int(live[i, j, k]):,}; the table allows the exceptions, and tolerance={SELDOM} lists what keeps it"
        )


def _cell(first: str, second: str, heads: Sequence[str]) -> Implies:
    return _chain(Atom(first, ("a", "b")), Atom(second, ("a", "b")), tuple(Atom(name, ("a", "c")) for name in heads))


def _heads(cell: Implies) -> set[Formula]:
    return set(cell.head.parts) if isinstance(cell.head, Or) else {cell.head}


def _chain(first: Atom, second: Atom, heads: tuple[Atom, ...]) -> Implies:
    moved = Atom(second.predicate, tuple(_TURN[name] for name in second.arguments))
    return Implies(And((first, moved)), heads[0] if len(heads) == 1 else Or(heads))
