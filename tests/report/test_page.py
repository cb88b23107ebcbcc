"""The page: complete, one file, and safe whatever rules and scenes are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg import Citation, Predicate, RulekdError
from rulekd.distillation.ledger import Entry
from rulekd.distillation.measures import Measures
from rulekd.report import Arm, Report, render, write
from tests.report.made import Page, graph, ruled, world

HOSTILE = '<img src=x onerror="alert(1)">\'&</script><script>alert(2)</script>'
CITED = Citation("room 1", (("a", 0), ("b", 1)), "room 1")
AGAINST = Citation("room 1", (("a", 1), ("b", 2)), "room 1")


def report(word: str = "cup", title: str = "A report") -> Report:
    rules = [
        ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED], against=[AGAINST], broken=5),
        ruled("near(a, b) <-> near(b, a)", 0.05, confirmed=False),
    ]
    history = tuple(Entry(n, 10 * n + 10, 1.0 / (n + 1), {"soft labels": 1.0 / (n + 1)}) for n in range(5))
    return Report(
        title,
        (("Asked", f"Is it so? {word}"), ("Came out", "Yes."), ("Judged on", "20 rooms.")),
        (
            Arm("teacher", Measures(0.95, 0.94, 0.99, 0.01, None, 150_000, {})),
            Arm(f"student {word}", Measures(0.9123, 0.8, 0.95, 0.0456, 0.93, 5_000, {}), history, (f"warned {word}",)),
        ),
        graph(rules, {"room 1": world(word)}, notes=[f"note {word}"]),
        facts=(("rooms", f"from {word}"),),
        notes=("a note",),
    )


def test_all_that_was_found_is_told() -> None:
    page = Page(render(report()))
    for said in (
        "Is it so? cup", "Judged on", "150,000", "91.2 %", "4.6 %", "93.0 %",
        "If a is left of b, then not (b is left of a).", "left_of(a, b) -> ~left_of(b, a)",
        "5 of 1,234 live groundings break it, in 20 units",
        "true in the data", "0 of 1,234", "0.00 to 2.00 %", "a = desk 0, b = cup 1", "kept", "broken", "warned cup",
        "50 steps", "All 2 axioms", "not confirmed", "from cup", "note cup", "a note",
    ):  # fmt: skip
        assert said in page.text, said
    assert page.count("figure") == 3  # the kept and the broken example, one training
    assert page.count("svg") == 3


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = render(report())
    page = Page(text)
    assert page.count("script") == page.count("link") == page.count("img") == page.count("iframe") == 0
    for _, attributes in page.tags:
        assert {"src", "href"} & set(attributes) == set()
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    policy = next(a["content"] for n, a in page.tags if n == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_hostile_names_stay_text() -> None:
    page, usual = Page(render(report(HOSTILE, title=HOSTILE))), Page(render(report()))
    assert [name for name, _ in page.tags] == [name for name, _ in usual.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in usual.tags]
    assert page.text.count("onerror") > 5


def test_hostile_predicates_cannot_even_be_named() -> None:
    with pytest.raises(RulekdError):
        Predicate("<img>", 2)


def test_a_report_without_rules_or_measures() -> None:
    page = Page(render(Report("Bare", (("Asked", "nothing"),), (Arm("student", None),))))
    assert page.count("svg") == 0
    assert "–" in page.text
    unconfirmed = Report("x", (), graph=graph([ruled("near(a, b) <-> near(b, a)", 0.05, confirmed=False)]))
    assert "None of them was confirmed" in Page(render(unconfirmed)).text


def test_a_report_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    assert write(report(), path) == path
    before = path.read_bytes()
    with pytest.raises(RulekdError, match=r"report\.html exists already"):
        write(report(title="Another"), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
