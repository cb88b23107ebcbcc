"""A condition without a number is found where it holds without exception, and goes through the whole way."""

from __future__ import annotations

import pytest
import torch

import kg
import rulekd
from kg import parse
from rulekd.extraction.families.conditions import without_number
from rulekd.scenes import Scenes, SceneSet


@pytest.mark.parametrize(
    ("literal", "weaker"),
    [
        ("bottom(a) - top(b) >= 0.01", "top(b) <= bottom(a)"),
        ("x(a) - x(b) < -2", "x(a) <= x(b)"),
        ("x(a) - x(b) <= 0.5", None),
        ("bottom(a) - top(b) >= -0.01", None),
        ("distance(a, b) <= 2", None),
        ("x(a) <= x(b)", None),
    ],
)
def test_a_weaker_condition_has_no_number(literal: str, weaker: str | None) -> None:
    found = without_number(parse(literal))
    assert (None if found is None else str(found)) == weaker


class Above(torch.nn.Module):
    """Well above in most cases, by 0.02 on every tenth object: the definition is blurred, the condition is not."""

    def forward(self, center: torch.Tensor, size: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, N, 3) each -> log-odds (B, N, N)."""
        bottom, top = center[..., 2] - size[..., 2] / 2, center[..., 2] + size[..., 2] / 2
        room = bottom[:, :, None] - top[:, None]
        least = torch.where((center[..., 0] * 1000).long() % 10 == 0, 0.02, 0.3)[:, :, None]
        return {"above": 100 * (room - least)}


def told(count: int, families: list[str]) -> kg.KnowledgeGraph:
    """What is read off the network in so many scenes of four boxes."""
    generator = torch.Generator().manual_seed(0)
    scenes = Scenes(
        mask=torch.ones(count, 4, dtype=torch.bool),
        center=torch.rand(count, 4, 3, generator=generator) * 2,
        size=0.1 + 0.4 * torch.rand(count, 4, 3, generator=generator),
    )
    network = rulekd.Predictor(Above(), {"above": 2}, inputs=lambda s: (s["center"], s["size"]))
    return rulekd.extract(network, SceneSet(scenes), families=families)


def test_what_is_demanded_by_a_definition_that_was_fitted_to_all_scenes_is_not_confirmed() -> None:
    graph = told(110, ["algebra", "definitions"])
    confirmed = {rule.text for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed}
    assert "above(a, b) -> top(b) <= bottom(a)" in graph
    assert confirmed == {rule.text for rule in graph.rules() if rule.provenance.family == "algebra"} != set()
    assert any(note.endswith("fewer than 100 independent units: none is confirmed") for note in graph.notes)


def test_what_a_blurred_definition_demands_is_a_rule_of_its_own() -> None:
    graph = told(400, ["definitions"])
    rule = graph.rule("above(a, b) -> top(b) <= bottom(a)")
    assert rule.evidence is not None
    assert rule.evidence.violations == 0
    assert rule.evidence.confirmed
    definition = next(rule for rule in graph.rules() if isinstance(rule.formula, kg.Iff))
    assert definition.evidence is not None
    assert definition.evidence.violations > 0
