"""What a reading is given: masks, scenes and views that do not fit are refused; NaN is never read as a kept rule."""

from __future__ import annotations

import math

import pytest
import torch

import kg
import rulekd
from kg import RulekdError
from rulekd.scenes import Scenes

LAW = "left_of(a, b) & left_of(b, c) -> left_of(a, c)"
MIRROR = "under mirror_x: left_of(a, b) <-> left_of(b, a)"


def logits(scenes: int = 2, objects: int = 4) -> dict[str, torch.Tensor]:
    return {"left_of": torch.randn(scenes, objects, objects, generator=torch.Generator().manual_seed(0))}


@pytest.mark.parametrize("rows", [1, 3])
def test_a_mask_of_other_scenes_is_refused(rows: int) -> None:
    with pytest.raises(RulekdError, match="mask has"):
        rulekd.compile([LAW])(logits(), mask=torch.ones(rows, 4, dtype=torch.bool))


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(RulekdError, match="ndarray"):
        rulekd.compile([LAW])({"left_of": logits()["left_of"].numpy()})  # type: ignore[dict-item]
    with pytest.raises(RulekdError, match="list"):
        rulekd.compile([LAW])(logits(), mask=[[True] * 4] * 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_nan_shows_in_the_loss_where_it_is_valid_and_only_there(semantics: str) -> None:
    values, mask = logits(), torch.tensor([[True, True, True, False]] * 2)
    constraints = rulekd.compile([LAW], semantics)  # type: ignore[arg-type]
    values["left_of"][:, 3] = math.nan
    assert math.isfinite(constraints(values, mask=mask).loss.item())
    values["left_of"][0, 0, 1] = math.nan
    assert math.isnan(constraints(values, mask=mask).loss.item())


def test_padding_of_scenes_is_no_object() -> None:
    scenes = Scenes.from_objects([[{"center": (float(i), 0, 0)} for i in range(n)] for n in (3, 2)])
    rule = "left_of(a, b) | x(a) <= x(b) | x(a) > x(b)"
    assert next(iter(rulekd.compile([rule])(logits(2, 3), scenes=scenes).values())).live == 3 * 2 + 2
    with pytest.raises(RulekdError, match="scenes: 2 scenes of 3 objects"):
        rulekd.compile([rule])(logits(2, 4), mask=torch.ones(2, 4, dtype=torch.bool), scenes=scenes)


def test_a_view_needs_the_predicates_that_are_read_in_it_and_no_others() -> None:
    constraints = rulekd.compile([MIRROR, "left_of(a, b) -> ~on(a, b)"])
    values = logits() | {"on": torch.randn(2, 4, 4)}
    turned = {"mirror_x": {"left_of": values["left_of"].transpose(1, 2)}}
    reading = constraints(values, views=turned)
    assert reading[MIRROR].loss.item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(RulekdError, match="mirror_x"):
        constraints(values, views={"miror_x": turned["mirror_x"]})
    with pytest.raises(RulekdError, match="the view 'mirror_x': 2 scenes of 5 objects"):
        constraints(values, views={"mirror_x": logits(2, 5)})


def test_a_law_whose_view_is_not_given_is_named_and_not_left_out_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    constraints = rulekd.compile([MIRROR, LAW])
    readings = [constraints(logits()) for _ in range(3)]
    assert [one.levelname for one in caplog.records] == ["WARNING"], "once"
    assert "1 of 2 rules are not read, as no views are given" in caplog.text
    reading = readings[0]
    assert list(reading.unread.values()) == ["no view 'mirror_x' was given"]
    assert [one.rule.id for one in reading.values()] == [constraints.rules[1].id]
    assert rulekd.compile([MIRROR, LAW])(logits(), views={}).unread == reading.unread
    assert len(caplog.records) == 1, "said on purpose"
    assert constraints(logits(), views={"mirror_x": logits()}).unread == {}


RULES = {
    "clause": LAW,
    "equality": "left_of(a, b) <-> right_of(b, a)",
    "count": "exactly_one(left_of(a, b), right_of(a, b), level(a, b))",
    "quantifier": "big(a) -> exists b: left_of(a, b)",
    "one object": "big(a) -> red(a)",
    "of the scene": "full() -> exists a: big(a)",
}


@pytest.mark.parametrize("semantics", ["coherent", "product", "exact"])
@pytest.mark.parametrize("chosen", [*RULES, "all"])
@pytest.mark.parametrize("shape", [(0, 3), (0, 0), (2, 0), (2, 1), (2, 2)], ids=str)
def test_no_scenes_and_no_objects_cost_nothing_and_train(semantics: str, chosen: str, shape: tuple[int, int]) -> None:
    batch, size = shape
    values = {name: torch.randn(batch, size, size) for name in ("left_of", "right_of", "level")}
    values |= {name: torch.randn(batch, size) for name in ("big", "red")} | {"full": torch.randn(batch)}
    values = {name: value.requires_grad_() for name, value in values.items()}
    rules = list(RULES.values()) if chosen == "all" else [RULES[chosen]]
    constraints = rulekd.compile(rules, semantics, p=2)
    reading = constraints(values)
    assert bool(reading.loss.isfinite())
    assert batch or reading.loss.item() == 0
    reading.loss.backward()
    assert all(value.grad is None or bool(value.grad.isfinite().all()) for value in values.values())
    for one in reading.values():
        assert batch or (one.live, one.strict, one.worst()) == (0, None, [])
        if one.rule.name not in constraints.untrained:
            assert math.isfinite(one.violation)
            assert batch or (one.conditional, one.silent) == (None, 0)


def test_what_compile_is_given_must_fit_the_vocabulary() -> None:
    words = kg.Vocabulary({"left_of": 2, "big": 1})
    with pytest.raises(RulekdError, match=r"unknown predicate 'lef_of'.*\n.*'left_of'"):
        rulekd.compile(["lef_of(a, b) -> big(a)"], vocabulary=words)
    with pytest.raises(RulekdError, match="'big' takes 1 arguments and is given 2"):
        rulekd.compile(["left_of(a, b) -> big(a, b)"], vocabulary=words)
    with pytest.raises(RulekdError, match=r"'big' has 2 arguments .* and 1 elsewhere"):
        rulekd.compile(["big(a) -> left_of(a, a)", "left_of(a, b) -> big(a, b)"])


def test_misspelt_logits_are_named() -> None:
    wanted = r"needs logits of an unknown predicate 'left_of'; known: lft_of, on\n.*'lft_of'"
    with pytest.raises(RulekdError, match=wanted):
        rulekd.compile([LAW, "on(a, b) -> ~on(b, a)"])({"lft_of": torch.randn(2, 3, 3), "on": torch.randn(2, 3, 3)})


def test_readings_of_other_rules_or_scenes_are_not_compared() -> None:
    reading = rulekd.compile([LAW])(logits())
    with pytest.raises(RulekdError, match=r"lacks transitive\(left_of\)"):
        reading.vacuous(rulekd.compile(["left_of(a, b) -> ~left_of(b, a)"])(logits()))
    with pytest.raises(RulekdError, match="one reading is of 2 scenes, the other of 3"):
        reading.vacuous(rulekd.compile([LAW])(logits(3)))


@pytest.mark.parametrize(
    ("semantics", "rule"),
    [
        *(("coherent", rule) for rule in ("p(a, b) -> ~p(b, a)", "p(a, b) <-> p(b, a)", "q(a) -> exists b: p(a, b)")),
        ("product", "q(a) -> exists b: p(a, b)"),
        ("exact", "p(a, b) -> ~p(b, a)"),
    ],
)
def test_answers_that_are_all_given_are_judged_and_have_no_loss(semantics: str, rule: str) -> None:
    generator = torch.Generator().manual_seed(0)
    crisp = {"p": torch.rand(2, 4, 4, generator=generator) < 0.6, "q": torch.rand(2, 4, generator=generator) < 0.6}
    given = rulekd.compile([rule], semantics)(crisp)
    said = rulekd.compile([rule], semantics)({name: torch.where(x, 20.0, -20.0) for name, x in crisp.items()})
    (one,), (other,) = given.values(), said.values()
    assert (one.live, one.broken, one.strict) == (other.live, other.broken, other.strict)
    assert one.violation == pytest.approx(other.violation, abs=1e-6)
    for ask in (lambda: given.loss, lambda: given.losses, lambda: given.losses_by_run(2), lambda: one.loss):
        with pytest.raises(RulekdError, match="given truth has no gradient"):
            ask()
    assert "no loss: all is given" in str(given)


def test_given_facts_beside_a_network_train_it() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    reading = rulekd.compile(["p(a) -> q(a)"])({"p": torch.ones(1, 3, dtype=torch.bool), "q": logits})
    assert not reading.given
    reading.loss.backward()
    assert logits.grad is not None
    assert bool((logits.grad < 0).all())
