"""Margins against the crisp meaning of a formula: above 0 exactly where it holds, in every grounding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import parse
from kg.formulas import Formula, Iff, Implies, Transform, Under
from kg.normal import free_variables
from rulekd.extraction.probing.attempts import valid_at
from rulekd.extraction.probing.margins import Answers, everywhere, margin
from rulekd.facts import Facts
from rulekd.grounding import View, ground
from rulekd.scenes import Scenes
from tests.kg.strategies import KINDS, readable
from tests.scenes.made import random_scenes

ARITIES = {"p": 1, "q": 1, "r": 2, "s": 2, "t": 0}
TURN = Transform("rotate_z")


def said(seed: int) -> Answers:
    """Random log-odds about three scenes of up to four objects, and about their images; some groundings invalid."""
    scenes = random_scenes(3, 4, seed)
    generator = torch.Generator().manual_seed(seed)

    def facts() -> Facts:
        values = {
            name: torch.randn((3,) + (4,) * arity, generator=generator, dtype=torch.float64)
            for name, arity in ARITIES.items()
        }
        valid = {"s": torch.rand(3, 4, 4, generator=generator) < 0.8}
        return Facts(values, mask=scenes.mask, valid=valid, thresholds={"p": 0.7, "r": 0.4})

    return Answers(View(facts(), scenes), {str(TURN): View(facts(), scenes)})


def assert_signed_like_the_truth(formula: Formula, answers: Answers) -> None:
    """The margin is above 0 exactly where the formula is true, at every valid grounding."""
    grounding = ground(formula, answers.view, answers.images)
    made = margin(formula, answers, everywhere(formula, answers))
    assert made.shape == grounding.valid.shape
    assert torch.equal((made <= 0) & grounding.valid, grounding.broken)


@settings(deadline=None)  # large formulas take long where the machine is shared
@given(readable(attributes=True), st.integers(0, 1000))
def test_the_sign_is_the_truth(formula: Formula, seed: int) -> None:
    """Of attributes that may be unknown as well: a witness at which one is does not count."""
    answers = said(seed)
    assert_signed_like_the_truth(formula, replace(answers, view=replace(answers.view, scenes=attributed(seed))))


def test_two_words_are_compared_without_any_attribute() -> None:
    assert_signed_like_the_truth(parse('"red" = "blue" -> p(a)'), said(0))


@settings(deadline=None)  # large formulas take long where the machine is shared
@given(readable(attributes=True), st.integers(0, 1000))
def test_a_grounding_is_valid_alone_as_it_is_among_all(formula: Formula, seed: int) -> None:
    answers = replace(said(seed), view=replace(said(seed).view, scenes=attributed(seed)))
    names = free_variables(formula)
    valid = ground(formula, answers.view).valid
    order = torch.rand(3, 4, generator=torch.Generator().manual_seed(seed)).argsort(1)
    objects = {name: order[:, place] for place, name in enumerate(names)}
    real = answers.view.groundings(len(names))[(torch.arange(3), *objects.values())]
    assert torch.equal(valid_at(formula, answers, objects) & real, valid[(torch.arange(3), *objects.values())])


def attributed(seed: int) -> Scenes:
    """Random scenes with the attributes that readable formulas speak of, a fifth of them unknown."""
    generator, scenes = torch.Generator().manual_seed(seed), random_scenes(3, 4, seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randint(-1, 3, shape, generator=generator)

    mass, light = (value.double().masked_fill(value < 0, torch.nan) for value in (some(3, 4), some(3)))
    return replace(
        scenes,
        numbers={"mass": mass},
        categories={"kind": some(3, 4).clamp_max(1).masked_fill(~scenes.mask, -1)},
        category_names={"kind": KINDS},
        scene_numbers={"light": light},
        scene_categories={"asked": some(3).clamp_max(1)},
        scene_category_names={"asked": KINDS},
    )


@given(readable(max_leaves=3), readable(max_leaves=3), st.sampled_from([Iff, Implies]), st.integers(0, 1000))
def test_under_a_transform_the_right_side_is_read_in_the_image(
    left: Formula, right: Formula, arrow: type[Iff | Implies], seed: int
) -> None:
    assert_signed_like_the_truth(Under(TURN, arrow(left, right)), said(seed))


@given(readable(), st.integers(0, 1000))
def test_a_hardly_softened_margin_is_the_margin(formula: Formula, seed: int) -> None:
    answers = said(seed)
    objects = everywhere(formula, answers)
    hard, soft = margin(formula, answers, objects), margin(formula, answers, objects, softness=1e-4)
    assert torch.allclose(hard, soft, atol=0.01)


@given(readable(), st.integers(0, 1000))
def test_one_grounding_reads_as_it_does_among_all(formula: Formula, seed: int) -> None:
    answers = said(seed)
    objects = everywhere(formula, answers)
    whole = margin(formula, answers, objects)
    generator = torch.Generator().manual_seed(seed)
    # distinct objects: places in a shuffled scene
    order = torch.rand(3, 4, generator=generator).argsort(1)
    if len(objects) > 4:
        return
    chosen = {name: order[:, place] for place, name in enumerate(objects)}
    single = margin(formula, answers, chosen)
    assert torch.equal(single, whole[(torch.arange(3), *chosen.values())])


CASES = {
    "r(a, b) & s(b, c) -> r(a, c)": lambda r, s, a, b, c: max(-min(r[a][b], s[b][c]), r[a][c]),
    "~(r(a, b) & r(b, a))": lambda r, s, a, b, c: -min(r[a][b], r[b][a]),
    "r(a, b) <-> s(b, a)": lambda r, s, a, b, c: min(max(-r[a][b], s[b][a]), max(r[a][b], -s[b][a])),
    "r(a, b) -> exists c: s(b, c)": lambda r, s, a, b, c: max(-r[a][b], s[b][c]),
    "r(a, b) -> forall c: s(b, c)": lambda r, s, a, b, c: max(-r[a][b], s[b][c]),
}


@pytest.mark.parametrize("text", CASES)
def test_margins_by_hand(text: str) -> None:
    """Three objects: once two are named, one is left for a quantifier."""
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.randn(1, 3, 3, generator=generator) for name in ("r", "s")}
    answers, formula = Answers(View(Facts(values))), parse(text)
    r, s = (values[name][0].tolist() for name in ("r", "s"))
    made = margin(formula, answers, {name: torch.tensor([n]) for n, name in enumerate(free_variables(formula))})
    assert made.item() == pytest.approx(CASES[text](r, s, 0, 1, 2))


@pytest.mark.parametrize(
    "text",
    ["r(a, b) & s(b, c) -> r(a, c)", "exactly_one(r(a, b), s(a, b), p(a))", "p(a) <-> (exists b: r(a, b) & s(b, a))"],
)
def test_gradients_of_softened_margins(text: str) -> None:
    answers, formula = said(3), parse(text)

    def read(*values: torch.Tensor) -> torch.Tensor:
        facts = replace(answers.view.facts, values=dict(zip(ARITIES, values, strict=True)))
        again = Answers(View(facts, answers.view.scenes))
        return margin(formula, again, everywhere(formula, again), softness=0.7)[ground(formula, again.view).valid]

    given = [answers.view.facts.values[name].clone().requires_grad_() for name in ARITIES]
    assert torch.autograd.gradcheck(read, given)


def test_a_gradient_is_alive_far_from_a_violation() -> None:
    """At 120 log-odds on the safe side, where every loss is 0."""
    value = torch.tensor([[[0.0, 120.0], [120.0, 0.0]]], requires_grad=True)
    answers = Answers(View(Facts({"r": value})))
    law = parse("r(a, b) -> r(b, a)")
    margin(law, answers, {"a": torch.tensor([0]), "b": torch.tensor([1])}, softness=1.0).sum().backward()
    assert value.grad is not None
    assert value.grad[0, 1, 0] > 0.9


def test_comparisons_are_measured_by_how_far_they_are_from_turning() -> None:
    answers = said(0)
    scenes = answers.view.scenes
    assert scenes is not None
    x = scenes.centers_in_view()[..., 0]
    made = margin(parse("x(b) - x(a) > 0.2"), answers, {"a": torch.zeros(3).long(), "b": torch.ones(3).long()})
    assert made.tolist() == pytest.approx((20 * (x[:, 1] - x[:, 0] - 0.2)).tolist())
