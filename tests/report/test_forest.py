"""Paired differences: what is drawn is what can be computed by hand from the seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from rulekd.report.forest import forest
from tests.report.made import Picture, compared, measures, signed

SOFT = [0.80, 0.81, 0.79, 0.82, 0.80, 0.78, 0.81, 0.80, 0.79, 0.80]
ALL = [0.84, 0.83, 0.83, 0.87, 0.84, 0.83, 0.85, 0.83, 0.84, 0.85]
BROKEN = {"soft": [0.2] * 10, "all": [0.10, 0.12, 0.11, 0.09, 0.10, 0.13, 0.10, 0.11, 0.09, 0.10]}


def by_scipy(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of the paired difference, in points, by another library."""
    difference = 100 * (np.asarray(ours) - np.asarray(theirs))
    found = stats.ttest_1samp(difference, 0.0).confidence_interval(0.95)
    return float(difference.mean()), float(found.low), float(found.high)


def test_discs_whiskers_and_rings_are_the_paired_differences() -> None:
    found = compared({"soft": SOFT, "all": ALL}, BROKEN, teacher=measures(0.86, 0.05))
    drawn = Picture(forest(found) or "")
    panels = [Picture("".join(part)) for part in _figures(drawn)]
    assert len(panels) == 2
    expected = [
        [by_scipy(ALL, SOFT), by_scipy(ALL, [0.86] * 10)],
        [by_scipy(BROKEN["all"], BROKEN["soft"]), by_scipy(BROKEN["all"], [0.05] * 10)],
    ]
    seeds = [[np.subtract(ALL, SOFT), np.subtract(ALL, 0.86)]]
    seeds += [[np.subtract(BROKEN["all"], 0.2), np.subtract(BROKEN["all"], 0.05)]]
    for panel, numbers, values in zip(panels, expected, seeds, strict=True):
        value = panel.scale(signed)
        rows = list(panel.rows())
        assert [panel.text(row.find("span")) for row in rows] == ["soft labels only", "teacher"]
        for row, (mean, low, high), per_seed in zip(rows, numbers, values, strict=True):
            (disc,) = panel.every("circle", "point", row)
            assert value(disc.get("cx")) == pytest.approx(mean, abs=0.02)
            line = panel.every("line", "whisker", row)[0]
            assert value(line.get("x1")) == pytest.approx(low, abs=0.02)
            assert value(line.get("x2")) == pytest.approx(high, abs=0.02)
            rings = sorted(value(ring.get("cx")) for ring in panel.every("circle", "seed", row))
            assert rings == pytest.approx(sorted(100 * per_seed), abs=0.02)
            (zero,) = panel.every("line", "zero", row)
            assert value(zero.get("x1")) == pytest.approx(0.0, abs=0.02)
            assert f"{mean:+.1f}".replace("-", "−") in panel.text(row)
    assert "right of zero is better" in panels[0].text()
    assert "left of zero is better" in panels[1].text()


def test_words_stand_beside_the_numbers() -> None:
    text = Picture(forest(compared({"soft": SOFT, "all": ALL}, BROKEN, teacher=measures(0.9, 0.05))) or "").text()
    # better than soft in both measures, worse than the teacher in both
    assert text.count("BEATS") == 2 * 2  # the amount, and the picture in words
    assert text.count("LOSES") == 2 * 2


def test_one_seed_has_no_interval() -> None:
    drawn = Picture(forest(compared({"soft": [0.8], "all": [0.9]})) or "")
    assert drawn.every("line", "whisker") == []
    assert len(drawn.every("circle", "seed")) == 4
    assert "INCONCLUSIVE" in drawn.text()


def _figures(drawn: Picture) -> list[str]:
    from xml.etree.ElementTree import tostring  # only to cut the picture in two

    return [tostring(figure, encoding="unicode") for figure in drawn.every("figure")]
