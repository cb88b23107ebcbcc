"""The training of each arm as a chart: every term of the loss over the steps, with the band of its seeds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rulekd.distillation.ledger import Entry
from rulekd.report.contents import Arm
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.style import COLOURS

#: Size of a chart and the space for its axes, units of the picture.
WIDTH, HEIGHT, LEFT, RIGHT, BELOW, ABOVE = 280.0, 150.0, 38.0, 4.0, 22.0, 8.0
#: What is smaller than the largest value by this factor is drawn at the floor.
DEPTH = 1e4
#: Patterns of dashes, so that no term is told from another by colour alone.
DASHES = 4
#: A number in a warning.
NUMBER = re.compile(r"([\d.]+)%")
HELD_OUT = "labels not learned from"


@dataclass(frozen=True)
class Curve:
    """One term of one arm. steps: of each epoch. low, mean, high: over the seeds, weighted as it was trained."""

    steps: tuple[int, ...]
    low: tuple[float, ...]
    mean: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Frame:
    """What a value and a step become in a chart: logarithms, since terms differ by orders of magnitude."""

    last: int
    floor: float
    top: float

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / self.last

    def y(self, value: float) -> float:
        share = math.log(max(value, self.floor) / self.floor) / (math.log(self.top / self.floor) or 1.0)
        return HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * min(share, 1.0)

    @property
    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten; the powers alone where that would be many."""
        powers = range(math.floor(math.log10(self.floor)), math.ceil(math.log10(self.top)) + 1)
        fine = [m * 10.0**p for p in powers for m in (1, 2, 5) if self.floor <= m * 10.0**p <= self.top]
        return fine if len(fine) <= 5 else [10.0**p for p in powers if self.floor <= 10.0**p <= self.top]


def curves(arms: Sequence[Arm]) -> Markup | None:
    """A chart an arm, in one frame so that they can be compared; None where nothing was trained."""
    taught = [arm for arm in arms if any(arm.histories)]
    if not taught:
        return None
    found = {arm.name: terms_of(arm.histories) for arm in taught}
    terms = list(dict.fromkeys(term for curves in found.values() for term in curves))
    frame = _frame([curve for curves in found.values() for curve in curves.values()])
    several = max(len(arm.histories) for arm in taught)
    said = "Each term of the loss over the steps, weighted as it was trained: its mean over each epoch, on a log scale."
    if several > 1:
        said += f" Lines are means over up to {several} seeds, bands reach from the least to the greatest."
    figures = [
        tag(
            "figure",
            _chart(arm.name, found[arm.name], terms, frame) if frame is not None else None,
            tag("figcaption", tag("b", arm.name, class_="line"), tag("ul", *_said(arm), *_warned(arm))),
        )
        for arm in taught
    ]
    keys = [tag("li", _key(term, terms), term) for term in terms]
    return joined(tag("p", said), tag("ul", *keys, class_="legend"), tag("div", *figures, class_="charts"))


def terms_of(histories: Sequence[Sequence[Entry]]) -> dict[str, Curve]:
    """The curves of networks of one arm; steps that some of them do not have are left out."""
    kept = [history for history in histories if history]
    steps = sorted(set.intersection(*({entry.step for entry in history} for history in kept))) if kept else []
    found: dict[str, dict[int, list[float]]] = {}
    for history in kept:
        for entry in history:
            values = dict(entry.terms) if entry.held_out is None else {**entry.terms, HELD_OUT: entry.held_out}
            for term, value in values.items():
                found.setdefault(term, {}).setdefault(entry.step, []).append(value)
    made = {}
    for term, by_step in found.items():
        known = [step for step in steps if step in by_step]
        values_of = [by_step[step] for step in known]
        made[term] = Curve(
            tuple(known),
            tuple(min(values) for values in values_of),
            tuple(sum(values) / len(values) for values in values_of),
            tuple(max(values) for values in values_of),
        )
    return made


def _frame(found: Sequence[Curve]) -> Frame | None:
    """One for all charts; None where there is no line to draw."""
    long = [curve for curve in found if len(curve.steps) > 1]
    values = [value for curve in long for value in (*curve.low, *curve.high) if value > 0 and math.isfinite(value)]
    if not values:
        return None
    top = max(values)
    floor = max(min(values), top / DEPTH)
    return Frame(max(curve.steps[-1] for curve in long), floor if floor < top else top / 10, top)


def _chart(name: str, found: dict[str, Curve], terms: Sequence[str], frame: Frame) -> Markup:
    floor = HEIGHT - BELOW
    lines = []
    for tick in frame.ticks:
        y = frame.y(tick)
        lines.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        lines.append(tag("text", f"{tick:g}", x=LEFT - 5, y=y + 3.5, class_="small end"))
    drawn = []
    for term, curve in found.items():
        if len(curve.steps) < 2:
            continue
        number = terms.index(term)
        if curve.low != curve.high:
            there = _points(frame, curve.steps, curve.high)
            back = _points(frame, curve.steps[::-1], curve.low[::-1])
            drawn.append(tag("polygon", points=f"{there} {back}", class_=f"band c{number % COLOURS}"))
        line = _points(frame, curve.steps, curve.mean)
        drawn.append(tag("polyline", tag("title", term), points=line, class_=_look(number)))
    return tag(
        "svg",
        tag("title", f"{name}: terms of the loss over the steps"),
        *lines,
        tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor, class_="floor"),
        tag("text", "0", x=LEFT, y=HEIGHT - 8, class_="small"),
        tag("text", f"{frame.last:,} steps", x=WIDTH - RIGHT, y=HEIGHT - 8, class_="small end"),
        *drawn,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
    )


def _points(frame: Frame, steps: Sequence[int], values: Sequence[float]) -> str:
    kept = ((step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value))
    return " ".join(f"{frame.x(step):.1f},{frame.y(value):.1f}" for step, value in kept)


def _look(number: int) -> str:
    return f"term t{number % COLOURS} d{number % DASHES}"


def _key(term: str, terms: Sequence[str]) -> Markup:
    line = tag("line", x1=0, x2="100%", y1=6, y2=6, class_=_look(terms.index(term)))
    return tag("svg", line, aria_hidden="true")


def _said(arm: Arm) -> list[Markup]:
    """What each term came to, mean over seeds, and its share of the gradient."""
    ends = [history[-1] for history in arm.histories if history]
    said = []
    for term in dict.fromkeys(term for end in ends for term in end.terms):
        values = [end.terms[term] for end in ends if term in end.terms]
        shares = [end.shares[term] for end in ends if term in end.shares and len(end.terms) > 1]
        gradient = f", {sum(shares) / len(shares):.0%} of the gradient" if shares else ""
        said.append(tag("li", f"{term}: {sum(values) / len(values):.3g} at the end{gradient}"))
    return said


def _warned(arm: Arm) -> list[Markup]:
    """Warnings that differ in their numbers alone are one, with the range of these."""
    alike: dict[str, list[str]] = {}
    for warning in arm.warnings:
        alike.setdefault(NUMBER.sub("", warning), []).append(warning)
    said = []
    for warnings in alike.values():
        numbers = sorted({float(found.group(1)) for text in warnings if (found := NUMBER.search(text))})
        between = f"{numbers[0]:g}% to {numbers[-1]:g}%" if len(numbers) > 1 else ""
        text = NUMBER.sub(between, warnings[0], count=1) if between else warnings[0]
        among = f" in {len(warnings)} of {len(arm.histories)} seeds" if len(arm.histories) > 1 else ""
        said.append(tag("li", tag("b", f"Warning{among}: "), text, class_="warning"))
    return said
