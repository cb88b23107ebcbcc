"""What formulas with quantifiers say without them, against the reference meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

import kg
from kg.formulas import Exists, ForAll, Formula, walk
from kg.normal import canonical
from kg.weakening import weakened
from kg.worlds import World, count
from tests.kg.strategies import readable, worlds


@settings(max_examples=400, deadline=None)
@given(readable(quantified=True, numbers=False), worlds())
def test_the_weaker_formula_holds_wherever_the_formula_does(formula: Formula, world: World) -> None:
    said = canonical(formula)
    weaker = weakened(said)
    if weaker is None:
        return
    assert not any(isinstance(part, Exists | ForAll) for part in walk(weaker))
    if not count(said, world).violations:
        assert not count(weaker, world).violations, f"{said} says {weaker}"


@pytest.mark.parametrize(
    ("text", "weaker"),
    [
        ("p(a) -> q(a)", "p(a) -> q(a)"),
        ("p(a) & (exists b: r(a, b)) -> q(a)", "p(a) & r(a, b) -> q(a)"),
        ("p(a) -> (forall b: r(a, b)) & (exists b: q(b))", "p(a) -> r(a, b)"),
        ("~(exists b: r(a, b))", "~r(a, b)"),
        ("w() <-> ~(exists a: p(a)) & (exists a: q(a))", "w() -> ~p(a)"),
        ("forall b: p(a)", None),  # true of a single object
        ("p(a) & (exists c: p(b))", None),  # says nothing of a single object
        ("p(a) -> forall b: q(a) & (exists c: r(b, c))", None),
        ("(exists b: p(a)) -> q(a)", None),
        ("p(a) | (exists b: r(a, b))", None),
        ("p(a) -> exists b: r(a, b)", None),
        ("exactly_one(p(a), exists b: r(a, b))", None),
    ],
)
def test_by_hand(text: str, weaker: str | None) -> None:
    found = weakened(kg.parse(text))
    assert found == (None if weaker is None else kg.parse(weaker))
