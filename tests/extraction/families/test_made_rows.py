"""Rows are made between rows, and near where the answer changes."""

from __future__ import annotations

import pytest
import torch

from rulekd.extraction.families.made_rows import HALVINGS, bisected, mixed
from rulekd.facts import Facts
from rulekd.scenes import Scenes


def given(count: int = 50) -> Scenes:
    """Rows of a smooth number, a whole one, and a word."""
    generator = torch.Generator().manual_seed(0)
    return Scenes(
        mask=torch.ones(count, 1, dtype=torch.bool),
        numbers={
            "smooth": torch.randn(count, 1, generator=generator),
            "whole": torch.randint(0, 4, (count, 1), generator=generator).float(),
        },
        categories={"word": torch.randint(2, (count, 1), generator=generator)},
        category_names={"word": ("no", "yes")},
    )


def above(scenes: Scenes) -> Facts:
    """Says yes above 0.3, and to one word."""
    return Facts(
        {"high": 5 * (scenes["smooth"] - 0.3), "said": 2 * scenes["word"].float() - 1},
        mask=scenes.mask,
        group=scenes.group,
    )


def test_made_rows_lie_between_rows() -> None:
    scenes = given()
    made = mixed(scenes, 500)
    made.check()
    assert set(made["whole"].flatten().tolist()) <= {0.0, 1.0, 2.0, 3.0}
    low, high = scenes["smooth"].min() - 1, scenes["smooth"].max() + 1
    assert bool(((made["smooth"] > low) & (made["smooth"] < high)).all())
    assert made["smooth"].std() == pytest.approx(float(scenes["smooth"].std()) * (2 / 3) ** 0.5, rel=0.25)
    again = mixed(scenes, 500)
    assert torch.equal(made["smooth"], again["smooth"]), "the same rows each time"


def test_bisection_ends_at_the_boundary() -> None:
    scenes = given()
    found = bisected(scenes, above(scenes), ["high"], above, 400)
    assert found is not None
    made, said = found
    made.check()
    assert len(made) == len(said) == 400
    assert torch.equal(said.crisp("high"), made["smooth"] > 0.3)
    last = made["smooth"][-400 // HALVINGS :]
    # The last row is the middle of an interval of 1 / 2^(h - 1) of the path that holds the boundary.
    widest = float(scenes["smooth"].max() - scenes["smooth"].min()) / 2**HALVINGS
    assert float((last - 0.3).abs().max()) <= widest + 1e-6
    assert float((last - 0.3).abs().max()) < float((made["smooth"][: 400 // HALVINGS] - 0.3).abs().max()) / 3


def test_words_turn_once_on_a_path() -> None:
    scenes = given()
    found = bisected(scenes, above(scenes), ["said"], above, 400)
    assert found is not None
    made, said = found
    assert torch.equal(said.crisp("said"), made["word"] == 1)
    assert made.group is not None
    assert len(set(made.group)) == 400 // HALVINGS, "rows of one path are one unit"


def test_without_two_answers_there_is_no_boundary() -> None:
    scenes = given()

    def never(some: Scenes) -> Facts:
        return Facts({"high": -torch.ones(some.mask.shape)}, mask=some.mask)

    assert bisected(scenes, never(scenes), ["high"], never, 100) is None
