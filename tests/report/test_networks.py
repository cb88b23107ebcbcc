"""The table of networks: means and intervals over seeds, and what obeys by saying nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from rulekd.distillation.measures import Measures
from rulekd.report import Arm
from rulekd.report.networks import networks
from tests.report.made import Picture, measures


def cells(*arms: Arm) -> list[list[str]]:
    """The texts of the table, the heads first."""
    drawn = Picture(networks(arms))
    return [[drawn.text(cell) for cell in row] for row in drawn.every("tr")]


def test_mean_and_interval_over_seeds() -> None:
    f1 = [0.80, 0.82, 0.87]
    heads, row = cells(Arm("student", tuple(measures(value) for value in f1), about="taught somehow"))
    ends = stats.ttest_1samp(f1, 0.0).confidence_interval(0.95)
    found = dict(zip(heads, row, strict=True))
    assert found["network"] == "studenttaught somehow"
    assert found["macro-F1"] == f"{100 * np.mean(f1):.1f} %{100 * ends.low:.1f} to {100 * ends.high:.1f} %"
    assert found["rules violated"] == "10.0 %10.0 to 10.0 %"
    assert found["parameters"] == "5,000"


def test_one_network_has_no_interval_and_what_was_not_measured_a_dash() -> None:
    heads, row = cells(Arm("teacher", (Measures(0.9, 0.8, None, 0.0, None, 7, {}),)))
    assert dict(zip(heads, row, strict=True)) == {
        "network": "teacher", "macro-F1": "90.0 %", "at 0.5": "80.0 %", "average precision": "–",
        "rules violated": "0 %", "fidelity": "–", "parameters": "7",
    }  # fmt: skip
    assert set(cells(Arm("unmeasured"))[1][1:]) == {"–"}
    # one seed of two that could not be measured leaves no mean
    half = replace(measures(0.9), f1=None)
    assert cells(Arm("half", (measures(0.9), half)))[1][1] == "–"


def test_who_obeys_by_saying_nothing_is_called_vacuous() -> None:
    arms = [Arm(name, (measures(0.9),), liveliness=share) for name, share in (("much", 0.81), ("little", 0.79))]
    heads, much, little, teacher = cells(*arms, Arm("teacher", (measures(0.9),)))
    place = heads.index("live")
    assert (much[place], little[place], teacher[place]) == ("81 %", "79 %VACUOUS", "–")
    assert "live" not in cells(Arm("teacher", (measures(0.9),)))[0]


def test_bars_are_as_long_as_the_numbers() -> None:
    drawn = Picture(networks([Arm("student", (measures(0.75, 0.125),))]))
    bars = [bar.get("style") for bar in drawn.every("i")]
    assert bars == ["width:75.0%", "width:74.0%", "width:77.0%", "width:12.5%", "width:78.0%"]
