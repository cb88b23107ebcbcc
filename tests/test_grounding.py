"""The bridge: reading crisp facts through tensors, and asking kg.worlds, give the same answer."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import ArityError, FormulaError, UnknownNameError, parse
from kg.formulas import Formula
from kg.normal import free_variables
from kg.records import plain, restore
from kg.worlds import Count, World
from kg.worlds import count as count_in_world
from rulekd.facts import Facts
from rulekd.grounding import View, count, ground, world
from rulekd.scenes import Scenes
from rulekd.truth import place
from tests.kg.strategies import KINDS, WORDS, readable, worlds


def view_of(given_worlds: list[World]) -> View:
    """The worlds as one padded batch of given facts and scenes."""
    size = max((w.size for w in given_worlds), default=0)
    mask = torch.arange(size)[None] < torch.tensor([w.size for w in given_worlds])[:, None]
    values, valid = {}, {}
    for word in WORDS.values():
        shape = (len(given_worlds),) + (size,) * word.arity
        truth, known = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
        for number, w in enumerate(given_worlds):
            for item in itertools.product(range(w.size), repeat=word.arity):
                truth[(number, *item)] = item in w.facts[word.name]
                repeated = len(set(item)) < len(item) and word.name not in w.diagonal
                known[(number, *item)] = item not in w.invalid[word.name] and not repeated
        values[word.name], valid[word.name] = truth, known
    center, mass = torch.zeros(len(given_worlds), size, 3), torch.full((len(given_worlds), size), torch.nan)
    kind = torch.full((len(given_worlds), size), -1)
    for number, w in enumerate(given_worlds):
        for place_of, thing in enumerate(w.objects):
            center[number, place_of] = torch.tensor(thing.center)
            mass[number, place_of] = thing.attributes.get("mass", math.nan)  # type: ignore[assignment] # a number
            kind[number, place_of] = _code(thing.attributes.get("kind", math.nan))
    names = tuple(f"w{i}" for i in range(len(given_worlds)))
    light = torch.tensor([float(w.numbers.get("light", math.nan)) for w in given_worlds])
    asked = torch.tensor([_code(w.numbers.get("asked", math.nan)) for w in given_worlds])
    scenes = Scenes(
        mask=mask, center=center, names=names, group=names,
        numbers={"mass": mass}, categories={"kind": kind}, category_names={"kind": KINDS},
        scene_numbers={"light": light}, scene_categories={"asked": asked}, scene_category_names={"asked": KINDS},
    )  # fmt: skip
    return View(Facts(values, mask=mask, valid=valid), scenes)


def _code(word: float | str) -> int:
    return KINDS.index(word) if isinstance(word, str) else -1


@settings(max_examples=500, deadline=None)
@given(formula=readable(attributes=True), drawn=st.lists(worlds(max_size=3, attributes=True), min_size=1, max_size=3))
def test_the_square_commutes(formula: Formula, drawn: list[World]) -> None:
    """Of attributes that may be unknown, and of quotients that may be undefined, as well."""
    view = view_of(drawn)
    live, broken = count(formula, view)
    valid = ground(formula, view).valid.flatten(1).sum(1) if free_variables(formula) else ground(formula, view).valid
    for number, w in enumerate(drawn):
        truth = count_in_world(formula, w)
        assert (int(live[number]), int(broken[number]), int(valid[number])) == (
            truth.support, truth.violations, truth.groundings,
        ), f"{formula} in world {number}"  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(drawn=worlds(max_size=3, attributes=True), formula=readable(attributes=True))
def test_a_scene_read_back_as_a_world_counts_the_same(drawn: World, formula: Formula) -> None:
    view = view_of([drawn])
    there_and_back = world(view, 0)
    live, broken = count(formula, view)
    truth = count_in_world(formula, there_and_back)
    assert (int(live[0]), int(broken[0])) == (truth.support, truth.violations)


@settings(max_examples=100, deadline=None)
@given(before=worlds(size=3), after=worlds(size=3), arrow=st.sampled_from(["<->", "->"]))
def test_laws_under_a_transform_read_scene_and_image(before: World, after: World, arrow: str) -> None:
    formula = parse(f"under mirror_x: r(a, b) {arrow} s(b, a)")
    live, broken = count(formula, view_of([before]), {"mirror_x": view_of([after])})
    truth = count_in_world(formula, before, {"mirror_x": after})
    assert (int(live[0]), int(broken[0])) == (truth.support, truth.violations)


@settings(max_examples=100, deadline=None)
@given(before=worlds(size=3, attributes=True), after=worlds(size=3, attributes=True))
def test_laws_under_a_transform_are_asked_where_scene_and_image_are_known(before: World, after: World) -> None:
    formula = parse('under mirror_x: mass(a) > 0 & r(a, b) <-> kind(b) != "red" & r(a, b)')
    live, broken = count(formula, view_of([before]), {"mirror_x": view_of([after])})
    truth = count_in_world(formula, before, {"mirror_x": after})
    assert (int(live[0]), int(broken[0])) == (truth.support, truth.violations)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    facts = Facts(
        {"r": torch.rand(9, 6, 6, generator=generator) < 0.5}, mask=torch.rand(9, 6, generator=generator) < 0.8
    )
    rule = parse("r(a, b) & r(b, c) -> r(a, c)")
    whole = count(rule, View(facts))
    monkeypatch.setattr("rulekd.grounding.BLOCK", 2 * 6**3)
    parts = count(rule, View(facts))
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))
    assert int(whole[1].sum()) > 0


class Narrow(View):
    """A view in which three axes of objects are too many."""

    def groundings(self, variables: int) -> torch.Tensor:
        assert variables <= 2, "an axis for each bound variable"
        return super().groundings(variables)


@pytest.mark.parametrize(
    "text",
    [
        "p(a) -> exists b, c, d: r(a, b) & r(a, c) & r(a, d)",
        "p(a) <-> exists b, c: r(a, b) & s(c, a)",
        "p(a) <-> exists b, c, d: r(a, b) & r(a, c) & s(d, a) & ~p(d)",
        "p(a) <-> exists b, c: p(a) & r(b, a) & s(a, b)",  # of c only that there is one
        "exists a, b, c: p(a) & q(b) & (q(c) | r(c, c))",
        "p(a) -> exists a, c: q(a) & q(c)",  # the bound name stands around
        "~(exists b, c: r(a, b) & b != a & r(c, a))",
    ],
)
def test_distinct_objects_are_counted_without_an_axis_for_each(text: str) -> None:
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(5) < torch.randint(0, 6, (200, 1), generator=generator)

    def drawn(arity: int, share: float) -> torch.Tensor:
        return torch.rand(200, *(5,) * arity, generator=generator) < share

    arities = {"p": 1, "q": 1, "r": 2, "s": 2}
    facts = Facts(
        {name: drawn(arity, 0.4) for name, arity in arities.items()},
        mask=mask,
        valid={name: drawn(arity, 0.8) for name, arity in arities.items()},
    )
    view, formula = Narrow(facts), parse(text)
    live, broken = count(formula, view)
    assert int(broken.sum()) > 0
    for number in range(200):
        truth = count_in_world(formula, world(view, number))
        assert (int(live[number]), int(broken[number])) == (truth.support, truth.violations)


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_place_lays_arguments_along_the_axes_of_the_variables(order: tuple[str, ...]) -> None:
    values = torch.arange(2 * 3 * 3).reshape(2, 3, 3).float()
    laid = place(values, ("c", "a"), order).expand(2, 3, 3, 3)
    for a, b, c in itertools.product(range(3), repeat=3):
        where = {"a": a, "b": b, "c": c}
        assert laid[(1, *(where[name] for name in order))] == values[1, c, a]


def test_place_takes_the_diagonal_of_a_repeated_variable() -> None:
    values = torch.arange(9).reshape(1, 3, 3).float()
    assert place(values, ("a", "a"), ("a",)).tolist() == [[0.0, 4.0, 8.0]]


def test_gradients_reach_the_logits_through_place() -> None:
    values = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: place(v, ("b", "a"), ("a", "b", "c")), (values,))


def test_a_predicate_without_a_tensor_is_named() -> None:
    view = View(Facts({"above": torch.zeros(1, 2, 2)}))
    with pytest.raises(UnknownNameError, match="Did you mean 'above'"):
        ground(parse("abov(a, b) -> above(b, a)"), view)
    with pytest.raises(ArityError, match="arity 2"):
        ground(parse("above(a)"), view)


def test_a_scene_read_back_as_a_world_keeps_the_words_and_numbers_of_the_scene() -> None:
    scenes = Scenes(
        mask=torch.tensor([[True, True], [True, False]]),
        center=torch.zeros(2, 2, 3),
        categories={"category": torch.tensor([[0, 1], [1, -1]])},
        category_names={"category": ("chair", "desk")},
        scene_numbers={"light": torch.tensor([0.5, torch.nan])},
        scene_categories={"asked": torch.tensor([1, -1])},
        scene_category_names={"asked": ("lamp", "desk")},
    )
    view = View(Facts({"target": torch.tensor([[False, True], [True, False]])}, mask=scenes.mask), scenes)
    first, second = world(view, 0), world(view, 1)
    assert (first.numbers, second.numbers) == ({"light": 0.5, "asked": "desk"}, {"light": math.nan, "asked": math.nan})
    assert restore(World, plain(second), "world") == second
    rule = parse("light() > 0 & target(a) <-> light() > 0 & category(a) = asked()")
    assert count_in_world(rule, first).support == 1 == int(count(rule, view)[0][0])
    assert count_in_world(rule, first).violations == 0 == int(count(rule, view)[1][0])
    assert count_in_world(rule, second) == Count(0, 0, 0)
    assert not bool(ground(rule, view).valid[1].any())


def test_a_row_read_back_as_a_world_keeps_its_attributes_and_has_no_place() -> None:
    scenes = Scenes(
        mask=torch.ones(2, 1, dtype=torch.bool),
        numbers={"weight": torch.tensor([[1.0], [3.0]])},
        categories={"middle": torch.tensor([[0], [1]])},
        category_names={"middle": ("x", "o")},
    )
    view = View(Facts({"wins": torch.tensor([[True], [False]])}), scenes)
    rule = parse('wins(a) <-> middle(a) = "x" & weight(a) < 2')
    for scene in (0, 1):
        row = world(view, scene)
        assert not row.placed
        assert count_in_world(rule, row).violations == int(count(rule, view)[1][scene]) == 0
        assert count_in_world(rule, row).support == int(count(rule, view)[0][scene])
        assert restore(World, plain(row), "row") == row
        with pytest.raises(FormulaError, match="attributes alone"):
            count_in_world(parse("x(a) > 0 -> wins(a)"), row)
