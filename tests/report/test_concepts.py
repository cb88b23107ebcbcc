"""The picture of concept triples names every category and every relation, and is the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg import RulekdError, Triple
from rulekd.report.concepts import draw


def triple(subject: str, relation: str, other: str, share: float) -> Triple:
    return Triple(subject, relation, other, share, (share - 0.1, share + 0.05), 0.1, 100, 20)


def test_every_word_is_in_the_picture(tmp_path: Path) -> None:
    triples = [
        triple("monitor", "on", "desk", 0.83),
        triple("monitor", "near", "keyboard", 0.6),
        triple("keyboard", "on", "desk", 0.9),
        triple("rug", "below", "sofa", 0.5),
    ]
    draw(triples, tmp_path / "one.svg")
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    for word in ("monitor", "desk", "keyboard", "rug", "sofa", "on 83 %", "near 60 %", "below 50 %"):
        assert f">{word}<" in text
    draw(triples, tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


def test_without_triples_there_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(RulekdError, match="no concept triples"):
        draw([], tmp_path / "none.svg")


def test_what_a_category_does_to_its_own_kind_is_written_below_it(tmp_path: Path) -> None:
    draw([triple("chair", "near", "chair", 0.54), triple("chair", "on", "floor", 0.9)], tmp_path / "own.svg")
    assert ">near 54 % of its kind<" in (tmp_path / "own.svg").read_text(encoding="utf-8")


def test_an_unknown_ending_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RulekdError, match="pictures are"):
        draw([triple("cup", "on", "desk", 0.8)], tmp_path / "one.xyz")
    assert not list(tmp_path.iterdir())
