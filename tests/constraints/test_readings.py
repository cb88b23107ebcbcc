"""Equalities, counts, laws under a transform, and what a reading tells."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rulekd
from kg import ArityError, KnowledgeGraph, Rule, RulekdError, Status, UnknownNameError, parse
from kg.normal import canonical
from rulekd.constraints import consistency, exclusive
from rulekd.scenes import Scenes


@pytest.mark.parametrize("size", [0.3, 30.0, 120.0])
def test_an_equality_pulls_both_sides_oppositely_and_is_alive(size: float) -> None:
    left, right = torch.tensor([size], requires_grad=True), torch.tensor([-size], requires_grad=True)
    consistency.losses(left, right).sum().backward()
    assert left.grad is not None
    assert right.grad is not None
    wanted = (torch.tensor(size).sigmoid() - torch.tensor(-size).sigmoid()) / 4
    assert left.grad.item() == pytest.approx(wanted.item())
    assert right.grad.item() == pytest.approx(-wanted.item())


def test_an_equality_is_zero_exactly_where_both_sides_agree() -> None:
    values = torch.linspace(-100, 100, 21)
    assert consistency.losses(values, values).abs().max() < 1e-5
    assert consistency.losses(values, values + 1)[10] > 1e-4


def test_beside_a_given_side_only_the_other_learns() -> None:
    given_side, logits = torch.tensor([True, False]), torch.tensor([-2.0, -2.0], requires_grad=True)
    consistency.losses(given_side, logits).sum().backward()
    assert logits.grad is not None
    assert torch.allclose(logits.grad, torch.sigmoid(torch.tensor([-2.0, -2.0])) - torch.tensor([1.0, 0.0]))


def test_a_definition_in_geometry_teaches_like_a_label() -> None:
    scenes = Scenes.from_objects([[{"center": (0, 0, 0)}, {"center": (1, 0, 0)}]])
    logits = {"left_of": torch.zeros(1, 2, 2, requires_grad=True)}
    reading = rulekd.compile(["left_of(a, b) <-> x(b) - x(a) > 0.5"])(logits, scenes=scenes)
    reading.loss.backward()
    grad = logits["left_of"].grad
    assert grad is not None
    assert grad[0, 0, 1] < 0 < grad[0, 1, 0], "0 is left of 1, and 1 is not left of 0"


@pytest.mark.parametrize(
    ("chances", "exactly", "at_most"),
    [
        ((0.5, 0.5, 0.5), 0.5, 0.5),
        ((0.2, 0.3, 0.5), 0.0, 0.0),
        ((0.1, 0.1, 0.1), 0.7, 0.0),
        ((1.0, 1.0, 0.0), 1.0, 1.0),
    ],
)
def test_counts_see_what_clauses_miss(chances: tuple[float, ...], exactly: float, at_most: float) -> None:
    logits = torch.logit(torch.tensor(chances, dtype=torch.float64), eps=1e-15)
    assert exclusive.violations(logits, at_least=True).item() == pytest.approx(exactly, abs=1e-9)
    assert exclusive.violations(logits, at_least=False).item() == pytest.approx(at_most, abs=1e-9)
    assert (exclusive.losses(logits, at_least=True).item() > 1e-9) == (exactly > 0)
    assert (exclusive.losses(logits, at_least=False).item() > 1e-9) == (at_most > 0)


def test_counts_are_alive_at_120_and_match_differences() -> None:
    logits = torch.full((3, 1), 120.0, requires_grad=True)
    exclusive.losses(logits, at_least=True).sum().backward()
    assert logits.grad is not None
    assert logits.grad.sum().item() == pytest.approx(1.0, rel=1e-5)
    few = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: exclusive.losses(x, at_least=True), (few,))


def test_a_law_under_a_transform_compares_two_passes() -> None:
    constraints = rulekd.compile(["under mirror_x: left_of(a, b) <-> right_of(a, b)"])
    assert [str(t) for t in constraints.views] == ["mirror_x"]
    scene = {"left_of": torch.full((1, 2, 2), 3.0), "right_of": torch.full((1, 2, 2), -3.0)}
    image = {"left_of": torch.full((1, 2, 2), -3.0), "right_of": torch.full((1, 2, 2), 3.0)}
    assert constraints(scene, views={"mirror_x": image}).loss.item() == pytest.approx(0)
    broken = constraints(scene, views={"mirror_x": scene})
    assert broken.loss.item() > 0.5
    assert next(iter(broken.values())).strict == 1.0
    assert len(constraints(scene)) == 0, "without the image the law is left out of the reading"


TEXTS = ["r(a, b) -> s(b, a)", "r(a, b) & s(b, c) -> r(a, c)", "~(r(a, b) & s(a, b))", "r(a, b) | s(b, a)"]


@pytest.mark.parametrize("text", TEXTS)
def test_double_negation_and_contraposition_leave_a_clause_alone(text: str) -> None:
    spellings = [text, f"~~({text})"]
    formula = parse(text)
    if "->" in text:
        body, head = text.split(" -> ")
        spellings.append(f"~({head}) -> ~({body})")
    assert len({canonical(parse(spelling)) for spelling in spellings}) == 1
    logits = {name: torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1)) for name in "rs"}
    losses = {round(rulekd.compile([spelling])(logits).loss.item(), 6) for spelling in spellings}
    assert len(losses) == 1
    assert str(formula) == str(parse(str(formula)))


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 5), seed=st.integers(0, 99))
def test_splitting_scenes_changes_nothing_but_where_it_is_counted(cut: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = {name: 3 * torch.randn(6, 5, 5, generator=generator) for name in "rs"}
    constraints = rulekd.compile(TEXTS)
    whole = constraints(values)
    parts = [constraints({n: v[rows] for n, v in values.items()}) for rows in (slice(0, cut), slice(cut, 6))]
    for rule in whole:
        assert whole[rule].live == sum(part[rule].live for part in parts)
    weights = torch.tensor([cut / 6, 1 - cut / 6])
    means = torch.stack([part.loss for part in parts])
    assert whole.loss.item() == pytest.approx(float((weights * means).sum()), rel=1e-4)


def test_a_reading_is_asked_by_id_name_or_text_and_shows_the_worst() -> None:
    r = torch.full((1, 3, 3), -4.0)
    r[0, 0, 1], r[0, 1, 2], r[0, 0, 2] = 4.0, 3.0, -5.0
    constraints = rulekd.compile(["r(a, b) & r(b, c) -> r(a, c)"])
    reading = constraints({"r": r})
    rule = constraints.rules[0]
    for ref in (rule.id, rule.name, "r(x, y) & r(y, z) -> r(x, z)"):
        assert reading[ref].strict == 1.0
    (worst,) = reading[rule.id].worst(5)
    assert worst.objects == {"a": 0, "b": 1, "c": 2}
    assert worst.truth["r(a, c)"] < 0.01
    with pytest.raises(UnknownNameError):
        reading["symmetric(r)"]


def test_rejected_rules_and_those_that_follow_do_not_train() -> None:
    graph = KnowledgeGraph.of(["r(a, b) <-> s(b, a)", "r(a, b) -> s(b, a)", "r(a, b) & r(b, c) -> r(a, c)"])
    graph = graph.with_entailment().reject("r(a, b) & r(b, c) -> r(a, c)", reason="not here")
    assert [str(rule.formula) for rule in rulekd.compile(graph).rules] == ["r(a, b) <-> s(b, a)"]
    assert graph.rule("r(a, b) & r(b, c) -> r(a, c)").status is Status.REJECTED


def test_what_cannot_be_trained_is_listed_with_its_reason_and_judged_all_the_same() -> None:
    constraints = rulekd.compile(["p(a) -> exists b: r(a, b)", "p(a) -> q(a)"])
    assert list(constraints.untrained) == [Rule(parse("p(a) -> exists b: r(a, b)")).name]
    values = {"p": torch.full((1, 2), 5.0), "q": torch.full((1, 2), 5.0), "r": torch.full((1, 2, 2), -5.0)}
    reading = constraints(values)
    assert reading[constraints.rules[0].id].strict == 1.0
    assert reading.loss.item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(RulekdError, match="not trained"):
        _ = reading[constraints.rules[0].id].loss


def test_an_empty_quantifier_is_true_and_counted_and_never_nan() -> None:
    constraints = rulekd.compile(["p(a) -> (forall b: r(a, b))"])
    reading = constraints({"p": torch.full((1, 1), 5.0), "r": torch.full((1, 1, 1), -5.0)})
    only = next(iter(reading.values()))
    assert (only.live, only.strict) == (1, 0.0)
    assert reading.loss.item() == 0


def test_bad_logits_are_told_so() -> None:
    constraints = rulekd.compile(["left_of(a, b) -> right_of(b, a)"])
    with pytest.raises(UnknownNameError, match="right_of"):
        constraints({"left_of": torch.zeros(1, 2, 2), "right": torch.zeros(1, 2, 2)})
    with pytest.raises(ArityError, match="arity 1"):
        constraints({"left_of": torch.zeros(1, 2), "right_of": torch.zeros(1, 2, 2)})
    with pytest.raises(RulekdError, match="unknown semantics"):
        rulekd.compile(["p(a)"], semantics="godel")  # type: ignore[arg-type] # the mistake that is tested


def test_the_worst_grounding_of_a_law_under_a_transform_shows_scene_and_image() -> None:
    constraints = rulekd.compile(["under mirror_x: r(a, b) <-> s(a, b)"])
    reading = constraints({"r": torch.full((1, 2, 2), 3.0)}, views={"mirror_x": {"s": torch.full((1, 2, 2), -2.0)}})
    (worst,) = reading[constraints.rules[0].id].worst(1)
    assert worst.truth["r(a, b)"] == pytest.approx(0.953, abs=1e-3)
    assert worst.truth["mirror_x: s(a, b)"] == pytest.approx(0.119, abs=1e-3)


def test_the_worst_grounding_of_a_rule_about_the_scene() -> None:
    constraints = rulekd.compile(["exists a, b: r(a, b)"])
    reading = constraints({"r": torch.full((2, 2, 2), -3.0)})
    assert [binding.scene for binding in reading[constraints.rules[0].id].worst(5)] == [0, 1]
