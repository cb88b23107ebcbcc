"""The table of rules: exactly what it shows, how wide it is, and that nothing of a rule is lost where it is folded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import Evidence, Kind, KnowledgeGraph, Ledger, Rule, Status, Vocabulary, parse
from kg.listing import folded, listing, standing

BOTH = Evidence(
    Ledger(12_345, 3, 40, 0.002, (0.0, 0.0134)), Ledger(200, 20, 40, 0.1, (0.07, 0.149)), tolerance=0.1, confirmed=True
)
DOUBTFUL = Evidence(Ledger(10, 4, 3, 0.4, (0.1, 0.8)), tolerance=0.02)
INVERSE = parse("left_of(a, b) <-> right_of(b, a)")
LONG = parse("left_of(a, b) & left_of(b, c) & left_of(c, d) & on(d, e) -> left_of(a, d) | right_of(e, a) | on(a, e)")
RULES = [
    Rule(INVERSE, BOTH),
    Rule(LONG, DOUBTFUL),
    Rule(parse("on(a, b) -> near(a, b)"), BOTH, kind=Kind.HABIT),
    Rule(parse("near(a, b) -> near(b, a)"), status=Status.ACCEPTED),
]


def test_wide_it_shows_everything() -> None:
    head, _, row, legend = listing(RULES[:1], 160)
    assert re.split(r"  +", head) == [
        "rule", "name", "network breaks", "data break", "confidence", "support", "standing",
    ]  # fmt: skip
    assert re.split(r"  +", row) == [
        str(INVERSE), "inverse(left_of, right_of)", "0.00 to 1.34 %", "7.00 to 14.9 %", "0.9998", "12,345", "confirmed",
    ]  # fmt: skip
    assert legend == "network breaks, data break: 95 % intervals of the violation rate"


def test_at_80_columns_both_ledgers_and_the_standing_stay() -> None:
    assert listing(RULES, 80) == [
        "rule                               network breaks      data break  standing",
        "---------------------------------  --------------  --------------  -------------",
        "left_of(a, b) <-> right_of(b, a)   0.00 to 1.34 %  7.00 to 14.9 %  confirmed",
        "left_of(a, b) & left_of(b, c) &    10.0 to 80.0 %               -  not confirmed",
        "  left_of(c, d) & on(d, e) ->",
        "  left_of(a, d) | right_of(e, a)",
        "  | on(a, e)",
        "on(a, b) -> near(a, b)             0.00 to 1.34 %  7.00 to 14.9 %  habit",
        "near(a, b) -> near(b, a)                        -               -  accepted",
        "network breaks, data break: 95 % intervals of the violation rate",
    ]


def test_columns_are_dropped_in_the_stated_order() -> None:
    heads = [listing(RULES[::3], width)[0] for width in (140, 110, 95, 80)]
    kept = [[name for name in ("name", "confidence", "support", "standing") if name in head] for head in heads]
    assert kept == [
        ["name", "confidence", "support", "standing"],
        ["confidence", "support", "standing"],
        ["support", "standing"],
        ["standing"],
    ]


def test_one_ledger_is_not_spoken_of_as_two() -> None:
    head, _, row = listing([Rule(INVERSE, DOUBTFUL)], 80)
    assert "broken, 95 %" in head
    assert "data" not in head
    assert row.endswith("not confirmed")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(INVERSE, BOTH), "confirmed"),
        (Rule(INVERSE, DOUBTFUL), "not confirmed"),
        (Rule(INVERSE, BOTH, kind=Kind.HABIT), "habit"),
        (Rule(INVERSE), "untested"),
        (Rule(INVERSE, DOUBTFUL, status=Status.ACCEPTED), "accepted"),
        (Rule(INVERSE, BOTH, kind=Kind.HABIT, status=Status.REJECTED), "rejected"),
    ],
)
def test_standing(rule: Rule, said: str) -> None:
    assert standing(rule) == said


@given(st.integers(80, 160), st.lists(st.sampled_from(RULES), min_size=1))
def test_no_line_is_wider_than_the_page(width: int, rules: list[Rule]) -> None:
    assert max(map(len, listing(rules, width))) <= width


@given(st.integers(16, 90))
def test_folding_loses_nothing_and_parts_no_atom(room: int) -> None:
    lines = folded(str(LONG), room)
    assert " ".join(line.strip() for line in lines) == str(LONG)
    assert max(map(len, lines)) <= room
    assert all(line.count("(") == line.count(")") for line in lines)


def test_a_graph_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Vocabulary({"left_of": 2, "right_of": 2, "on": 2, "near": 2})
    graph = KnowledgeGraph(words, RULES, notes=["a long note " * 20])
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = str(graph).splitlines()
        assert lines[: len(listing(RULES, width))] == listing(RULES, width)
        assert width - 20 < max(map(len, lines)) <= width
