"""Rules counted all at once are counted as each one alone, grounding by grounding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import Formula, parse
from rulekd.extraction.counting.matrices import tallies
from rulekd.extraction.counting.sides import groups, two_sided
from rulekd.facts import Facts
from rulekd.grounding import View, count

TEXTS = (
    "p(a, b) & q(b, c) -> r(a, c)",
    "p(b, a) & q(c, b) -> r(c, a) | q(a, c)",
    "q(b, c) & p(a, b) -> p(a, c)",
    "p(a, b) & q(b, c) & r(a, c) -> q(c, a)",
    "p(a, b) & r(a, b) -> q(b, a)",
    "red(a) & p(a, b) -> big(b)",
    "p(a, b) & q(a, c) -> r(b, c)",
    "red(a) & p(a, b) & big(b) -> q(a, b) | r(b, a)",
    "p(a, b) -> q(b, a)",
    "p(a, b) <-> p(b, a)",
    "~(p(a, b) & q(a, b))",
    "p(a, b) | q(b, a)",
    "red(a) -> big(a)",
    "~(red(a) & big(a))",
    "red(a) | big(a)",
    "red(a) <-> big(a)",
    "red(a) & big(b) -> p(a, b)",
    "p(a, b) & q(b, c) & red(b) -> r(a, c)",
    "q(c, b) & red(b) & p(a, b) & big(b) & r(b, a) -> p(a, c)",
    "p(a, b) -> ~big(b)",
    "p(a, b) & q(b, c) -> ~r(a, c)",
    "red(a) & p(a, b) -> big(b) | red(b)",
)
OTHERS = (
    "p(a, b) & red(c) -> r(a, c)",
    "~(p(a, b) & p(a, c))",
    "exactly_one(p(a, b), q(a, b), r(a, b))",
    "p(a, b) -> exists c: q(b, c)",
)


def made(seed: int, scenes: int, objects: int, density: float) -> Facts:
    """Random relations and properties; some places are empty, some groundings may not be asked."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator) < density

    mask = torch.rand(scenes, objects, generator=generator) < 0.8
    values = {name: drawn(scenes, objects, objects) for name in ("p", "q", "r")}
    values |= {name: drawn(scenes, objects) for name in ("red", "big")}
    return Facts(values, mask=mask, valid={"q": ~drawn(scenes, objects, objects), "big": ~drawn(scenes, objects)})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scenes=st.integers(1, 4), objects=st.integers(2, 6), density=st.floats(0.05, 0.9))
def test_all_at_once_is_one_by_one(seed: int, scenes: int, objects: int, density: float) -> None:
    view = View(made(seed, scenes, objects, density))
    formulas = [parse(text) for text in (*TEXTS, *OTHERS)]
    live, broken = tallies(formulas, view)
    for place, formula in enumerate(formulas):
        alone = count(formula, view)
        assert torch.equal(live[place], alone[0]), str(formula)
        assert torch.equal(broken[place], alone[1]), str(formula)


@pytest.mark.parametrize("text", TEXTS)
def test_these_shapes_are_matrices(text: str) -> None:
    assert two_sided(parse(text)) is not None


@pytest.mark.parametrize("text", [*OTHERS, "p(a, b) & q(b, c) & r(c, d) -> p(a, d)", "p(a, a) -> q(a, a)"])
def test_others_are_counted_one_by_one(text: str) -> None:
    assert groups([parse(text)]) == ([], [0])


def test_more_groundings_than_float32_can_count_are_counted_exactly() -> None:
    """260 * 259 * 258 = 17,373,720 groundings of one scene, more than 2^24, every one of them live; one is broken."""
    full = torch.ones(1, 260, 260, dtype=torch.bool)
    head = full.clone()
    head[0, 3, 7] = False
    formulas: list[Formula] = [parse("p(a, b) & p(b, c) -> q(a, c)"), parse("p(a, b) & p(b, c) -> p(a, c)")]
    live, broken = tallies(formulas, View(Facts({"p": full, "q": head})))
    assert live.flatten().tolist() == [260 * 259 * 258] * 2
    assert broken.flatten().tolist() == [258, 0]


def test_sharding_adds_up() -> None:
    facts = made(3, 6, 5, 0.4)
    formulas = [parse(text) for text in TEXTS]
    whole = tallies(formulas, View(facts))
    shards = [tallies(formulas, View(facts.select(torch.tensor(rows)))) for rows in ([0, 1], [2], [3, 4, 5])]
    for side in (0, 1):
        assert torch.equal(whole[side], torch.cat([shard[side] for shard in shards], 1))
