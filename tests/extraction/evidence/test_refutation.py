"""What errors explain, put to the test by the rules themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rulekd
from kg import Rule, parse
from rulekd.extraction.counting.source import Source
from rulekd.extraction.evidence.refutation import explained, refutations, shown_errors, unreliable
from rulekd.extraction.evidence.tally import Tally
from rulekd.facts import Facts
from rulekd.grounding import View

LAWS = tuple(parse(f"p{i}(a, b) & p{j}(b, c) -> p{i}(a, c)") for i in range(4) for j in range(4))

ALL = [True] * len(LAWS)


def source() -> Source:
    view = View(Facts({f"p{i}": torch.zeros(400, 3, 3, dtype=torch.bool) for i in range(4)}))
    return Source(view, view, view, blamed={f"p{i}": 0.08 for i in range(4)})


def unblamed() -> Source:
    view = source().view
    return Source(view, view, view)


def broken_in(units: int) -> Tally:
    """400 units of 20 live groundings, of which one is broken in some units."""
    return Tally(np.full(400, 20), np.where(np.arange(400) < units, 1, 0))


def test_one_rule_that_is_broken_as_often_as_errors_might_is_refuted_among_laws_that_hardly_are() -> None:
    told = source()
    assert explained(LAWS[0], told) == pytest.approx(3 * (0.04**2 + 0.05 * 0.08))
    odd = broken_in(120)  # a rate of 1.5 %, under the 1.7 % that errors explain
    assert refutations(LAWS[:1], [odd], told, [True]) == [False]
    counted = [odd, *(broken_in(4) for _ in LAWS[1:])]
    assert refutations(LAWS, counted, told, ALL) == [True, *(False for _ in LAWS[1:])]


def test_where_errors_break_most_rules_as_often_as_they_may_none_is_refuted_for_that() -> None:
    assert not any(refutations(LAWS, [broken_in(120) for _ in LAWS], source(), ALL))


def test_rules_that_nothing_ever_breaks_say_nothing_about_errors() -> None:
    counted = [broken_in(60), *(broken_in(0) for _ in LAWS[1:])]
    assert not any(refutations(LAWS, counted, source(), ALL))


def test_facts_without_errors_allow_one_exception_in_a_thousand() -> None:
    near = parse("p0(a, b) & p1(b, c) -> p2(a, c)")
    exact = [parse(f"p{i}(a, b) -> p{i}(b, a)") for i in range(3)]
    for units, expected in ((8, False), (9, True)):
        counted = [broken_in(units), *(broken_in(0) for _ in exact)]
        found = refutations([near, *exact], counted, unblamed(), [True] * 4)
        assert found == [expected, False, False, False], f"{units} of 8,000"


def test_errors_that_break_every_law_about_a_predicate_are_seen_in_the_law_that_they_break_least() -> None:
    loose, chain, other = map(
        parse, ("p0(a, b) -> p1(a, b)", "p0(a, b) & p0(b, c) -> p0(a, c)", "p1(a, b) -> p1(b, a)")
    )
    counted = [broken_in(100), broken_in(119), broken_in(39)]
    told = unblamed()
    # 100, 119 and 39 of 8,000; the chain has three atoms
    assert shown_errors([loose, chain, other], counted, told, [True] * 3) == pytest.approx(
        {"p0": 120 / 8000 / 3, "p1": 40 / 8000 / 2}
    )
    assert shown_errors([loose, chain, other], counted, told, [True, False, True])["p0"] == pytest.approx(
        101 / 8000 / 2
    )
    assert not any(refutations([chain, other], counted[1:], told, [True] * 2))


def test_errors_that_fall_on_a_rare_head_break_its_exclusion_seldom() -> None:
    """p1 holds of 1 % of the pairs: 2 % of wrong p0 facts, anywhere, meet it in 1 % of the cases."""
    true = torch.zeros(1, 40, 40, dtype=torch.bool)
    true[0, :2, 4:12] = True
    view = View(Facts({"p0": ~true & ~torch.eye(40, dtype=torch.bool), "p1": true}))
    told = Source(view, view, view, wrong={"p0": 0.02})
    share = told.share("p1")
    assert share == pytest.approx(16 / 1560)
    assert explained(parse("p0(a, b) -> ~p1(a, b)"), told) == pytest.approx(0.02 * share)
    assert explained(parse("p0(a, b) -> p1(a, b)"), told) == pytest.approx(0.02)


def test_a_further_atom_that_leaves_no_exception_out_makes_no_law_look_better() -> None:
    chain = parse("p0(a, b) & p0(b, c) -> p0(a, c)")
    guarded, helped = (parse(f"p0(a, b) & p0(b, c) & {name}(a) -> p0(a, c)") for name in ("idle", "guard"))
    counted = [broken_in(120), broken_in(119), broken_in(40)]
    found = shown_errors([chain, guarded, helped], counted, unblamed(), [True] * 3)
    assert found["p0"] == pytest.approx(41 / 8000 / 4), "a guard that leaves two thirds out is heard"
    found = shown_errors([chain, guarded], counted[:2], unblamed(), [True] * 2)
    assert found["p0"] == pytest.approx(121 / 8000 / 3)


@pytest.mark.parametrize("flips", [0.002, 0.01, 0.02])
def test_an_order_keeps_its_laws_whatever_stands_beside_it(flips: float) -> None:
    """Three laws of flipped facts; a property that comes of the same numbers takes none of them away."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(300, 8, generator=generator)
    older = (x[:, :, None] > x[:, None]) ^ (torch.rand(300, 8, 8, generator=generator) < flips)
    laws = {
        "~(older(a, b) & older(b, a))",
        "older(a, b) | older(b, a)",
        "older(a, b) & older(b, c) -> older(a, c)",
    }
    for beside in ({}, {"adult": x > 0.3}):
        graph = rulekd.mine(Facts({"older": older, **beside}))
        assert laws <= {rule.text for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed}


def test_a_network_of_an_order_is_asymmetric_where_it_is_sure() -> None:
    """Both ways are said of things nearly as large as each other, at log-odds of about one; all else at dozens."""
    generator = torch.Generator().manual_seed(0)
    size = torch.rand(400, 8, generator=generator)
    seen = size[:, None] + 0.01 * torch.randn(400, 8, 8, generator=generator)  # (scene, who looks, at whom)
    own = size[:, :, None]
    graph = rulekd.mine(Facts({"larger": 100 * (own - seen)}))
    rules = {rule.text: rule for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed}
    asymmetric = rules["~(larger(a, b) & larger(b, a))"]
    assert asymmetric.evidence is not None
    assert 0.003 < (asymmetric.evidence.rate or 0.0) < 0.03
    assert "larger(a, b) & larger(b, c) -> larger(a, c)" in rules


def test_a_law_without_exceptions_shows_that_there_are_no_errors() -> None:
    near, exact = parse("p0(a, b) & p0(b, c) -> p0(a, c)"), parse("p0(a, b) -> p0(b, a)")
    assert refutations([near, exact], [broken_in(40), broken_in(0)], unblamed(), [True, True]) == [True, False]
    # few groundings without an exception show little
    few = Tally(np.array([20]), np.array([0]))
    assert refutations([near, exact], [broken_in(40), few], unblamed(), [True, True]) == [False, False]


def test_what_twins_say_of_errors_stands() -> None:
    told = source()
    named = Source(told.view, told.view, told.view, wrong={"p0": 0.02}, twinned=frozenset({"p0"}))
    law = parse("p0(a, b) -> p1(a, b)")
    assert shown_errors([law], [broken_in(79)], named, [True]).keys() == {"p1"}


def test_more_exceptions_never_make_the_only_law_of_its_predicates_a_refuted_one() -> None:
    law = parse("p0(a, b) -> p1(a, b)")
    assert not any(refutations([law], [broken_in(units)], unblamed(), [True])[0] for units in range(0, 200, 3))


def test_errors_that_a_twin_shows_elsewhere_say_nothing_of_predicates_without_one() -> None:
    """One pair told wrong in an unrelated inverse must not cost laws whose own facts are a little wrong."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(300, 8, generator=generator)
    holds = torch.rand(300, 8, 8, generator=generator) < 0.1
    metal = torch.rand(300, 8, generator=generator) < 0.3
    off = ~torch.eye(8, dtype=torch.bool)
    dented = (holds & off).any(1) & metal | (torch.rand(300, 8, generator=generator) < 0.1)
    dented ^= torch.rand(300, 8, generator=generator) < 0.005
    west = x[:, :, None] < x[:, None]
    west[0, 0, 1] ^= True
    values = {"holds": holds, "metal": metal, "dented": dented, "west_of": west, "east_of": x[:, :, None] > x[:, None]}
    law = Rule(parse("holds(b, a) & metal(a) -> dented(a)"))
    rule = next(rule for rule in rulekd.mine(Facts(values)).rules() if rule.id == law.id)
    assert rule.evidence is not None
    assert rule.evidence.confirmed
    assert 0 < rule.evidence.violations < 20


def test_errors_of_frequent_relations_do_not_make_a_rare_one_unreliable() -> None:
    """Twins say that 2 % of the true facts of p0 are wrong, 1 % of all; of a relation that is true of one pair in a
    hundred nothing is known."""
    some = torch.zeros(1, 20, 20, dtype=torch.bool)
    some[0, 0, 1:5] = True
    frequent = torch.arange(400).reshape(1, 20, 20) % 2 == 0
    view = View(Facts({"p0": frequent, "rare": some}))
    told = Source(
        view,
        view,
        view,
        errors={"p0": 0.01, "rare": 0.01},
        wrong={"p0": 0.02, "rare": 0.02},
        twinned=frozenset({"p0"}),
    )
    assert not unreliable(told)
    alone = Source(view, view, view, errors={"rare": 0.01}, wrong={"rare": 0.6}, twinned=frozenset({"rare"}))
    assert unreliable(alone) == {"rare"}, "where its own twin says so"
