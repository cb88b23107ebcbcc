"""Equalities, counts, laws under a transform, and what a reading tells."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rulekd
from kg import ArityError, KnowledgeGraph, RulekdError, Status, UnknownNameError, parse
from kg.normal import canonical
from rulekd.scenes import Scenes

EQUAL = rulekd.compile(["p(a) <-> q(a)"])


def equal(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The loss of p <-> q in scenes of one object."""
    return EQUAL({"p": left[:, None], "q": right[:, None]}).loss


@pytest.mark.parametrize("size", [0.3, 30.0, 120.0])
def test_an_equality_pulls_both_sides_oppositely_and_is_alive(size: float) -> None:
    left, right = torch.tensor([size], requires_grad=True), torch.tensor([-size], requires_grad=True)
    equal(left, right).backward()
    assert left.grad is not None
    assert right.grad is not None
    wanted = (torch.tensor(size).sigmoid() - torch.tensor(-size).sigmoid()) / 4
    assert left.grad.item() == pytest.approx(wanted.item())
    assert right.grad.item() == pytest.approx(-wanted.item())


def test_an_equality_is_the_divergence_of_both_sides_from_their_mean() -> None:
    for x, y in ((0.3, -1.2), (4.0, 2.0), (-30.0, 1.0)):
        p, q = (1 / (1 + math.exp(-z)) for z in (x, y))
        mean = (p + q) / 2
        wanted = (
            sum(m * math.log(m / one) for one, m in ((p, mean), (1 - p, 1 - mean), (q, mean), (1 - q, 1 - mean))) / 2
        )
        found = equal(torch.tensor([x], dtype=torch.float64), torch.tensor([y], dtype=torch.float64))
        assert found.item() == pytest.approx(wanted, rel=1e-9)


def test_an_equality_is_zero_exactly_where_both_sides_agree() -> None:
    for value in torch.linspace(-100, 100, 21):
        assert equal(value[None], value[None]).item() < 1e-6  # 2e-7 seen
    assert equal(torch.zeros(1), torch.ones(1)).item() > 1e-4


def test_beside_a_given_side_only_the_other_learns() -> None:
    given_side, logits = torch.tensor([True, False]), torch.tensor([-2.0, -2.0], requires_grad=True)
    loss = equal(given_side, logits)
    loss.backward()
    assert logits.grad is not None
    assert torch.allclose(2 * logits.grad, torch.sigmoid(torch.tensor([-2.0, -2.0])) - torch.tensor([1.0, 0.0]))
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, given_side.float())
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)


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
    values = {name: logits[i].reshape(1, 1) for i, name in enumerate("xyz")}
    for kind, wanted in (("exactly_one", exactly), ("at_most_one", at_most)):
        reading = next(iter(rulekd.compile([f"{kind}(x(a), y(a), z(a))"])(values).values()))
        assert reading.violation == pytest.approx(wanted, abs=1e-9)
        assert (reading.loss.item() > 1e-9) == (wanted > 0)


def test_counts_are_alive_at_120_and_match_differences() -> None:
    constraints = rulekd.compile(["exactly_one(x(a), y(a), z(a))"])
    values = {name: torch.full((1, 1), 120.0, requires_grad=True) for name in "xyz"}
    constraints(values).loss.backward()
    assert sum(v.grad.item() for v in values.values() if v.grad is not None) == pytest.approx(1.0, rel=1e-5)

    def loss(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return constraints({"x": x, "y": y, "z": z}).loss

    few = tuple(torch.randn(3, 2, dtype=torch.float64, requires_grad=True) for _ in "xyz")
    assert torch.autograd.gradcheck(loss, few)


def test_a_law_under_a_transform_compares_two_passes() -> None:
    constraints = rulekd.compile(["under mirror_x: left_of(a, b) <-> right_of(a, b)"])
    assert [str(t) for t in constraints.views] == ["mirror_x"]
    scene = {"left_of": torch.full((1, 2, 2), 3.0), "right_of": torch.full((1, 2, 2), -3.0)}
    image = {"left_of": torch.full((1, 2, 2), -3.0), "right_of": torch.full((1, 2, 2), 3.0)}
    assert constraints(scene, views={"mirror_x": image}).loss.item() == pytest.approx(0, abs=1e-6)  # 1e-7 seen
    broken = constraints(scene, views={"mirror_x": scene})
    assert broken.loss.item() > 0.5
    assert next(iter(broken.values())).strict == 1.0
    assert len(constraints(scene, views={})) == 0, "without the image the law is left out of the reading"


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
    constraints = rulekd.compile(["p(a) -> r(a, a)", "x(a) > 1", "p(a) -> p(a) | q(a)", "p(a) -> q(a)"])
    assert constraints.untrained == {
        "p(a) -> r(a, a)": "'r(a, a)' names an object twice, and 'r' has no meaning there",
        "x(a) > 1": "it speaks of geometry only: the network speaks nowhere",
        "p(a) -> p(a) | q(a)": "it holds in every scene",
    }
    values = {"p": torch.full((1, 2), 5.0), "q": torch.full((1, 2), 5.0), "r": torch.full((1, 2, 2), -5.0)}
    scenes = Scenes.from_objects([[{"center": (0, 0, 0)}, {"center": (2, 0, 0)}]])
    reading = constraints(values, scenes=scenes)
    assert reading["x(a) > 1"].strict == 0.5
    assert len(reading.losses) == 1
    assert reading.loss.item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(RulekdError, match="not trained: it speaks of geometry only"):
        _ = reading["x(a) > 1"].loss


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


def test_what_cannot_be_read_here_is_a_dash_in_print_and_the_rest_is_shown() -> None:
    constraints = rulekd.compile(["left_of(a, b) -> ~left_of(b, a)", "x(a) < 2"])
    reading = constraints({"left_of": torch.full((1, 2, 2), -0.5)})
    lines = str(reading).splitlines()
    assert lines[0].split() == ["rule", "loss", "violation", "broken", "silent", "live"]
    assert lines[3].split()[-5:] == ["-"] * 5
    assert lines[-1].startswith("loss ")
    assert [line.split()[0] for line in str(reading["asymmetric(left_of)"]).splitlines()] == lines[0].split()
