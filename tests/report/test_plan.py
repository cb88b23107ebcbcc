"""The plan of the constraints: every rule once, with its backend and the reason."""

from __future__ import annotations

from dataclasses import replace

from rulekd.constraints import compile
from rulekd.constraints.plan import Backend, Planned
from rulekd.report.plan import plan
from tests.report.made import Picture

TEXTS = [f"{p}(a, b) -> ~{p}(b, a)" for p in ("left_of", "near", "on", "above", "right_of", "below", "behind")]


def planned(text: str, backend: Backend, why: str) -> Planned:
    """A rule as it is planned, with a backend and a reason of our own."""
    (one,) = compile([text]).planned
    return replace(one, backend=backend, why=why)


def test_every_rule_stands_beside_its_backend_and_the_reason() -> None:
    given = [planned(text, Backend.CLAUSES, "one clause") for text in TEXTS]
    given += [planned("near(a, b) <-> near(b, a)", Backend.CONSISTENCY, "an equality")]
    given += [planned("on(a, b) <-> below(b, a)", Backend.NONE, "no gradient < reaches it")]
    drawn = Picture(plan(given) or "")
    rows = drawn.every("tr")[1:]
    said = [[drawn.text(cell) for cell in row] for row in rows]
    # what is not trained comes first
    assert [cells[:3] for cells in said] == [
        ["not trained", "no gradient < reaches it", "1"],
        ["clauses", "one clause", "7"],
        ["consistency", "an equality", "1"],
    ]
    names = [[drawn.text(name) for name in drawn.every("code", under=row)] for row in rows]
    assert names == [["inverse(below, on)"], [f"asymmetric({t.partition('(')[0]})" for t in TEXTS], ["symmetric(near)"]]
    assert "8 of 9 rules train the student; 1 is judged and not trained" in drawn.text()


def test_long_lists_are_behind_a_click() -> None:
    drawn = Picture(plan([planned(text, Backend.CLAUSES, "one clause") for text in TEXTS]) or "")
    assert len(drawn.every("details")) == 1
    assert "7 of 7 rules train the student." in drawn.text()


def test_nothing_planned() -> None:
    assert plan([]) is None
