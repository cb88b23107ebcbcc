"""A chart of labelled rows over one axis: intervals, points and seeds as SVG whose places are shares of the width.

Text keeps its size on every screen, since the pictures have no scale of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rulekd.report.axis import Axis
from rulekd.report.markup import Child, Markup, tag


@dataclass(frozen=True)
class Row:
    """label: what the row is about. says: the row in words, for those who do not see it. marks: its picture.
    amounts: the numbers beside it, a line each."""

    label: Child
    says: str
    marks: tuple[Markup, ...]
    amounts: tuple[str, ...] = ()


def strips(
    axis: Axis, rows: Sequence[Row | str], number: Callable[[float], str], heads: tuple[str, str] = ("", "")
) -> Markup:
    """The rows below each other and the axis above them. A row that is text is a remark between the others.

    number: how a tick is written. heads: of the labels and of the amounts.
    """
    lines = [
        tag("line", x1=axis.place(tick), x2=axis.place(tick), y1=0, y2="100%", class_="zero" if tick == 0 else "grid")
        for tick in axis.ticks
    ]
    return tag(
        "ol",
        tag(
            "li",
            tag("span", heads[0], class_="label"),
            _scale(axis, number),
            tag("span", heads[1], class_="amount"),
            class_="axis",
        ),
        *(
            tag("li", row, class_="left-out")
            if isinstance(row, str)
            else tag(
                "li",
                tag("span", row.label, class_="label"),
                tag("svg", tag("title", row.says), *lines, *row.marks, role="img"),
                tag("span", *(tag("span", amount) for amount in row.amounts), class_="amount"),
            )
            for row in rows
        ),
        class_="strips",
    )


def whisker(axis: Axis, interval: tuple[float, float], y: float, kind: str = "") -> Markup:
    """An interval as a line with ends."""
    low, high = map(axis.place, interval)
    kind = f"whisker {kind}".strip()
    ends = [tag("line", x1=x, x2=x, y1=y - 4, y2=y + 4, class_=kind) for x in (low, high)]
    return tag("g", tag("line", x1=low, x2=high, y1=y, y2=y, class_=kind), *ends)


def disc(axis: Axis, value: float, y: float, kind: str = "point", radius: float = 5.0) -> Markup:
    """A value as a disc."""
    return tag("circle", cx=axis.place(value), cy=y, r=radius, class_=kind)


def square(axis: Axis, value: float, y: float, kind: str = "point", half: float = 4.5) -> Markup:
    """A value as a square."""
    return tag(
        "rect", x=axis.place(value), y=y - half, width=2 * half, height=2 * half, transform=f"translate({-half:g})",
        class_=kind,
    )  # fmt: skip


def _scale(axis: Axis, number: Callable[[float], str]) -> Markup:
    ends = {0: "", len(axis.ticks) - 1: " end"}
    labels = [
        tag("text", number(tick), x=axis.place(tick), y=12, class_=f"small{ends.get(place, ' middle')}")
        for place, tick in enumerate(axis.ticks)
    ]
    return tag("svg", *labels, aria_hidden="true")
