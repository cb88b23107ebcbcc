"""The page: complete, one file, and safe whatever rules and scenes are called."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from kg import Citation, Predicate, RulekdError, Vocabulary
from kg.graph import KnowledgeGraph
from rulekd.constraints import compile
from rulekd.report import Arm, Report, render, write
from tests.report.made import Page, compared, graph, rated, report, ruled, world

HOSTILE = '<img src=x onerror="alert(1)">\'&</script><script>alert(2)</script>'


def test_all_that_was_found_is_told() -> None:
    page = Page(render(report()))
    for said in (
        # what was asked, and the verdict
        "Is it so? cup", "Judged on", "INCONCLUSIVE", "LOSES", "+4.0 points",
        # networks, and the forest plot
        "150,000", "91.2 %", "4.6 %", "93.0 %", "taught cup", "everything less each control",
        # rules
        "If a is left of b, then not (b is left of a).", "left_of(a, b) -> ~left_of(b, a)",
        "5 of 1,234 live groundings break it, in 20 units", "0 of 1,234", "0.00 to 2.00 %", "a = desk 0, b = cup 1",
        "A scene that supports it", "A scene that breaks it", "No counterexample among 321 live groundings",
        "All 3 axioms", "not confirmed",
        # both ledgers, curves, plan, provenance
        "true in the data", "How often each axiom is broken", "warned cup", "50 steps", "trained by", "from cup",
        "note cup", "a note",
    ):  # fmt: skip
        assert said in page.text, said


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = render(report())
    page = Page(text)
    assert page.count("script") == page.count("link") == page.count("img") == page.count("iframe") == 0
    for _, attributes in page.tags:
        assert {"src", "srcset", "action", "formaction", "xlink:href"} & set(attributes) == set()
        assert (attributes.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    for word in ("url(", "@import", "http:", "https:", "//"):
        assert word not in text, word
    assert "prefers-color-scheme: dark" in text
    policy = next(a["content"] for n, a in page.tags if n == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_hostile_names_stay_text() -> None:
    page, usual = Page(render(report(HOSTILE, title=HOSTILE))), Page(render(report()))
    assert [name for name, _ in page.tags] == [name for name, _ in usual.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in usual.tags]
    assert page.text.count("onerror") > 5


def test_hostile_rules_scenes_and_terms_stay_text() -> None:
    """What can be called anything: scenes, variables of citations, attributes, reasons, terms of a loss, arms."""
    cited = Citation(HOSTILE, (("a", 0), ("b", 1)), HOSTILE)
    rule = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, cited=[cited], family=HOSTILE)
    found = KnowledgeGraph(
        Vocabulary({"left_of": 2}), [rule.with_status(rule.status, HOSTILE)], {HOSTILE: world(HOSTILE)}, notes=[HOSTILE]
    )
    whole = Report(HOSTILE, ((HOSTILE, HOSTILE),), (Arm(HOSTILE, (), (), (HOSTILE,), HOSTILE),), found)
    page = Page(render(whole))
    assert page.count("img") == page.count("script") == 0
    assert page.text.count("alert(1)") >= 6


def test_hostile_predicates_cannot_even_be_named() -> None:
    with pytest.raises(RulekdError):
        Predicate("<img>", 2)


def test_headings_are_in_order_and_links_lead_to_them() -> None:
    page = Page(render(report()))
    levels = [int(name[1]) for name, _ in page.tags if name in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    anchors = [a["id"] for n, a in page.tags if n == "section"]
    assert len(anchors) == len(set(anchors)) == 7
    assert [a["href"] for n, a in page.tags if n == "a"] == [f"#{anchor}" for anchor in anchors]


def test_tables_and_pictures_can_be_read_aloud() -> None:
    page = Page(render(report()))
    assert page.count("caption") == page.count("table") == 3
    assert all(attributes.get("scope") in {"row", "col"} for name, attributes in page.tags if name == "th")
    following = [name for name, _ in page.tags][1:]
    pictures = 0
    for (name, attributes), after in zip(page.tags, following, strict=False):
        if name == "svg" and attributes.get("aria-hidden") != "true":
            pictures += 1
            assert attributes.get("role") == "img"
            assert after == "title"
    # 3 scenes and a mirrored one from two sides each, 2 panels of 2 differences, 3 gaps, 1 training
    assert pictures == 2 * 4 + 2 * 2 + 3 + 1
    assert next(attributes for name, attributes in page.tags if name == "html")["lang"] == "en"


def test_a_report_without_rules_or_measures() -> None:
    page = Page(render(Report("Bare", (("Asked", "nothing"),), (Arm("student"),))))
    assert page.count("svg") == page.count("nav") == 0
    assert "–" in page.text
    unconfirmed = Report("x", (), graph=graph([ruled("near(a, b) <-> near(b, a)", 0.05, confirmed=False)]))
    assert "None of them was confirmed" in Page(render(unconfirmed)).text
    empty = Page(render(Report("x", (), graph=graph([]))))
    assert "0 axioms stand for 0 rules" in empty.text


def test_a_page_of_a_thousand_axioms_stays_small() -> None:
    words = [f"touches_number_{n}" for n in range(40)]
    texts = [f"{p}(a, b) & {q}(b, c) -> {p}(a, c)" for p in words for q in words[:25]]
    rules = [rated(text, 0.001 * (n % 90), 0.0) for n, text in enumerate(texts)]
    found = KnowledgeGraph(Vocabulary(dict.fromkeys(words, 2)), rules)
    whole = Report("Many", (), graph=found, plan=compile(found).planned)
    started = time.perf_counter()
    text = render(whole)
    assert time.perf_counter() - started < 5, "saw 0.2 s"
    page = Page(text)
    assert page.count("details") >= 2
    assert "All 1,000 axioms" in page.text
    assert len(text.encode()) < 600_000, "saw 404 kB"


def test_a_report_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    assert write(report(), path) == path
    before = path.read_bytes()
    with pytest.raises(RulekdError, match=r"report\.html exists already"):
        write(report(title="Another"), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_comparison_without_controls_or_labels_is_still_a_page() -> None:
    page = Page(render(Report("x", (), comparison=compared({"all": [0.9, 0.91]}), arms=(Arm("student"),))))
    assert "its teacher" in page.text
