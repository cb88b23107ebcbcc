"""Paired differences as a forest plot: the subject less each control, with interval and seeds."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.distillation.comparison import TITLES, Comparison
from rulekd.distillation.verdict import LESS_IS_BETTER, Difference
from rulekd.report.axis import Axis
from rulekd.report.markup import Markup, tag
from rulekd.report.strips import Row, disc, strips, whisker
from rulekd.report.verdicts import MEASURED
from rulekd.report.wording import points, points_between


def forest(comparison: Comparison) -> Markup | None:
    """A panel for the measure that is judged and one for rules violated; None where nothing can be compared."""
    panels = [
        _panel(found)
        for measure in dict.fromkeys((comparison.measure, "violation"))
        if (found := comparison.differences(measure))
    ]
    return tag("div", *panels, class_="panels") if panels else None


def _panel(found: Sequence[Difference]) -> Markup:
    measure, arm = found[0].measure, TITLES[found[0].arm]
    axis = Axis.over(100 * value for one in found for value in (*one.values, *(one.interval or ())))
    better = "left of zero is better" if measure in LESS_IS_BETTER else "right of zero is better"
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("b", f"{arm} less each control: {MEASURED[measure]}, in points", class_="line"),
            f"Paired by seed; {better}. Disc and line: mean and 95 % interval. Rings: seeds.",
            class_="above",
        ),
        strips(axis, [_row(one, axis) for one in found], _signed),
    )


def _row(one: Difference, axis: Axis) -> Row:
    marks = [disc(axis, 100 * value, 22.0, "seed", 3.0) for value in one.values]
    if one.interval is not None:
        marks.append(whisker(axis, (100 * one.interval[0], 100 * one.interval[1]), 9.0))
    marks.append(disc(axis, 100 * one.mean, 9.0))
    amount = f"{points(one.mean)}{points_between(one.interval)}"
    says = f"less {TITLES[one.base]}: {amount} points, {one.verdict.value}; {len(one.values)} seeds"
    return Row(TITLES[one.base], says, tuple(marks), (amount, one.verdict.value))


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"
