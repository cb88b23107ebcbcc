"""Rules below each other in a terminal, with what speaks for each."""

from __future__ import annotations

from collections.abc import Sequence

from kg.rules import Rule
from kg.tables import aligned, rate_text


def rule_table(rules: Sequence[Rule], *, ids: bool = False, width: int | None = None) -> list[str]:
    """Lines of a table: how each rule is referred to, what it says, and how it stands.

    Rules are called by name: the law that people know, or else their text. ids: with the id of each before it. In the
    data: what share of the live groundings of the labels keeps a rule; left out where none has labels.

    >>> from kg import Evidence, Ledger, parse
    >>> law = Rule(parse("left_of(a, b) <-> right_of(b, a)"), Evidence(Ledger(200, 1, 40, 0.01, (0.001, 0.04))))
    >>> print(*rule_table([law], width=80), sep="\\n")
    rule                        kept     broken, 95 %    live  standing
    --------------------------  -------  --------------  ----  -------------
    inverse(left_of, right_of)  99.50 %  0.10 to 4.00 %  200   not confirmed
    """
    if not rules:
        return ["no rules"]
    labelled = any(rule.evidence is not None and rule.evidence.data is not None for rule in rules)
    heads = [*(["id"] if ids else []), "rule", "kept", *(["in the data"] if labelled else []), "broken, 95 %", "live"]
    rows = [[*([rule.id] if ids else []), *_row(rule, labelled)] for rule in rules]
    return aligned([[*heads, "standing"], *rows], wrapped=int(ids), width=width)


def _row(rule: Rule, labelled: bool) -> list[str]:
    evidence = rule.evidence
    if evidence is None:
        return [_called(rule), "-", *(["-"] if labelled else []), "-", "-", rule.standing]
    data = [_share(None if evidence.data is None else evidence.data.confidence)] if labelled else []
    interval, live = rate_text(evidence.interval), f"{evidence.support:,}"
    return [_called(rule), _share(evidence.confidence), *data, interval, live, rule.standing]


def _share(confidence: float | None) -> str:
    return "n/a" if confidence is None else "100 %" if confidence == 1 else f"{100 * confidence:.2f} %"


def _called(rule: Rule) -> str:
    """The name, or the whole text where the name is a piece of it."""
    return rule.text if rule.name.endswith(rule.id) else rule.name
