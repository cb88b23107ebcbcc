"""Classes told by what exists, and by how many there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import kg
import rulekd
from kg import Iff, parse
from kg.formulas import Formula
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.decisions import decisions
from rulekd.extraction.fitting.amounts import amounts
from rulekd.extraction.fitting.columns import Sites
from rulekd.extraction.fitting.questions import sites_of, told
from rulekd.facts import Facts
from rulekd.scenes import Scenes

Values = dict[str, Tensor]


def things(count: int, seed: int = 0, objects: int = 5) -> tuple[Values, Tensor]:
    """(values, mask): scenes of two to five things in three colours, some big, some touching; padding says yes."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(objects) < torch.randint(2, objects + 1, (count, 1), generator=generator)
    colour = torch.randint(3, (count, objects), generator=generator)
    values = {name: colour == place for place, name in enumerate(("red", "blue", "green"))}
    values["big"] = torch.rand(count, objects, generator=generator) < 0.5
    values["touch"] = torch.rand(count, objects, objects, generator=generator) < 0.3
    pairs = mask[:, :, None] & mask[:, None] & ~torch.eye(objects, dtype=torch.bool)
    return {name: value | ~(mask if value.dim() == 2 else pairs) for name, value in values.items()}, mask


def real(values: Values, mask: Tensor) -> Values:
    pairs = mask[:, :, None] & mask[:, None] & ~torch.eye(mask.shape[1], dtype=torch.bool)
    return {name: value & (mask if value.dim() == 2 else pairs) for name, value in values.items()}


@pytest.mark.parametrize("variables", [(), ("a",)])
def test_a_column_is_what_its_text_says_and_so_is_its_opposite(variables: tuple[str, ...]) -> None:
    values, mask = things(30)
    facts = Facts(values, mask=mask)
    scenes = Scenes(
        mask=mask,
        categories={"stuff": torch.randint(-1, 2, mask.shape, generator=torch.Generator().manual_seed(1))},
        category_names={"stuff": ("wood", "glass")},
        scene_categories={"wanted": torch.randint(-1, 2, (30,), generator=torch.Generator().manual_seed(2))},
        scene_category_names={"wanted": ("glass", "stone")},
    )
    everywhere = Sites(scenes, (), torch.arange(30), torch.zeros(0, 30, dtype=torch.int64))
    sites = sites_of(facts, scenes, variables) if variables else everywhere
    made = list(amounts(facts, sites, {"green"}))
    assert len(made) > 50
    for column in made:
        assert "green" not in str(column.left)
        for above in (True, False):
            said = told(column.literal(above, 0.5), sites, facts)
            assert said.tolist() == ((column.values > 0.5) == above).tolist(), column.literal(above, 0.5)


SCENE_LAWS: dict[str, Callable[[Values], Tensor]] = {
    "exists a, b: red(a) & red(b)": lambda v: v["red"].sum(1) >= 2,
    "exists a, b, c: big(a) & big(b) & big(c)": lambda v: v["big"].sum(1) >= 3,
    "(exists a: red(a)) & ~(exists a, b: red(a) & red(b))": lambda v: v["red"].sum(1) == 1,
    "~(exists a: red(a))": lambda v: ~v["red"].any(1),
    "forall a: red(a) -> big(a)": lambda v: ~(v["red"] & ~v["big"]).any(1),
    "(exists a: red(a) & big(a)) & ~(exists a, b: red(a) & big(a) & red(b) & big(b))": lambda v: (
        (v["red"] & v["big"]).sum(1) == 1
    ),
}

OBJECT_LAWS: dict[str, Callable[[Values], Tensor]] = {
    "exists b: touch(a, b) & red(b)": lambda v: (v["touch"] & v["red"][:, None]).any(2),
    "forall b: touch(b, a) -> big(b)": lambda v: ~(v["touch"] & ~v["big"][:, :, None]).any(1),
    "exists b, c: touch(a, b) & touch(a, c)": lambda v: v["touch"].sum(2) >= 2,
    "red(a) & ~(exists b: touch(a, b))": lambda v: v["red"] & ~v["touch"].any(2),
}


def found(law: Callable[[Values], Tensor], arity: int) -> list[Formula]:
    """What is proposed for a planted class of 600 scenes."""
    values, mask = things(600, seed=3)
    goal = law(real(values, mask))
    facts = Facts({**values, "goal": goal if arity == 0 else goal & mask}, mask=mask)
    return [
        formula.right
        for formula in decisions(Discovery(facts)).formulas
        if isinstance(formula, Iff) and formula.left == parse("goal(a)" if arity else "goal()")
    ]


@pytest.mark.parametrize("text", SCENE_LAWS)
def test_a_class_of_scenes_is_told_by_amounts(text: str) -> None:
    (body,) = found(SCENE_LAWS[text], 0)
    assert kg.Rule(Iff(parse("goal()"), body)).id == kg.Rule(Iff(parse("goal()"), parse(text))).id, body


@pytest.mark.parametrize("text", OBJECT_LAWS)
def test_a_class_of_objects_is_told_by_what_is_around_them(text: str) -> None:
    (body,) = found(OBJECT_LAWS[text], 1)
    assert kg.Rule(Iff(parse("goal(a)"), body)).id == kg.Rule(Iff(parse("goal(a)"), parse(text))).id, body


def test_what_needs_no_quantifier_is_left_to_other_families() -> None:
    assert found(lambda v: v["red"] & v["big"], 1) == []


def test_a_class_at_random_is_told_by_nothing() -> None:
    assert found(lambda v: torch.rand(v["red"].shape, generator=torch.Generator().manual_seed(5)) < 0.4, 1) == []
    assert found(lambda v: torch.rand(len(v["red"]), generator=torch.Generator().manual_seed(5)) < 0.4, 0) == []


def test_a_network_s_class_is_confirmed_and_trains_a_student() -> None:
    values, mask = things(400, seed=4)
    held = (real(values, mask)["touch"] & values["big"][:, :, None]).any(1) & mask
    graph = rulekd.mine(Facts({**values, "held": held}, mask=mask))
    law = parse("held(a) <-> exists b: touch(b, a) & big(b)")
    rule = next(rule for rule in graph.rules() if rule.id == kg.Rule(law).id)
    assert rule.evidence is not None
    assert rule.evidence.confirmed
    assert rule.evidence.violations == 0
    generator = torch.Generator().manual_seed(0)
    logits = {
        name: torch.randn(value[:8].shape, generator=generator) for name, value in {**values, "held": held}.items()
    }
    logits = {name: value.requires_grad_() for name, value in logits.items()}
    constraints = rulekd.compile([rule])
    constraints(logits, mask=mask[:8]).loss.backward()
    for name in ("held", "touch", "big"):
        gradient = logits[name].grad
        assert gradient is not None
        assert bool(gradient.isfinite().all())
        assert float(gradient.abs().sum()) > 0


def test_a_class_that_a_number_of_the_scene_tells_speaks_of_no_object() -> None:
    """A body of two variables may be left with literals about the scene alone."""
    generator = torch.Generator().manual_seed(4)
    mask = torch.ones(80, 2, dtype=torch.bool)
    light = torch.rand(80, generator=generator)
    touch = torch.rand(80, 2, 2, generator=generator) < 0.5
    bright = (light > 0.4) ^ (torch.rand(80, generator=generator) < 0.1)
    scenes = Scenes(
        mask=mask, numbers={"weight": torch.rand(80, 2, generator=generator)}, scene_numbers={"light": light}
    )
    found = decisions(Discovery(Facts({"bright": bright, "touch": touch}, mask=mask), scenes=scenes)).formulas
    assert found
    assert all(parse(str(one)) == one for one in found)
