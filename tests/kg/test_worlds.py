"""The reference meaning, checked by hand and against networkx."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kg
from kg.objects import Object
from kg.worlds import Count, World, count, evaluate, groundings, holds, valid, violations
from tests.kg.strategies import readable, worlds


def chain(*pairs: tuple[int, int], size: int = 4, diagonal: bool = False) -> World:
    return World(size, {"r": set(pairs)}, diagonal=frozenset({"r"}) if diagonal else frozenset())


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda pair: pair[0] != pair[1])))
def test_transitivity_is_what_networkx_calls_a_transitive_closure(pairs: set[tuple[int, int]]) -> None:
    graph = nx.DiGraph(sorted(pairs))
    closed = all(graph.has_edge(a, c) for a, b in pairs for b2, c in pairs if b == b2 and a != c)
    assert holds(kg.parse("r(a, b) & r(b, c) -> r(a, c)"), chain(*pairs)) == closed


def test_variables_are_distinct_objects() -> None:
    world = chain((0, 1), (1, 0))
    assert count(kg.parse("r(a, b) & r(b, c) -> r(a, c)"), world) == Count(support=0, violations=0, groundings=24)


def test_the_diagonal_counts_only_where_it_has_a_meaning() -> None:
    irreflexive = kg.parse("~r(a, a)")
    assert count(irreflexive, chain((0, 0))) == Count(0, 0, 0)
    assert count(irreflexive, chain((0, 0), diagonal=True)) == Count(4, 1, 4)


def test_invalid_facts_are_neither_counted_nor_witnesses() -> None:
    world = World(3, {"r": {(0, 1), (1, 2)}}, invalid={"r": {(0, 1)}})
    assert [tuple(found.values()) for found in groundings(kg.parse("r(a, b)"), world)] == [
        (0, 2), (1, 0), (1, 2), (2, 0), (2, 1),
    ]  # fmt: skip
    assert not holds(kg.parse("exists b: r(a, b)"), world, {"a": 0})
    assert holds(kg.parse("exists b: r(a, b)"), world, {"a": 1})
    assert not valid(kg.parse("r(a, b)"), world, {"a": 0, "b": 1})


def test_quantifiers_run_over_further_objects_only() -> None:
    world = World(2, {"p": {(0,)}, "r": {(0, 0)}})
    assert not holds(kg.parse("p(a) & (exists b: p(b))"), world, {"a": 0})
    assert holds(kg.parse("exists b: p(b)"), world)
    assert not holds(kg.parse("exists a, b: p(a) & p(b)"), world)
    assert holds(kg.parse("~p(a) & (exists a: p(a))"), world, {"a": 1})  # a new object under an old name
    assert not holds(kg.parse("p(a) & (exists a: p(a))"), world, {"a": 0})


def test_forall_over_nothing_is_true_and_exists_false() -> None:
    empty = World(0, {"p": set()})
    assert holds(kg.parse("forall a: p(a)"), empty)
    assert not holds(kg.parse("exists a: p(a)"), empty)
    assert count(kg.parse("p(a)"), empty) == Count(0, 0, 0)


def test_a_superlative_picks_the_leftmost() -> None:
    rule = kg.parse("first(a) <-> chair(a) & (forall b: chair(b) -> x(a) <= x(b))")
    objects = tuple(Object(center=(x, 0.0, 0.0)) for x in (3.0, 1.0, 0.0))
    chairs = {(0,), (1,)}
    assert holds(rule, World(3, {"chair": chairs, "first": {(1,)}}, objects=objects))
    assert not holds(rule, World(3, {"chair": chairs, "first": {(2,)}}, objects=objects))


def test_a_fact_about_the_scene_has_one_grounding() -> None:
    world = World(3, {"win": {()}, "p": {(0,)}})
    assert count(kg.parse("win() <-> exists a: p(a)"), world) == Count(1, 0, 1)
    assert count(kg.parse("win() <-> exists a, b: p(a) & p(b)"), world) == Count(1, 1, 1)


def test_under_reads_its_right_side_in_the_image() -> None:
    world, image = chain((0, 1), size=2), chain((1, 0), size=2)
    law = kg.parse("under mirror_x: r(a, b) <-> r(b, a)")
    assert count(law, world, {"mirror_x": image}) == Count(1, 0, 2)
    assert count(law, world, {"mirror_x": world}) == Count(2, 2, 2)
    arrow = kg.parse("under mirror_x: r(a, b) -> r(b, a)")
    assert count(arrow, world, {"mirror_x": world}) == Count(1, 1, 2)
    with pytest.raises(kg.UnknownNameError, match="mirror_x"):
        holds(law, world)


@pytest.mark.parametrize(
    ("text", "support"),
    [
        ("p(a) -> q(a)", 2),
        ("p(a) <-> q(a)", 3),
        ("~(p(a) & q(a))", 3),
        ("at_most_one(p(a), q(a))", 3),
        ("p(a) | q(a)", 4),
        ("exactly_one(p(a), q(a))", 4),
        ("~(p(a) & q(a) & p(b))", 7),  # any two of them hold
    ],
)
def test_live_groundings_are_those_that_test_the_rule(text: str, support: int) -> None:
    world = World(4, {"p": {(0,), (1,)}, "q": {(1,), (2,)}})
    formula = kg.parse(text)
    if formula == kg.parse("~(p(a) & q(a) & p(b))"):
        p, q = {0, 1}, {1, 2}
        support = sum((a in p) + (a in q) + (b in p) >= 2 for a, b in itertools.permutations(range(4), 2))
    assert count(formula, world).support == support


@given(readable(), worlds())
def test_a_broken_grounding_is_live_and_counts_add_up(formula: kg.Formula, world: World) -> None:
    found = count(formula, world)
    assert 0 <= found.violations <= found.support <= found.groundings
    assert found.violations == len(list(violations(formula, world)))
    assert (found.violations == 0) == (holds(formula, world) if kg.free_variables(formula) else found.violations == 0)


BOX = Object(center=(1.0, 2.0, 3.0), size=(2.0, 4.0, 6.0))
TURNED = Object(center=(5.0, 2.0, 3.0), size=(2.0, 4.0, 6.0), yaw=math.pi / 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x(a)", 1), ("y(a)", 2), ("z(a)", 3),
        ("width(a)", 2), ("depth(a)", 4), ("height(a)", 6),
        ("width(b)", 4), ("depth(b)", 2),
        ("left(a)", 0), ("right(a)", 2), ("front(a)", 0), ("back(a)", 4), ("bottom(a)", 0), ("top(a)", 6),
        ("volume(a)", 48), ("yaw(b)", math.pi / 2),
        ("distance(a, b)", 4), ("plan_distance(a, b)", 4),
        ("overlap_x(a, b)", -1), ("overlap_y(a, b)", 2), ("overlap_z(a, b)", 6), ("gap(a, b)", 1),
        ("min(x(a), x(b), 3)", 1), ("max(x(a), x(b), 3)", 5), ("abs(x(a) - x(b))", 4), ("-x(a) / 2 + 3 * y(a)", 5.5),
        ("area()", 20), ("mass(a)", 7),
    ],
)  # fmt: skip
def test_geometric_terms_by_hand(text: str, value: float) -> None:
    heavy = Object(BOX.center, BOX.size, 0.0, {"mass": 7.0, "colour": "red"})
    world = World(2, {}, objects=(heavy, TURNED), numbers={"area": 20.0})
    assert evaluate(kg.parse_term(text), world, {"a": 0, "b": 1}) == pytest.approx(value)


def test_terms_are_read_in_the_frame_of_the_view() -> None:
    quarter = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    world = World(1, {}, objects=(BOX,), view=quarter)
    for text, value in [("x(a)", 2), ("y(a)", -1), ("width(a)", 4), ("depth(a)", 2), ("left(a)", 0), ("front(a)", -2)]:
        assert evaluate(kg.parse_term(text), world, {"a": 0}) == pytest.approx(value)


def test_words_compare_by_equality_only() -> None:
    red, blue = (Object(attributes={"colour": colour}) for colour in ("red", "blue"))
    world = World(3, {}, objects=(red, blue, red))
    assert count(kg.parse("colour(a) = colour(b)"), world) == Count(6, 4, 6)
    with pytest.raises(kg.FormulaError, match=r"by = or != only"):
        holds(kg.parse("colour(a) < colour(b)"), world)
    with pytest.raises(kg.FormulaError, match="not a number"):
        holds(kg.parse("colour(a) + 1 < 2"), world)
    with pytest.raises(kg.UnknownNameError, match="Did you mean 'colour'"):
        holds(kg.parse("color(a) = color(b)"), world)


def attributes(**values: float | str) -> Object:
    return Object(attributes=values)


UNKNOWN = World(
    3,
    {"p": {(0,), (1,)}, "q": {(2,)}, "r": {(0, 1), (0, 2)}},
    objects=(
        attributes(mass=1.0, kind="cup"),
        attributes(mass=math.nan, kind=math.nan),
        attributes(mass=5.0),  # that it has no kind says that it is unknown, since others have one
    ),
    numbers={"light": math.nan, "asked": "cup"},
)


@pytest.mark.parametrize(
    ("text", "asked", "broken"),
    [
        ("mass(a) > 2", [0, 2], [0]),
        ("mass(a) <= 2", [0, 2], [2]),
        ("mass(a) != 7", [0, 2], []),
        ('kind(a) = "cup"', [0], []),
        ('kind(a) != "cup"', [0], [0]),  # and not true of 1 and 2 because their kinds are no cup
        ("kind(a) = asked()", [0], []),
        ("light() > 0 | p(a)", [], []),
        ("p(a) | mass(a) > 2", [0, 2], []),  # p(1) would do, but what is read decides
        ("mass(a) > 2 -> q(a)", [0, 2], []),
        ("q(a) <-> mass(a) > 2", [0, 2], []),
        ("exactly_one(mass(a) > 2, p(a))", [0, 2], []),
        ("min(mass(a), 0) < 1", [0, 2], []),
        ("max(0, mass(a)) > 1", [0, 2], [0]),
        ("abs(-mass(a)) * 0 = 0", [0, 2], []),
        ("(mass(a) - 1) / (mass(a) - 1) = 1", [2], []),
        ("p(a) -> (exists b: mass(b) > 2)", [0, 1, 2], []),  # asked of 1: its own mass is not read
        ("a = a & (exists b: mass(b) <= 2)", [0, 1, 2], [0]),  # 1 is no witness of 0
        ("a = a & (forall b: mass(b) > 2)", [0, 1, 2], [1, 2]),
        ("a = a & (exists b, c: mass(b) > 0 & mass(c) > 0)", [0, 1, 2], [0, 2]),
        ("p(a) & mass(a) < 2 | (forall b: r(a, b) -> mass(b) > 2)", [0, 2], []),
    ],
)
def test_what_is_unknown_is_not_asked_about_and_is_no_witness(text: str, asked: list[int], broken: list[int]) -> None:
    formula = kg.parse(text)
    assert [found["a"] for found in groundings(formula, UNKNOWN)] == asked
    assert [found["a"] for found in violations(formula, UNKNOWN)] == broken
    assert [index for index in range(3) if valid(formula, UNKNOWN, {"a": index})] == asked
    opposite = kg.Not(formula)
    assert [found["a"] for found in violations(opposite, UNKNOWN)] == [index for index in asked if index not in broken]


def test_what_is_undefined_is_refused_where_it_is_asked_for() -> None:
    world = World(1, {"p": {(0,)}}, objects=(Object(),))
    with pytest.raises(kg.FormulaError, match="undefined"):
        holds(kg.parse("x(a) / x(a) < 1"), world, {"a": 0})
    assert count(kg.parse("x(a) / x(a) < 1"), world) == Count(0, 0, 0)
    with pytest.raises(kg.FormulaError, match="unknown"):
        holds(kg.parse("mass(a) < 3"), UNKNOWN, {"a": 1})
    assert holds(kg.parse("1 / x(a) > 1e300"), world)
    with pytest.raises(kg.UnknownNameError, match="no facts of it"):
        holds(kg.parse("q(a)"), world)
    with pytest.raises(kg.FormulaError, match="lists facts only"):
        holds(kg.parse("x(a) < 1"), World(1, {}))
    with pytest.raises(kg.RulekdError, match="objects are 0 to 1"):
        World(2, {"p": {(2,)}})
