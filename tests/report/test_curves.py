"""Curves of a training: on the values, with the band of the seeds, one look for one term."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest

from rulekd.report import Arm
from rulekd.report.curves import HELD_OUT, curves, terms_of
from tests.report.made import Picture, ledger

ONE = ledger({"labels": [1.0, 0.5, 0.1]})
SEEDS = (ledger({"soft labels": [1.0, 0.4, 0.2], "rules": [0.1, 0.05, 0.01]}),
         ledger({"soft labels": [2.0, 0.6, 0.4], "rules": [0.3, 0.05, 0.03]}))  # fmt: skip


def corners(element: Element) -> list[tuple[float, float]]:
    """The points of a line or band."""
    pairs = re.findall(r"([\d.]+),([\d.]+)", element.get("points", ""))
    return [(float(x), float(y)) for x, y in pairs]


def values_of(picture: Picture, svg: Element, element: Element) -> list[float]:
    """The values that are drawn, read off by the numbers beside the axis, which is logarithmic."""
    ticks = [
        (math.log(float(picture.text(text))), float(text.get("y", 0)) - 3.5)
        for text in picture.every("text", "end", svg)
        if not picture.text(text).endswith("steps")
    ]
    (one, y1), (other, y2) = ticks[0], ticks[-1]
    return [math.exp(one + (y - y1) / (y2 - y1) * (other - one)) for _, y in corners(element)]


def test_a_line_runs_through_the_mean_and_the_band_from_least_to_greatest() -> None:
    drawn = Picture(curves([Arm("both", (), SEEDS)]) or "")
    (figure,) = drawn.every("figure")
    soft, rules = drawn.every("polyline", under=figure)
    assert values_of(drawn, figure, soft) == pytest.approx([1.5, 0.5, 0.3], rel=0.02)
    assert values_of(drawn, figure, rules) == pytest.approx([0.2, 0.05, 0.02], rel=0.02)
    band = drawn.every("polygon", "band", figure)[0]
    # there along the greatest, back along the least
    assert values_of(drawn, figure, band) == pytest.approx([2.0, 0.6, 0.4, 0.2, 0.4, 1.0], rel=0.02)
    assert [x for x, _ in corners(band)] == pytest.approx([x for x, _ in [*corners(soft), *corners(soft)[::-1]]])


def test_a_single_seed_has_no_band() -> None:
    drawn = Picture(curves([Arm("one", (), (ONE,))]) or "")
    assert drawn.every("polygon") == []
    assert values_of(drawn, drawn.root, drawn.every("polyline")[0]) == pytest.approx([1.0, 0.5, 0.1], rel=0.02)


def test_one_look_means_one_term_in_all_charts() -> None:
    arms = [Arm("one", (), (ONE,)), Arm("both", (), SEEDS), Arm("again", (), SEEDS[:1])]
    drawn = Picture(curves(arms) or "")
    looks: dict[str, set[str]] = {}
    for line in drawn.every("polyline"):
        looks.setdefault(drawn.text(line), set()).add(line.get("class", ""))
    assert set(looks) == {"labels", "soft labels", "rules"}
    assert all(len(found) == 1 for found in looks.values())
    # neither the colour nor the dashes are the same
    for place in (1, 2):
        assert len({next(iter(found)).split()[place] for found in looks.values()}) == 3
    legend = {drawn.text(key): drawn.every("line", under=key)[0].get("class") for key in drawn.every("ul")[0]}
    assert legend == {term: next(iter(found)) for term, found in looks.items()}


def test_charts_can_be_compared() -> None:
    drawn = Picture(curves([Arm("one", (), (ONE,)), Arm("both", (), SEEDS)]) or "")
    scales = [
        [(drawn.text(text), text.get("x"), text.get("y")) for text in drawn.every("text", under=figure)]
        for figure in drawn.every("figure")
    ]
    assert scales[0] == scales[1]


def test_what_is_zero_lies_on_the_floor_and_what_is_no_number_is_left_out() -> None:
    history = ledger({"rules": [0.0, 0.1, float("nan"), 1.0]})
    drawn = Picture(curves([Arm("one", (), (history,))]) or "")
    (line,) = drawn.every("polyline")
    floor = float(drawn.every("line", "floor")[0].get("y1", 0))
    assert [y for _, y in corners(line)] == pytest.approx([floor, floor, 8.0], abs=0.1)
    assert "nan" not in line.get("points", "")


def test_steps_that_not_all_seeds_have_are_left_out() -> None:
    longer = ledger({"labels": [1.0, 0.5, 0.1, 0.05]})
    assert terms_of([ONE, longer])["labels"].steps == (10, 20, 30)
    assert terms_of([]) == {}


def test_held_out_labels_are_a_line_of_their_own() -> None:
    history = [replace(entry, held_out=2 * entry.loss) for entry in ONE]
    assert terms_of([history])[HELD_OUT].mean == (2.0, 1.0, 0.2)


def test_ends_and_shares_are_said() -> None:
    text = Picture(curves([Arm("both", (), SEEDS)]) or "").text()
    assert "soft labels: 0.3 at the end, 50% of the gradient" in text
    assert "means over up to 2 seeds" in text


def test_warnings_that_differ_in_their_numbers_are_one() -> None:
    warnings = [f"the term 'rules' has {share}% of the gradient" for share in (96.5, 92.0)]
    drawn = Picture(curves([Arm("both", (), (*SEEDS, SEEDS[0]), (*warnings, "another"))]) or "")
    assert [drawn.text(line) for line in drawn.every("li", "warning")] == [
        "Warning in 2 of 3 seeds: the term 'rules' has 92% to 96.5% of the gradient",
        "Warning in 1 of 3 seeds: another",
    ]
    drawn = Picture(curves([Arm("one", (), (ONE,), tuple(warnings[:1]))]) or "")
    assert drawn.text(drawn.every("li", "warning")[0]) == "Warning: the term 'rules' has 96.5% of the gradient"


def test_nothing_to_draw() -> None:
    assert curves([Arm("given", ())]) is None
    short = Picture(curves([Arm("short", (), (ONE[:1],))]) or "")
    assert short.every("polyline") == []
    assert "labels: 1 at the end" in short.text()
