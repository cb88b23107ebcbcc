"""A grounding at which a number that is compared is unknown is no grounding: it costs nothing, and is not counted."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import kg
import rulekd
from kg.formulas import Formula, quantified
from rulekd.constraints.plan import Backend
from rulekd.scenes import Scenes
from tests.constraints.plain import MEANINGS, Scene, mean_loss, scenes_of

#: By text the clauses of which the loss is the mean.
CLAUSES = {
    "p(a) -> mass(a) < mass(b)": ["p(a) -> mass(a) < mass(b)"],
    "r(a, b) & r(b, c) & mass(a) <= mass(c) -> r(a, c)": ["r(a, b) & r(b, c) & mass(a) <= mass(c) -> r(a, c)"],
    "r(a, b) & mass(a) < mass(b) -> q(b)": ["r(a, b) & mass(a) < mass(b) -> q(b)"],
    "(p(a) | q(b)) & (r(b, a) | mass(b) < mass(a))": ["p(a) | q(b)", "r(b, a) | mass(b) < mass(a)"],
    "r(a, b) <-> q(a) & mass(a) < mass(b)": [
        "r(a, b) -> q(a)", "r(a, b) -> mass(a) < mass(b)", "q(a) & mass(a) < mass(b) -> r(a, b)",
    ],
    "p(a) -> (exists b: r(a, b) & mass(a) < mass(b))": ["p(a) -> (exists b: r(a, b) & mass(a) < mass(b))"],
    "p(a) | (forall b: mass(b) < mass(a) | r(b, a))": ["p(a) | (forall b: mass(b) < mass(a) | r(b, a))"],
}  # fmt: skip
PLAIN = [text for text in CLAUSES if not quantified(kg.parse(text))]
SEMANTICS = ["coherent", "product"]


def drawn(seed: int = 0, batch: int = 5, size: int = 4) -> tuple[dict[str, Tensor], Scenes]:
    """Log-odds with a gradient, and scenes in which a third of the masses are unknown."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"p": (batch, size), "q": (batch, size), "r": (batch, size, size)}
    odds = {
        name: (2 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
        for name, shape in shapes.items()
    }
    mask = torch.arange(size) < torch.randint(2, size + 1, (batch, 1), generator=generator)
    mass = torch.rand(batch, size, generator=generator, dtype=torch.float64)
    lost = torch.rand(batch, size, generator=generator) < 0.3
    return odds, Scenes(mask=mask, numbers={"mass": mass.masked_fill(lost | ~mask, torch.nan)})


def plain_scenes(odds: dict[str, Tensor], scenes: Scenes) -> list[Scene]:
    return scenes_of({name: value.detach() for name, value in odds.items()}, scenes.mask, scenes.numbers["mass"])


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("text", CLAUSES)
def test_losses_are_means_over_what_is_known(text: str, semantics: str) -> None:
    odds, scenes = drawn()
    whole, parts = kg.parse(text), [kg.parse(part) for part in CLAUSES[text]]
    reading = rulekd.compile([text], semantics)(odds, scenes=scenes)  # type: ignore[arg-type]
    plain = plain_scenes(odds, scenes)
    truth = [mean_loss(_over_all(part, whole), plain, MEANINGS[semantics], whole) for part in parts]
    loss, violation = (sum(one[place] for one in truth) / len(truth) for place in (0, 1))
    assert loss > 0.005
    assert reading.loss.item() == pytest.approx(loss, rel=1e-5)
    assert reading[text].violation == pytest.approx(violation, rel=1e-5)
    reading.loss.backward()
    assert all(bool(value.grad.isfinite().all()) for value in odds.values() if value.grad is not None)


def _over_all(part: Formula, whole: Formula) -> Formula:
    """The part with all variables of the whole, so that its mean runs over the same groundings."""
    lacking = set(kg.free_variables(whole)) - set(kg.free_variables(part))
    return kg.Or((part, *(kg.Not(kg.parse(f"{name} = {name}")) for name in sorted(lacking)))) if lacking else part


@pytest.mark.parametrize("text", ["r(a, b) <-> mass(a) < mass(b)", "~r(a, b) <-> mass(a) < mass(b)"])
def test_a_definition_is_a_label_where_it_is_known(text: str) -> None:
    odds, scenes = drawn()
    constraints = rulekd.compile([text])
    assert constraints.planned[0].backend is Backend.CONSISTENCY
    reading = constraints(odds, scenes=scenes)
    said, mass = torch.sigmoid(odds["r"]), scenes.numbers["mass"]
    real = scenes.mask[:, :, None] & scenes.mask[:, None] & ~torch.eye(4, dtype=torch.bool)
    asked = real & ~(mass[:, :, None] + mass[:, None]).isnan()
    held = (mass[:, :, None] < mass[:, None]) ^ text.startswith("~")
    wanted = -torch.where(held, said, 1 - said).log()[asked].mean()
    square = ((said - held.double()) ** 2)[asked].mean()
    assert reading.loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert reading[text].violation == pytest.approx(square.item(), rel=1e-5)
    reading.loss.backward()
    assert odds["r"].grad is not None
    assert torch.equal(odds["r"].grad != 0, asked)


@pytest.mark.parametrize("semantics", [*SEMANTICS, "exact"])
@pytest.mark.parametrize("text", [*PLAIN, "r(a, b) <-> mass(a) < mass(b)"])
def test_all_unknown_is_nothing_asked(text: str, semantics: str) -> None:
    odds, scenes = drawn()
    nothing = replace(scenes, numbers={"mass": torch.full_like(scenes.numbers["mass"], torch.nan)})
    reading = rulekd.compile([text], semantics)(odds, scenes=nothing)  # type: ignore[arg-type]
    assert (reading[text].live, reading[text].broken) == (0, 0)
    assert reading.loss.item() == pytest.approx(0, abs=1e-9)
    reading.loss.backward()
    assert all(value.grad is None or not value.grad.any() for value in odds.values())


@pytest.mark.parametrize("semantics", [*SEMANTICS, "exact"])
def test_a_rule_costs_among_others_what_it_costs_alone(semantics: str) -> None:
    odds, scenes = drawn(1)
    texts = [*(PLAIN if semantics == "exact" else CLAUSES)]
    texts += ["r(a, b) <-> mass(a) < mass(b)", "r(a, b) & r(b, c) -> r(a, c)", "p(a) -> q(a)"]
    together = rulekd.compile(texts, semantics)(odds, scenes=scenes)  # type: ignore[arg-type]
    for text in texts:
        alone = rulekd.compile([text], semantics)(odds, scenes=scenes)  # type: ignore[arg-type]
        assert together[text].loss.item() == pytest.approx(alone.loss.item(), rel=1e-6)


def test_a_category_that_is_unknown_is_not_another_one() -> None:
    scenes = Scenes(
        mask=torch.ones(1, 3, dtype=torch.bool),
        categories={"kind": torch.tensor([[0, 1, -1]])},
        category_names={"kind": ("cup", "desk")},
    )
    said = torch.tensor([[5.0, 5.0, 5.0]], requires_grad=True)
    reading = rulekd.compile(['p(a) -> kind(a) != "cup"'])({"p": said}, scenes=scenes)
    (rule,) = reading.values()
    assert (rule.live, rule.broken) == (2, 1)
    assert rule.violation == pytest.approx(torch.sigmoid(torch.tensor(5.0)).item() / 2, rel=1e-5)
    reading.loss.backward()
    assert said.grad is not None
    assert said.grad[0, 2] == 0 != said.grad[0, 0]


def test_beside_numbers_of_the_network_what_is_unknown_of_the_scene_is_not_asked() -> None:
    scenes = Scenes(mask=torch.ones(1, 3, dtype=torch.bool), numbers={"limit": torch.tensor([[1.0, math.nan, 3.0]])})
    speed, fast = (torch.full((1, 3), value, requires_grad=True) for value in (2.0, -1.0))
    for text in ("speed(a) > limit(a) -> fast(a)", "fast(a) <-> speed(a) * limit(a) > 5"):
        constraints = rulekd.compile([text], numbers={"speed": 1.0})
        reading = constraints({"fast": fast}, scenes=scenes, numbers={"speed": speed})
        (rule,) = reading.values()
        assert (rule.live, rule.broken) == (1, 1)
        reading.loss.backward()
        for value in (speed, fast):
            assert value.grad is not None
            assert value.grad[0, 1] == 0
            assert bool(value.grad.isfinite().all())
            assert bool(value.grad.any())
            value.grad = None


@pytest.mark.parametrize("semantics", SEMANTICS)
def test_a_compiled_graph_reads_what_is_known(semantics: str) -> None:
    odds, scenes = drawn()
    texts = [*PLAIN, "r(a, b) <-> mass(a) < mass(b)"]
    constraints = rulekd.compile(texts, semantics)  # type: ignore[arg-type]

    def loss(values: dict[str, Tensor]) -> Tensor:
        return constraints(values, scenes=scenes).loss

    compiled = torch.compile(loss, backend="aot_eager")
    assert compiled(odds).item() == pytest.approx(loss(odds).item(), rel=1e-5)


@pytest.mark.parametrize("limit", [math.nan, 0.0])
@pytest.mark.parametrize("law", ["fast(a) -> speed(a) / limit(a) < 2", "fast(a) <-> speed(a) / limit(a) < 2"])
def test_a_divisor_that_is_unknown_or_nothing_leaves_gradients_finite(law: str, limit: float) -> None:
    fast, speed = torch.zeros(1, 3, requires_grad=True), torch.full((1, 3), 3.0, requires_grad=True)
    scenes = Scenes(mask=torch.ones(1, 3, dtype=torch.bool), numbers={"limit": torch.tensor([[1.0, limit, 3.0]])})
    reading = rulekd.compile([law], numbers={"speed": 1.0})({"fast": fast}, scenes=scenes, numbers={"speed": speed})
    slopes = torch.autograd.grad(reading.loss, (fast, speed))
    assert all(bool(slope.isfinite().all()) for slope in slopes)
    assert slopes[0].abs().sum() > 0
