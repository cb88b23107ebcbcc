"""The two ledgers of each axiom, and the gap between them: where a student can beat its teacher."""

from __future__ import annotations

from collections.abc import Sequence

from kg import Ledger, Rule, in_words
from rulekd.report.axis import Axis
from rulekd.report.markup import Markup, tag
from rulekd.report.strips import Row, disc, square, strips, whisker
from rulekd.report.wording import interval_words, percent, points

#: How many axioms are drawn: those with the largest gap and those with the smallest.
LARGEST, SMALLEST = 12, 4


def gap(rules: Sequence[Rule]) -> Markup | None:
    """The figure; None where no rule has both ledgers.

    The gap is the teacher's violation rate less that in the data. It is sure where the interval of the one lies
    above that of the other.
    """
    told = sorted((rule for rule in rules if _ledgers(rule) is not None), key=_width, reverse=True)
    if not told:
        return None
    sure = sum(_apart(*ledgers) for rule in told if (ledgers := _ledgers(rule)) is not None)
    habits = sum(_apart(*ledgers[::-1]) for rule in told if (ledgers := _ledgers(rule)) is not None)
    said = (
        f"In {sure} of {len(told)} axioms the teacher surely breaks more than the data do (the intervals do not "
        "overlap): a student that keeps these rules can be better than its teacher. "
        if sure
        else f"In none of {len(told)} axioms does the teacher surely break more than the data do. "
    )
    said += (
        f"In {habits} the teacher obeys what the data surely break more often: habits of its own."
        if habits
        else "In none do the data surely break more than the teacher."
    )
    drawn = list(told) if len(told) <= LARGEST + SMALLEST + 1 else [*told[:LARGEST], *told[-SMALLEST:]]
    shown = [ledgers for rule in drawn if (ledgers := _ledgers(rule)) is not None]
    axis = Axis.over(min(_top(ledger), 1.0) for ledgers in shown for ledger in ledgers)
    rows: list[Row | str] = [_row(rule, axis) for rule in drawn]
    left_out = told[LARGEST:-SMALLEST] if len(drawn) < len(told) else []
    if left_out:
        ends = f"{points(_width(left_out[0]))} and {points(_width(left_out[-1]))}"
        rows.insert(LARGEST, f"… and {len(left_out)} axioms with gaps between {ends}")
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("b", "How often each axiom is broken", class_="line"),
            f"{said} Sorted by the gap, in points. Rates are means over units, with 95 % intervals.",
            _legend(),
            class_="above",
        ),
        strips(axis, rows, lambda value: f"{100 * value:g}\u00a0%", ("axiom", "gap; teacher | data")),
    )


def _ledgers(rule: Rule) -> tuple[Ledger, Ledger] | None:
    """Teacher's and data's, where both put the rule to the test."""
    if rule.evidence is None or rule.evidence.data is None:
        return None
    teacher, data = rule.evidence.teacher, rule.evidence.data
    return (teacher, data) if teacher.rate is not None and data.rate is not None else None


def _width(rule: Rule) -> float:
    """The gap, a difference of fractions."""
    ledgers = _ledgers(rule)
    assert ledgers is not None  # asked of rules with both ledgers only
    teacher, data = ledgers
    return (teacher.rate or 0.0) - (data.rate or 0.0)


def _apart(upper: Ledger, lower: Ledger) -> bool:
    """Does the interval of the one lie above that of the other?"""
    return upper.interval is not None and lower.interval is not None and upper.interval[0] > lower.interval[1]


def _top(ledger: Ledger) -> float:
    return max(ledger.rate or 0.0, ledger.interval[1] if ledger.interval is not None else 0.0)


def _row(rule: Rule, axis: Axis) -> Row:
    ledgers = _ledgers(rule)
    assert ledgers is not None  # as in _width
    teacher, data = ledgers
    marks: list[Markup] = []
    for ledger, y, mark, kind in ((teacher, 10.0, disc, "of-teacher"), (data, 20.0, square, "of-data")):
        if ledger.interval is not None:
            marks.append(whisker(axis, ledger.interval, y, kind))
        marks.append(mark(axis, ledger.rate or 0.0, y, f"point {kind}"))
    says = (
        f"{rule.name}: broken by the teacher {percent(teacher.rate)}, 95 % {interval_words(teacher.interval)}; "
        f"in the data {percent(data.rate)}, 95 % {interval_words(data.interval)}"
    )
    amounts = (points(_width(rule)), f"{percent(teacher.rate)} | {percent(data.rate)}")
    return Row(tag("span", rule.name, title=in_words(rule)), says, tuple(marks), amounts)


def _legend() -> Markup:
    axis = Axis(0.0, 1.0, 1.0)
    keys = (("teacher", disc, "of-teacher"), ("data", square, "of-data"))
    return tag(
        "ul",
        *(
            tag(
                "li",
                tag("svg", whisker(axis, (0.0, 1.0), 6, kind), mark(axis, 0.5, 6, f"point {kind}"), aria_hidden="true"),
                f"{name} ({'disc' if mark is disc else 'square'})",
            )
            for name, mark, kind in keys
        ),
        class_="legend",
    )
