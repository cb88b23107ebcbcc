"""Rules in words, each with its evidence and the scenes that speak for and against it."""

from __future__ import annotations

from collections.abc import Sequence

from kg import Definition, Kind, KnowledgeGraph, Rule, in_words
from rulekd.report.citations import pair
from rulekd.report.contents import Arm
from rulekd.report.hunts import hunt_words, probe_words
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.wording import interval_words, ledger_words, percent


def rules(told: Sequence[Rule], graph: KnowledgeGraph, arms: Sequence[Arm] = ()) -> Markup:
    """The rules that are told one by one, with how often each of the arms breaks them."""
    axioms, every = len(graph.axioms()), len(graph.rules())
    count = f"{axioms:,} axioms stand for {every:,} rules; {every - axioms:,} follow from them or are rejected."
    if not told:
        return tag("p", f"{count} None of them was confirmed by evidence.")
    said = (
        f"{count} Below are those whose violation rate is surely smallest, and not many of one family. Two ledgers "
        "each: what the network's answers obey, and what is true in the data. The scenes are those that the rules "
        "cite, as the network answered about them; the objects that a rule speaks of are outlined and lettered."
    )
    shown: set[str] = set()
    return joined(tag("p", said), tag("ol", *(_rule(rule, graph, arms, shown) for rule in told), class_="rules"))


def _rule(rule: Rule, graph: KnowledgeGraph, arms: Sequence[Arm], shown: set[str]) -> Markup:
    evidence = rule.evidence
    assert evidence is not None  # those that are told have evidence
    named = [rule.name] if rule.name != rule.text else []
    said = [*named, *([rule.kind.value] if rule.kind is not Kind.UNKNOWN else []), rule.status.value]
    told: list[tuple[str, Sequence[str]]] = [
        ("obeyed by the teacher", ledger_words(evidence.teacher)),
        ("true in the data", ledger_words(evidence.data)),
    ]
    if evidence.definition is not None:
        told.append(("as a definition", _defined(evidence.definition)))
    if evidence.probes is not None:
        told.append(("probed", probe_words(evidence.probes)))
    if evidence.hunt is not None:
        told.append(("hunted", hunt_words(evidence.hunt)))
    broken = _broken(rule, arms)
    if broken:
        told.append(("broken in the test part", ("; ".join(broken),)))
    ledgers = [
        joined(tag("dt", head), tag("dd", *(tag("span", words) for words in lines if words))) for head, lines in told
    ]
    return tag(
        "li",
        tag("h3", in_words(rule)),
        tag("p", tag("code", rule.text)),
        tag("p", " · ".join(said), class_="faint"),
        tag("dl", *ledgers, class_="ledgers"),
        pair(rule, graph, shown),
        class_="card",
    )


def _defined(definition: Definition) -> tuple[str, ...]:
    """How well it tells what it defines, and its thresholds: what (.., ..) leaves open, what [.., ..] estimates."""
    measured = (("the teacher's answers", definition.fidelity), ("the labels", definition.truth))
    told = " and ".join(f"{percent(value)} of {whose}" for whose, value in measured if value is not None)
    thresholds = "; ".join(f"{one.literal}: {one}" for one in definition.thresholds)
    return (f"macro-F1 {told}" if told else "", f"thresholds: {thresholds}" if thresholds else "")


def _broken(rule: Rule, arms: Sequence[Arm]) -> list[str]:
    """By each arm: the strict share of live groundings, mean over seeds; arms that never put it to the test are left
    out."""
    said = []
    for arm in arms:
        shares = [one.violations[rule.name] for one in arm.measures if rule.name in one.violations]
        if shares:
            said.append(f"{arm.name} {percent(sum(shares) / len(shares))}")
    return said


def axioms(graph: KnowledgeGraph) -> Markup | None:
    """Every axiom in a table, behind a click; None without axioms."""
    found = graph.axioms()
    if not found:
        return None
    heads = ("confidence", "violation rate, 95 %", "support", "true in the data")
    row = tag(
        "tr",
        tag("th", "rule", scope="col"),
        *(tag("th", head, scope="col", class_="number") for head in heads),
        tag("th", "status", scope="col"),
    )
    table = tag(
        "table",
        tag("caption", "Confidence: 1 - violations / support, of the network's answers and of the labels."),
        tag("thead", row),
        tag("tbody", *map(_row, found)),
    )
    return tag("details", tag("summary", f"All {len(found):,} axioms"), tag("div", table, class_="wide"))


def _row(rule: Rule) -> Markup:
    evidence = rule.evidence
    texts = ["–"] * 4
    if evidence is not None:
        data = None if evidence.data is None else evidence.data.confidence
        rate = interval_words(evidence.interval)
        texts = [percent(evidence.confidence), rate, f"{evidence.support:,}", percent(data)]
    cells = (tag("td", text, class_="number") for text in texts)
    return tag("tr", tag("th", tag("code", rule.text), scope="row"), *cells, tag("td", rule.standing))
