"""Whose fault is a counterexample? A network with known faults, each kind of which is told apart."""

from __future__ import annotations

import pytest
import torch

from kg import Counterexample, Verdict, parse
from rulekd.extraction import Effort, hunt
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet

EFFORT = Effort(tries=400, starts=16, steps=40)

#: A pocket amid which a is denied to be left of anything.
MIDDLE, RADIUS = torch.tensor([0.3, 0.5, 0.5]), 0.25


class Sides(torch.nn.Module):
    """left_of and right_of by x, and near by distance; each with one fault.

    fault: "one-sided" = left_of is denied in a pocket, right_of is not; "both" = right_of is denied as well; "leaning"
    = left_of needs a little more, so that the two disagree in a thin layer only.
    """

    def __init__(self, fault: str, steep: float = 60.0) -> None:
        super().__init__()
        self.fault, self.steep = fault, steep

    def forward(self, center: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, N, 3) -> log-odds."""
        far = self.steep * (center[:, None, :, 0] - center[:, :, None, 0])
        depth = 2 * self.steep * torch.sigmoid((RADIUS - (center - MIDDLE).norm(dim=-1)) / 0.02)
        lean = 0.005 * self.steep if self.fault == "leaning" else 0.0
        left = far - lean - (0 if self.fault == "leaning" else depth[:, :, None])
        right = far - (depth[:, :, None] if self.fault == "both" else 0)
        return {"left_of": left, "right_of": right.transpose(1, 2), "beyond": far}


def scenes(definitions: dict[str, str] | None = None, seed: int = 0) -> SceneSet:
    """Two hundred scenes of three things in a cube of 1 m."""
    center = torch.rand(200, 3, 3, generator=torch.Generator().manual_seed(seed))
    made = Scenes(mask=torch.ones(200, 3, dtype=torch.bool), center=center)
    return SceneSet(made, definitions={name: parse(text) for name, text in (definitions or {}).items()})


def worst(fault: str, rule: str, definitions: dict[str, str] | None = None) -> Counterexample:
    words = {"left_of": 2, "right_of": 2, "beyond": 2}
    teacher = Predictor(Sides(fault), words, inputs=lambda s: s["center"])
    return hunt(teacher, scenes(definitions), rule, EFFORT).hunt.found[0]


TRUE = {
    "left_of": "left_of(a, b) <-> x(a) < x(b)",
    "right_of": "right_of(a, b) <-> x(a) > x(b)",
    "beyond": "beyond(a, b) <-> x(a) < x(b)",
}


def test_definitions_that_keep_the_rule_blame_the_network() -> None:
    found = worst("one-sided", "beyond(a, b) -> left_of(a, b)", TRUE)
    assert found.verdict is Verdict.TEACHER
    assert found.reason == "labels by definition keep the rule there"


def test_definitions_that_break_the_rule_blame_the_rule() -> None:
    found = worst("leaning", "left_of(a, b) & left_of(a, c) -> left_of(b, c)", TRUE)
    assert found.verdict is Verdict.RULE
    assert found.reason == "labels by definition break it there as well"


def test_definitions_of_definitions_are_followed_and_labels_that_nobody_gave_are_not() -> None:
    chained = {**TRUE, "left_of": "left_of(a, b) <-> right_of(b, a)"}
    assert worst("one-sided", "beyond(a, b) -> left_of(a, b)", chained).reason.startswith("labels by definition")
    partly = {"left_of": TRUE["left_of"]}
    assert "definition" not in worst("one-sided", "beyond(a, b) -> left_of(a, b)", partly).reason


def test_definitions_are_read_in_the_image_as_well() -> None:
    found = worst("one-sided", "under mirror_x: left_of(a, b) <-> right_of(a, b)", TRUE)
    assert found.verdict is Verdict.TEACHER
    assert found.reason == "labels by definition keep the rule there"
    found = worst("one-sided", "under mirror_x: right_of(a, b) <-> right_of(a, b)", TRUE)
    assert found.verdict is Verdict.RULE


def test_an_inverse_answer_that_disagrees_blames_the_network() -> None:
    """Nobody defined anything: but right_of(b, a) is said where left_of(a, b) is denied."""
    found = worst("one-sided", "beyond(a, b) -> left_of(a, b)")
    assert found.verdict is Verdict.TEACHER
    assert found.reason == "its inverse answer disagrees: ~left_of(a, b), right_of(b, a)"


def test_two_answers_that_the_rule_itself_sets_against_each_other_leave_it_open() -> None:
    found = worst("one-sided", "left_of(a, b) <-> right_of(b, a)")
    assert found.verdict is Verdict.OPEN
    assert "either may be wrong" in found.reason


def test_sure_answers_that_agree_blame_the_rule() -> None:
    found = worst("both", "left_of(a, b) & left_of(a, c) -> left_of(b, c)")
    assert found.verdict is Verdict.RULE
    assert found.reason == "the network is sure of every answer, and turned readings agree"
    assert found.persists > 0.9


@pytest.mark.parametrize(("steep", "reason"), [(60.0, "log-odds"), (6000.0, "slight changes")])
def test_a_fault_of_a_thin_layer_is_the_decision_boundary(steep: float, reason: str) -> None:
    """A layer of 5 mm: of a mild network the log-odds are small in it; a steep one is sure, but not for long."""
    words = {"left_of": 2, "right_of": 2, "beyond": 2}
    teacher = Predictor(Sides("leaning", steep), words, inputs=lambda s: s["center"])
    found = hunt(teacher, scenes(), "right_of(b, a) -> left_of(a, b)", EFFORT).hunt.found[0]
    assert found.verdict is Verdict.TEACHER
    assert "decision boundary" in found.reason
    assert reason in found.reason
    assert found.margin > (0.01 if steep < 100 else 5)
