"""The gap between both ledgers: sorted, drawn where the numbers are, counted by the intervals."""

from __future__ import annotations

import pytest

from rulekd.report.gap import LARGEST, SMALLEST, gap
from tests.report.made import Picture, rated, ruled, signed

RULES = [
    rated("near(a, b) <-> near(b, a)", 0.03, 0.0),
    rated("on(a, b) -> above(a, b)", 0.31, 0.0),
    rated("on(a, b) -> near(a, b)", 0.10, 0.25),
    rated("left_of(a, b) <-> right_of(b, a)", 0.12, 0.01),
]


def test_rows_are_sorted_by_the_gap_and_drawn_where_the_numbers_are() -> None:
    picture = Picture(gap(RULES) or "")
    value = picture.scale(signed)
    expected = [
        ("implies(on, above)", 31.0, 0.0, "+31.0"),
        ("inverse(left_of, right_of)", 12.0, 1.0, "+11.0"),
        ("symmetric(near)", 3.0, 0.0, "+3.0"),
        ("implies(on, near)", 10.0, 25.0, "−15.0"),
    ]
    rows = list(picture.rows())
    assert len(rows) == len(expected)
    for row, (name, teacher, data, width) in zip(rows, expected, strict=True):
        assert picture.text(row).startswith(name)
        assert width in picture.text(row)
        (disc,) = picture.every("circle", "of-teacher", row)
        (square,) = picture.every("rect", "of-data", row)
        assert value(disc.get("cx")) == pytest.approx(teacher, abs=0.05)
        assert value(square.get("x")) == pytest.approx(data, abs=0.05)
        for kind, rate in (("of-teacher", teacher), ("of-data", data)):
            line = picture.every("line", kind, row)[0]
            assert value(line.get("x1")) == pytest.approx(max(rate - 2, 0), abs=0.05)
            assert value(line.get("x2")) == pytest.approx(rate + 2, abs=0.05)


def test_where_a_student_can_win_is_counted_by_intervals() -> None:
    # 12 % and 31 % lie above the data's by more than both intervals; 3 % -+ 2 and 0 % + 2 overlap
    text = Picture(gap(RULES) or "").text()
    assert "In 2 of 4 axioms the teacher surely breaks more than the data do" in text
    assert "In 1 the teacher obeys what the data surely break more often" in text
    assert "In none of 1 axioms does the teacher surely break more" in Picture(gap(RULES[:1]) or "").text()
    assert "In none do the data surely break more" in Picture(gap(RULES[:2]) or "").text()


def test_each_row_can_be_read_without_seeing_it() -> None:
    picture = Picture(gap(RULES) or "")
    says = [picture.text(title) for row in picture.rows() for title in picture.every("title", under=row)]
    assert says[0] == (
        "implies(on, above): broken by the teacher 31.0 %, 95 % 29.00 to 33.00 %; in the data 0 %, 95 % 0.00 to 2.00 %"
    )


def test_the_middle_of_many_is_left_out_and_said() -> None:
    words = ["left_of", "near", "on", "above", "right_of"]
    many = [
        rated(f"{p}(a, b) & {q}(b, c) -> {p}(a, c)", 0.01 * (5 * i + j), 0.0)
        for i, p in enumerate(words)
        for j, q in enumerate(words)
    ]
    picture = Picture(gap(many) or "")
    assert len(list(picture.rows())) == LARGEST + SMALLEST
    left = 25 - LARGEST - SMALLEST
    # the gaps are 24, 23, ..., 0 points
    assert f"and {left} axioms with gaps between +{24 - LARGEST:.1f} and +{SMALLEST:.1f}" in picture.text()


def test_without_both_ledgers_there_is_no_gap() -> None:
    assert gap([]) is None
    assert gap([rated("near(a, b) <-> near(b, a)", 0.1, None)]) is None
    assert gap([ruled("near(a, b) <-> near(b, a)", 0.1)]) is not None
