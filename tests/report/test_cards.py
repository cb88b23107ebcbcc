"""The card of a rule: one picture file with its text, its numbers, and both scenes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from kg import RulekdError
from rulekd.report.cards import card, save_card
from tests.report.made import AGAINST, CITED, graph, ruled, world

SVG = "{http://www.w3.org/2000/svg}"
LAW = "left_of(a, b) -> on(b, a)"


def test_it_shows_both_scenes_and_what_was_answered() -> None:
    rule = ruled(LAW, 0.04, broken=3, cited=[CITED], against=[AGAINST])
    root = ElementTree.fromstring(card(rule, graph([rule], {"room 1": world("<cup>")})))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert LAW in texts
    assert "3 of 100 groundings break it; rate, 95 %: 0.00 to 4.00 %" in texts
    assert {"✓ a scene that supports it", "✗ a scene that breaks it"} <= set(texts)
    assert "a = desk 0, b = <cup> 1" in texts  # markup in a name stays text
    assert len(list(root.iter(f"{SVG}svg"))) == 3
    # all of it lies on the sheet
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for scene in root.iter(f"{SVG}svg"):
        if scene is not root:
            left, top = float(scene.attrib["x"]), float(scene.attrib["y"])
            assert 0 < left < left + float(scene.attrib["width"]) < width
            assert 0 < top < top + float(scene.attrib["height"]) < height
    lowest = max(float(element.attrib["y"]) for element in root.findall(f"{SVG}text"))
    assert lowest < height


def test_a_rule_that_nothing_breaks_has_one_scene() -> None:
    rule = ruled(LAW, 0.04, cited=[CITED])
    root = ElementTree.fromstring(card(rule, graph([rule], {"room 1": world()})))
    assert len(list(root.iter(f"{SVG}svg"))) == 2
    assert not any("breaks it" in (element.text or "") for element in root.iter(f"{SVG}text"))


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    rule = ruled(LAW, 0.04)
    with pytest.raises(RulekdError, match="cites no scene that can be drawn"):
        card(rule, graph([rule]))
    rule = ruled(LAW, 0.04, cited=[CITED])
    held = graph([rule], {"room 1": world()})
    with pytest.raises(RulekdError, match=r"x\.png: the picture of a rule is an \.svg"):
        save_card(rule, held, tmp_path / "x.png")
    save_card(rule, held, tmp_path / "x.svg")
    with pytest.raises(RulekdError, match="exists already"):
        save_card(rule, held, tmp_path / "x.svg")
