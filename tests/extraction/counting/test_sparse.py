"""A large scene of which little is true is counted as any other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rulekd
from kg import Atom, parse
from rulekd.extraction.counting import sparse
from rulekd.extraction.counting.candidates import count_chains, count_pairs
from rulekd.extraction.counting.matrices import crossed, stacked, tallies
from rulekd.extraction.counting.sides import groups, side_of
from rulekd.extraction.evidence.chance import p_values
from rulekd.facts import Facts
from rulekd.grounding import View, count, ground
from tests.extraction.counting.test_sides import OTHERS, TEXTS, made

#: Random relations and properties in scenes of which some places are empty and some groundings may not be asked.
some_facts = st.builds(made, st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 7), st.floats(0.02, 0.9))


@contextmanager
def taken_for_large() -> Iterator[None]:
    """Every scene is taken for a large one of which little is true."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "LARGE", 1)
        patch.setattr(sparse, "LITTLE", 1.0)
        yield


@settings(max_examples=25, deadline=None)
@given(facts=some_facts)
def test_rules_are_counted_as_one_by_one(facts: Facts) -> None:
    formulas = [parse(text) for text in (*TEXTS, *OTHERS)]
    with taken_for_large():
        live, broken = tallies(formulas, View(facts))
    for place, formula in enumerate(formulas):
        alone = count(formula, View(facts))
        assert torch.equal(live[place], alone[0]), str(formula)
        assert torch.equal(broken[place], alone[1]), str(formula)


@settings(max_examples=25, deadline=None)
@given(facts=some_facts)
def test_candidates_are_counted_as_in_dense_scenes(facts: Facts) -> None:
    axis = {"a": 0, "b": 1}
    p, q, r = (Atom(name, ("a", "b")) for name in "pqr")
    sides = [side_of(body, axis) for body in ([p, Atom("red", ("a",))], [Atom("q", ("b", "a")), r])]
    heads = [side_of([head], axis, either=True) for head in (q, Atom("big", ("b",)), Atom("p", ("b", "a")))]

    def counted() -> list[torch.Tensor]:
        pairs, chains = count_pairs(facts, 2), count_chains(facts)
        return [pairs.valid, pairs.first, pairs.both, chains.live, chains.hits, *crossed(sides, heads, facts)]

    dense = counted()
    with taken_for_large():
        for one, other in zip(dense, counted(), strict=True):
            assert torch.equal(one, other)


@settings(max_examples=25, deadline=None)
@given(facts=some_facts)
def test_what_a_renaming_keeps_is_the_same(facts: Facts) -> None:
    (group,) = (one for one in groups([parse(text) for text in TEXTS])[0] if one.width == 2)

    def described() -> list[torch.Tensor]:
        sides = [side.described() for batch in stacked(group, facts) for side in (batch.left, batch.right)]
        return [torch.cat([one.whole for one in sides[k::2]]) for k in (0, 1)] + [
            torch.cat([one.patterns for one in sides[k::2]], 1) for k in (0, 1)
        ]

    dense = described()
    with taken_for_large():
        for one, other in zip(dense, described(), strict=True):
            assert torch.allclose(one, other)


def test_chance_is_the_same() -> None:
    facts = made(3, 12, 6, 0.3)
    formulas = [parse(text) for text in TEXTS]
    with taken_for_large():
        found = p_values(formulas, View(facts))
    assert found == pytest.approx(p_values(formulas, View(facts)))


def test_a_renaming_changes_places_and_nothing_else() -> None:
    facts = made(5, 1, 6, 0.3)
    (group,) = (one for one in groups([parse(text) for text in TEXTS])[0] if one.width == 2)
    with taken_for_large():
        (batch,) = stacked(group, facts)
    moved = batch.right.renamed(torch.Generator().manual_seed(1))
    assert torch.allclose(moved.described().patterns, batch.right.described().patterns)
    assert torch.allclose(moved.times(moved), batch.right.times(batch.right))
    assert not torch.allclose(moved.times(batch.right), batch.right.times(batch.right))


def test_a_graph_of_thousands_of_entities() -> None:
    """1,800 people in towns: the graph has 3.2 million pairs a relation, of which a thousandth is true. The laws come
    back, and what is printed is right."""
    generator = torch.Generator().manual_seed(0)
    towns, each = 90, 20
    size = towns * each
    parent = torch.zeros(size, size, dtype=torch.bool)
    for town in range(towns):
        tree = torch.randint(0, each, (each,), generator=generator) * torch.arange(each) // each
        for child in range(1, each):
            parent[town * each + int(tree[child]), town * each + child] = True
    sister = (parent.T.float() @ parent.float() > 0) & ~torch.eye(size, dtype=torch.bool)
    grand = parent.float() @ parent.float() > 0
    order = torch.randperm(size, generator=generator)
    facts = Facts(
        {
            name: value[order][:, order][None]
            for name, value in (("parent", parent), ("sister", sister), ("grand", grand), ("child", parent.T))
        }
    )
    started = time.monotonic()
    graph = rulekd.mine(facts)
    assert time.monotonic() - started < 60
    told = {str(rule.formula): rule for rule in graph.rules()}
    for law in ("parent(a, b) & parent(b, c) -> grand(a, c)", "parent(a, b) & sister(b, c) -> parent(a, c)"):
        assert law in told
    ways = (parent.float() @ parent.float()).sum()
    ledger = told["parent(a, b) & parent(b, c) -> grand(a, c)"].evidence
    assert ledger is not None
    assert (ledger.teacher.support, ledger.teacher.violations) == (int(ways), 0)
    for rule in graph.rules():
        assert rule.evidence is not None
        for cited, breaks in ((rule.evidence.examples, False), (rule.evidence.counterexamples, True)):
            for one in cited:
                assert _breaks(str(rule.formula), dict(one.binding), facts) is breaks


def _breaks(text: str, binding: dict[str, int], facts: Facts) -> bool:
    """Does the grounding break the rule? Asked in a scene of these few objects alone."""
    order = sorted(set(binding.values()))
    some = Facts({name: value[:, order][:, :, order] for name, value in facts.values.items()})
    part = ground(parse(text), View(some))
    where = tuple(order.index(binding[name]) for name in part.variables)
    assert part.live[0][where]
    return bool(part.broken[0][where])
