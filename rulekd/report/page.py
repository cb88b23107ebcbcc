"""A report as one HTML file that needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kg import RulekdError
from kg.files import write_atomically
from rulekd.report.contents import Report
from rulekd.report.curves import curves
from rulekd.report.forest import forest
from rulekd.report.gap import gap
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.networks import networks
from rulekd.report.plan import plan
from rulekd.report.rules import axioms, rules
from rulekd.report.strongest import strongest
from rulekd.report.style import STYLE
from rulekd.report.verdicts import verdicts

#: Written out: the attribute is called as the function's own first argument is.
VIEWPORT = Markup('<meta name="viewport" content="width=device-width, initial-scale=1">')
#: How many rules are told in words.
TOLD = 10


def write(report: Report, path: str | Path) -> Path:
    """Write the report to a new file, whole or not at all; an existing file is refused."""
    target = Path(path)
    if target.exists():
        raise RulekdError(f"{target} exists already, and nothing is overwritten", hint="Choose another path.")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, render(report))
    return target


def render(report: Report) -> str:
    """The page."""
    sections = [(name, inside) for name, inside in _sections(report) if inside is not None]
    top = None if report.comparison is None else verdicts(report.comparison)
    body = joined(
        tag("header", tag("h1", report.title), top, _lines(report.lines), _contents([name for name, _ in sections])),
        *(tag("section", tag("h2", name), inside, id=_anchor(name)) for name, inside in sections),
    )
    head = joined(
        tag("meta", charset="utf-8"),
        VIEWPORT,
        tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        tag("title", report.title),
        tag("style", Markup(STYLE)),
    )
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", tag("main", body)), lang="en") + "\n"


def _sections(report: Report) -> list[tuple[str, Markup | None]]:
    """Every section by its heading, in the order of the page; None for what there is nothing to say about."""
    graph = report.graph
    told = () if graph is None else strongest(graph, TOLD)
    differences = None if report.comparison is None else forest(report.comparison)
    notes = [*report.notes, *(graph.notes if graph is not None else ())]
    return [
        ("Networks", joined(networks(report.arms), differences) if report.arms else None),
        ("Rules", None if graph is None else joined(rules(told, graph, report.arms), axioms(graph))),
        ("Teacher and data", None if graph is None else gap(graph.axioms())),
        ("Training", curves(report.arms)),
        ("Plan of the constraints", plan(report.plan)),
        ("Where this comes from", _facts(report.facts) if report.facts else None),
        ("Notes", tag("ul", *(tag("li", note) for note in notes), class_="notes") if notes else None),
    ]


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _contents(names: Sequence[str]) -> Markup | None:
    """Links to the sections; a page of one needs none."""
    if len(names) < 2:
        return None
    return tag("nav", *(tag("a", name, href=f"#{_anchor(name)}") for name in names), aria_label="On this page")


def _lines(lines: Sequence[tuple[str, str]]) -> Markup:
    return tag("dl", *(joined(tag("dt", name), tag("dd", text)) for name, text in lines), class_="lines")


def _facts(facts: Sequence[tuple[str, str]]) -> Markup:
    return tag("dl", *(joined(tag("dt", name), tag("dd", text)) for name, text in facts), class_="facts")
