"""Terms over tensors give what the plain terms give, object by object, and their gradients are right."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kg.errors import ArityError, FormulaError, UnknownNameError
from kg.formulas import Compare, Feature, Term
from kg.terms import TERMS as PLAIN
from kg.text import parse, parse_term
from kg.worlds import evaluate, holds
from rulekd.scenes import Scenes
from rulekd.scenes.terms import TERMS, compare, term
from tests.scenes.made import random_scenes, world_of


def test_both_twins_know_the_same_terms() -> None:
    assert list(TERMS) == list(PLAIN)


def assert_terms_agree(wanted: Term, scenes: Scenes, variables: tuple[str, ...]) -> None:
    """Brute force: every grounding of every scene, evaluated plainly."""
    width = scenes.mask.shape[1]
    values = term(wanted, scenes, variables).expand((len(scenes),) + (width,) * len(variables))
    for number in range(len(scenes)):
        world = world_of(scenes, number)
        for objects in itertools.product(range(world.size), repeat=len(variables)):
            expected = evaluate(wanted, world, dict(zip(variables, objects, strict=True)))
            assert isinstance(expected, float)
            assert values[(number, *objects)].item() == pytest.approx(expected, abs=1e-9), (wanted, objects)


@pytest.mark.parametrize("view", [True, False])
@pytest.mark.parametrize("name", PLAIN)
def test_each_term_is_its_plain_twin(name: str, view: bool) -> None:
    scenes = random_scenes(3, seed=3, view=view)
    assert_terms_agree(Feature(name, ("a", "b")[: PLAIN[name].arity]), scenes, ("a", "b"))


@pytest.mark.parametrize(
    "text",
    [
        "x(b) - x(a) - 0.5 * width(a)",
        "min(distance(a, b), distance(b, c), 2)",
        "max(-z(a), abs(y(c)))",
        "volume(a) / volume(b) + area()",
        "overlap_x(c, a) * gap(a, b)",
        "distance(a, a)",
    ],
)
def test_arithmetic_is_its_plain_twin(text: str) -> None:
    assert_terms_agree(parse_term(text), random_scenes(3, most=4, seed=5), ("a", "b", "c"))


def test_a_tilted_view() -> None:
    scenes = random_scenes(2, seed=8)
    turn = torch.linalg.qr(torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    turn = turn * torch.linalg.det(turn)[:, None, None].sign()
    for name in PLAIN:
        assert_terms_agree(
            Feature(name, ("a", "b")[: PLAIN[name].arity]), replace(scenes, view=turn).check(), ("a", "b")
        )


@pytest.mark.parametrize(
    "text",
    ["x(a) < x(b)", "distance(a, b) >= 1.5", "shape(a) = shape(b)", "shape(a) != shape(b)", "volume(a) != volume(b)"],
)
def test_comparisons_are_their_plain_twins(text: str) -> None:
    scenes = random_scenes(4, seed=11)
    known = torch.where(scenes.mask, scenes["shape"].clamp_min(0), -1)
    scenes = replace(scenes, categories={"shape": known})
    formula = parse(text)
    truth = compare(formula, scenes, ("a", "b"))  # type: ignore[arg-type] # the texts above are comparisons
    truth = truth.expand(4, scenes.mask.shape[1], scenes.mask.shape[1])
    for number in range(len(scenes)):
        world = world_of(scenes, number)
        for a, b in itertools.permutations(range(world.size), 2):
            assert bool(truth[number, a, b]) == holds(formula, world, {"a": a, "b": b})


def test_categories_of_different_attributes_are_compared_by_word() -> None:
    scenes = Scenes.from_objects(
        [[{"own": "red", "wanted": "blue"}, {"own": "blue", "wanted": "green"}, {"own": "red"}]]
    )
    truth = compare(parse("own(a) = wanted(b)"), scenes, ("a", "b"))  # type: ignore[arg-type] # a comparison
    assert truth[0].tolist() == [[False, False, False], [True, False, False], [False, False, False]]


def test_what_is_unknown_equals_nothing() -> None:
    scenes = Scenes.from_objects([[{"weight": 1.0, "shape": "cube"}, {}]])
    for text, expected in (("weight(a) = weight(a)", [True, False]), ("shape(a) = shape(a)", [True, False])):
        assert compare(parse(text), scenes, ("a",))[0].tolist() == expected  # type: ignore[arg-type] # a comparison


GRADIENTS = ["x", "width", "left", "top", "volume", "distance", "plan_distance", "overlap_y", "gap"]


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_the_function(name: str) -> None:
    scenes = random_scenes(2, most=3, seed=21)
    # apart in every direction, so that no two faces are in one plane, where there is no gradient
    center = scenes["center"] + 4 * torch.arange(3, dtype=torch.float64)[None, :, None]

    def value(center: Tensor, size: Tensor, yaw: Tensor) -> Tensor:
        moved = replace(scenes, center=center, size=size, yaw=yaw)
        read = term(Feature(name, ("a", "b")[: PLAIN[name].arity]), moved, ("a", "b"))
        return read.expand(2, 3, 3)[:, ~torch.eye(3, dtype=torch.bool)]

    inputs = [t.clone().requires_grad_() for t in (center, scenes["size"] + 0.3, scenes["yaw"])]
    check: Callable[..., bool] = torch.autograd.gradcheck
    assert check(value, inputs)


@pytest.mark.parametrize("name", ["distance", "plan_distance", "gap"])
def test_gradients_are_finite_where_objects_coincide(name: str) -> None:
    center = torch.zeros(1, 2, 3, requires_grad=True)
    scenes = Scenes(torch.ones(1, 2, dtype=torch.bool), center=center, size=torch.ones(1, 2, 3))
    term(Feature(name, ("a", "b")), scenes, ("a", "b")).sum().backward()  # type: ignore[no-untyped-call] # torch's own
    assert center.grad is not None
    assert center.grad.abs().max().item() == 0


def test_padding_and_order_change_no_term() -> None:
    scenes = random_scenes(3, most=4, seed=2)
    order = torch.tensor([[3, 1, 0, 2]]).expand(3, 4)
    for name in PLAIN:
        wanted = Feature(name, ("a", "b")[: PLAIN[name].arity])
        value = term(wanted, scenes, ("a", "b")).expand(3, 4, 4)
        assert torch.equal(term(wanted, scenes.pad(7), ("a", "b")).expand(3, 7, 7)[:, :4, :4], value)
        moved = term(wanted, scenes.permute(order), ("a", "b")).expand(3, 4, 4)
        torch.testing.assert_close(moved, value[:, order[0]][:, :, order[0]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("wdith(a) < 1", UnknownNameError, "Did you mean 'width'"),
        ("shape(a) < shape(b)", FormulaError, "by size"),
        ("shape(a) = 2", FormulaError, "category with a number"),
        ("shape(a) + 1 > 2", FormulaError, "is a category, not a number"),
        ("floor() > 2", UnknownNameError, "attribute of the scene 'floor'"),
        ("x(c) > 2", UnknownNameError, "variable 'c'"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compare(parse(text), random_scenes(), ("a", "b"))  # type: ignore[arg-type] # a comparison


def test_a_wrong_number_of_objects_is_refused() -> None:
    with pytest.raises(ArityError, match="It reads 2"):
        term(Feature("distance", ("a",)), random_scenes(), ("a",))
    assert math.isfinite(term(Feature("x", ("a",)), random_scenes(), ("a",)).sum().item())


def test_a_category_is_compared_with_a_word_as_in_plain_worlds() -> None:
    scenes = Scenes.from_objects(
        [
            [
                {"center": (0, 0, 0), "size": (1, 1, 1), "shape": "cube"},
                {"center": (1, 0, 0), "size": (1, 1, 1), "shape": "ball"},
            ]
        ]
    )
    for text, wanted in (('shape(a) = "cube"', [True, False]), ('shape(a) != "cone"', [True, True])):
        formula = parse(text)
        assert isinstance(formula, Compare)
        assert compare(formula, scenes, ("a",))[0].tolist() == wanted
        plain = world_of(scenes, 0)
        assert [holds(formula, plain, {"a": number}) for number in range(2)] == wanted
