"""What a reading is given: masks, scenes and views that do not fit are refused; NaN is never read as a kept rule."""

from __future__ import annotations

import math

import pytest
import torch

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
