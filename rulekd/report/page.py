"""A report as one HTML file that needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kg import Citation, Kind, KnowledgeGraph, Rule, RulekdError, in_words
from kg.files import write_atomically
from kg.formulas import Under
from rulekd.distillation.measures import Measures
from rulekd.report.contents import Arm, Report
from rulekd.report.ledgers import chart
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.pictures import legend, picture
from rulekd.report.strongest import kind_of, strongest
from rulekd.report.style import STYLE
from rulekd.report.wording import interval_words, ledger_words, percent

#: Written out: the attribute is called as the function's own first argument is.
VIEWPORT = Markup('<meta name="viewport" content="width=device-width, initial-scale=1">')
#: How many rules are told in words, and of how many a picture is shown.
TOLD, PICTURED = 10, 4

#: The columns of the table of networks: heading, what it means, which measure, is more better?
COLUMNS = (
    ("macro-F1", "mean over predicates, at calibrated thresholds", "f1"),
    ("at 0.5", "the same, every threshold at one half", "f1_at_half"),
    ("average precision", "of the ranking, no threshold", "average_precision"),
    ("rules violated", "share of live groundings that break a rule, mean over the same axioms", "violation"),
    ("fidelity", "share of groundings decided as the teacher decides", "fidelity"),
)


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
    graph = report.graph
    told = () if graph is None else strongest(graph, TOLD)
    body = joined(
        tag("header", tag("h1", report.title), _lines(report.lines)),
        _networks(report.arms) if report.arms else None,
        _rules(told, graph) if graph is not None else None,
        _pictures(told, graph) if graph is not None else None,
        _ledgers(report.arms),
        _all_axioms(graph) if graph is not None else None,
        _origin(report),
    )
    head = joined(
        tag("meta", charset="utf-8"),
        VIEWPORT,
        tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        tag("title", report.title),
        tag("style", Markup(STYLE)),
    )
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", tag("main", body)), lang="en") + "\n"


def _lines(lines: Sequence[tuple[str, str]]) -> Markup:
    return tag("dl", *(joined(tag("dt", name), tag("dd", text)) for name, text in lines), class_="lines")


def _networks(arms: Sequence[Arm]) -> Markup:
    heads = [tag("th", head, title=meaning, scope="col", class_="number") for head, meaning, _ in COLUMNS]
    rows = [tag("tr", tag("th", arm.name, scope="row"), *_cells(arm.measures)) for arm in arms]
    table = tag(
        "table",
        tag("thead", tag("tr", tag("th", "network", scope="col"), tag("th", "parameters", class_="number"), *heads)),
        tag("tbody", *rows),
    )
    meanings = "; ".join(f"{head}: {meaning}" for head, meaning, _ in COLUMNS)
    return tag("section", tag("h2", "Networks"), tag("div", table, class_="wide"), tag("p", meanings, class_="faint"))


def _cells(measures: Measures | None) -> list[Markup]:
    if measures is None:
        return [tag("td", "–", class_="number") for _ in range(len(COLUMNS) + 1)]
    return [tag("td", f"{measures.parameters:,}", class_="number")] + [
        _share(getattr(measures, measure), "bad" if measure == "violation" else "good") for _, _, measure in COLUMNS
    ]


def _share(value: float | None, kind: str) -> Markup:
    """A fraction with a bar under it."""
    bar = None if value is None else tag("i", tag("i", style=f"width:{100 * value:.1f}%"), class_=f"bar {kind}")
    return tag("td", percent(value), bar, class_="number")


def _rules(told: Sequence[Rule], graph: KnowledgeGraph) -> Markup:
    followers = len(graph.rules()) - len(graph.axioms())
    count = f"{len(graph.axioms())} axioms stand for {len(graph.rules())} rules; {followers} follow from them."
    if not told:
        return tag("section", tag("h2", "Rules"), tag("p", f"{count} None of them was confirmed by evidence."))
    return tag(
        "section",
        tag("h2", f"The {len(told)} strongest rules" if len(told) > 1 else "The strongest rule"),
        tag(
            "p",
            f"{count} Below are those whose violation rate is surely smallest, and not many of one family. "
            "Two ledgers each: what the teacher's answers obey, and what is true in the data.",
        ),
        tag("ol", *map(_rule, told), class_="rules"),
    )


def _rule(rule: Rule) -> Markup:
    evidence = rule.evidence
    assert evidence is not None  # strongest() tells of rules with evidence only
    said = [rule.name, *([rule.kind.value] if rule.kind is not Kind.UNKNOWN else []), rule.status.value]
    ledgers = [
        joined(tag("dt", head), tag("dd", *(tag("span", words) for words in ledger_words(ledger) if words)))
        for head, ledger in (("obeyed by the teacher", evidence.teacher), ("true in the data", evidence.data))
    ]
    return tag(
        "li",
        tag("p", in_words(rule), class_="words"),
        tag("p", tag("code", rule.text)),
        tag("p", " · ".join(said), class_="faint"),
        tag("dl", *ledgers, class_="ledgers"),
    )


def _pictures(told: Sequence[Rule], graph: KnowledgeGraph) -> Markup | None:
    figures: list[Markup] = []
    kinds: set[str] = set()
    scenes: set[str] = set()
    # rules of two objects or more say something about where things stand
    for rule in sorted(told, key=_objects, reverse=True):
        if len(kinds) == PICTURED or kind_of(rule) in kinds or rule.evidence is None:
            continue
        made = [
            figure
            for verdict, cited in (("kept", rule.evidence.examples), ("broken", rule.evidence.counterexamples))
            if (figure := _figure(rule, verdict, cited, graph, scenes)) is not None
        ]
        if made:
            kinds.add(kind_of(rule))
            figures += made
    if not figures:
        return None
    said = "Scenes that the rules cite, as the teacher answered about them: from above, and from the front below it."
    return tag("section", tag("h2", "Cited scenes"), tag("p", said), tag("div", *figures, class_="figures"))


def _objects(rule: Rule) -> int:
    """How many objects its first example is about."""
    return len(rule.evidence.examples[0].binding) if rule.evidence is not None and rule.evidence.examples else 0


def _figure(
    rule: Rule, verdict: str, cited: Sequence[Citation], graph: KnowledgeGraph, shown: set[str]
) -> Markup | None:
    """The first of the citations that can be drawn, preferably of a scene that is not ``shown`` yet; it is then."""
    for citation in sorted(cited, key=lambda c: c.scene in shown):
        world = graph.worlds.get(citation.world) if citation.world is not None else None
        drawn = None if world is None else picture(world, citation)
        if drawn is not None and world is not None:
            shown.add(citation.scene)
            before = " (before the change)" if isinstance(rule.formula, Under) else ""
            caption = tag(
                "figcaption",
                tag("b", verdict, class_=verdict),
                f" {in_words(rule)}",
                tag("span", f"{legend(world, citation)} · {citation.scene}{before}", class_="faint"),
            )
            return tag("figure", drawn, caption)
    return None


def _ledgers(arms: Sequence[Arm]) -> Markup | None:
    taught = [arm for arm in arms if arm.history]
    if not taught:
        return None
    terms = list(dict.fromkeys(term for arm in taught for term in arm.history[-1].terms))
    figures = []
    for arm in taught:
        last = arm.history[-1]
        said = [
            tag(
                "li",
                tag("i", class_=f"key t{terms.index(term) % 4}"),
                f"{term}: {value:.3f} at the end"
                + (f", {last.shares[term]:.0%} of the gradient" if term in last.shares and len(last.terms) > 1 else ""),
            )
            for term, value in last.terms.items()
        ]
        said += [tag("li", f"Warning: {warning}", class_="warning") for warning in arm.warnings]
        caption = tag("figcaption", tag("b", arm.name), tag("ul", *said))
        figures.append(tag("figure", chart(arm.history, terms), caption))
    said_of = "Each term of the loss over the steps, weighted as it was trained; the mean over each epoch."
    return tag("section", tag("h2", "Training"), tag("p", said_of), tag("div", *figures, class_="figures charts"))


def _all_axioms(graph: KnowledgeGraph) -> Markup | None:
    axioms = graph.axioms()
    if not axioms:
        return None
    heads = ("rule", "confidence", "violation rate, 95 %", "support", "true in the data", "status")
    rows = []
    for rule in axioms:
        evidence = rule.evidence
        texts = ["–"] * 4
        if evidence is not None:
            data = None if evidence.data is None else evidence.data.confidence
            texts = [
                percent(evidence.confidence),
                interval_words(evidence.interval),
                f"{evidence.support:,}",
                percent(data),
            ]
        status = rule.status.value + ("" if evidence is None or evidence.confirmed else ", not confirmed")
        cells = [tag("td", text, class_="number") for text in texts]
        rows.append(tag("tr", tag("td", tag("code", rule.text)), *cells, tag("td", status)))
    table = tag("table", tag("thead", tag("tr", *(tag("th", head) for head in heads))), tag("tbody", *rows))
    return tag("section", tag("details", tag("summary", f"All {len(axioms)} axioms"), tag("div", table, class_="wide")))


def _origin(report: Report) -> Markup | None:
    parts: list[Markup] = []
    if report.facts:
        rows = [joined(tag("dt", name), tag("dd", text)) for name, text in report.facts]
        parts += [tag("h2", "Where this comes from"), tag("dl", *rows, class_="facts")]
    notes = [*report.notes, *(report.graph.notes if report.graph is not None else ())]
    if notes:
        parts += [tag("h2", "Notes"), tag("ul", *(tag("li", note) for note in notes))]
    return tag("section", *parts) if parts else None
