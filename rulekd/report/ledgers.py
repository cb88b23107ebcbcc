"""The ledger of a training as a small chart: each term of the loss over the steps."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.distillation.ledger import Entry
from rulekd.report.markup import Markup, tag

#: Size of the chart and the space for its axes, units of the picture.
WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 300.0, 150.0, 34.0, 20.0, 8.0


def chart(history: Sequence[Entry], terms: Sequence[str]) -> Markup | None:
    """The weighted value of each term, mean over an epoch, against the step; None for fewer than two epochs.

    terms: every term of all charts of a page, so that one colour means one term.
    """
    if len(history) < 2:
        return None
    last = history[-1].step
    top = max((value for entry in history for value in entry.terms.values()), default=0.0) or 1.0

    def place(step: int, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - 6) * step / last
        return f"{x:.1f},{HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * max(value, 0.0) / top:.1f}"

    lines = [
        tag(
            "polyline",
            tag("title", term),
            points=" ".join(place(entry.step, entry.terms[term]) for entry in history if term in entry.terms),
            class_=f"term t{terms.index(term) % 4}",
        )
        for term in history[-1].terms
    ]
    floor = HEIGHT - BELOW
    return tag(
        "svg",
        tag("title", "terms of the loss over the steps"),
        tag("line", x1=LEFT, x2=WIDTH - 6, y1=floor, y2=floor, class_="floor"),
        tag("text", f"{top:.2g}", x=LEFT - 4, y=ABOVE + 4, class_="small end"),
        tag("text", "0", x=LEFT - 4, y=floor + 3, class_="small end"),
        tag("text", f"{last:,} steps", x=WIDTH - 6, y=HEIGHT - 6, class_="small end"),
        *lines,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        class_="chart",
        role="img",
    )
