"""Rules below each other in a terminal, with what speaks for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kg.rules import Ledger, Rule
from kg.tables import aligned, page_width, rate_text

#: Columns of a page on which everything is shown; on narrower ones what is kept, and of how many, is left out.
WIDE: Final = 100

#: Violation rate up to which a rule is confirmed unless errors of the facts, or a person, say otherwise.
USUAL: Final = 0.10


def rule_table(rules: Sequence[Rule], *, ids: bool = False, width: int | None = None) -> list[str]:
    """Lines of a table: how each rule is referred to, what it says, and how it stands.

    Rules are called by name: the law that people know, or else their text. ids: with the id of each before it. In the
    data: what share of the live groundings of the labels keeps a rule; left out where none has labels.

    >>> from kg import Evidence, Ledger, parse
    >>> law = Rule(parse("left_of(a, b) <-> right_of(b, a)"), Evidence(Ledger(200, 1, 40, 0.01, (0.001, 0.04))))
    >>> print(*rule_table([law], width=100), sep="\\n")
    rule                        kept     broken, 95 %    live  standing
    --------------------------  -------  --------------  ----  -------------
    inverse(left_of, right_of)  99.50 %  0.10 to 4.00 %  200   not confirmed
    """
    if not rules:
        return ["no rules"]
    page = page_width() if width is None else width
    told = [rule.evidence for rule in rules]
    answers = [None if evidence is None else evidence.teacher for evidence in told]
    labels = [None if evidence is None else evidence.data for evidence in told]
    columns = {
        "id": [rule.id for rule in rules] if ids else [],
        "rule": [called(rule) for rule in rules],
        "kept": [_share(said) for said in answers] if page >= WIDE else [],
        "in the data": [_share(data) for data in labels] if any(labels) else [],
        "broken, 95 %": [rate_text(evidence.interval) if evidence else "-" for evidence in told],
        "live": [f"{evidence.support:,}" if evidence else "-" for evidence in told] if page >= WIDE else [],
        "standing": [_standing(rule) for rule in rules],
    }
    shown = [[head, *cells] for head, cells in columns.items() if cells]
    return aligned([list(row) for row in zip(*shown, strict=True)], wrapped=int(ids), width=page)


def called(rule: Rule) -> str:
    """How a rule is shown: its name, or the whole text where the name is a piece of it."""
    return rule.text if rule.name.endswith(rule.id) else rule.name


def _standing(rule: Rule) -> str:
    """With the violation rate up to which it is confirmed, where errors of the facts explain more than the usual.

    >>> from kg import Evidence, Ledger, parse
    >>> told = Ledger(200, 40, 40, 0.2, (0.1, 0.24))
    >>> _standing(Rule(parse("left_of(a, b) <-> right_of(b, a)"), Evidence(told, confirmed=True, tolerance=0.26)))
    'confirmed to 26 %'
    """
    evidence = rule.evidence
    if rule.standing != "confirmed" or evidence is None or evidence.tolerance <= USUAL:
        return rule.standing
    return f"confirmed to {100 * evidence.tolerance:.0f} %"


def _share(ledger: Ledger | None) -> str:
    """Of the live groundings those that keep the rule."""
    if ledger is None:
        return "-"
    kept = ledger.confidence
    return "n/a" if kept is None else "100 %" if kept == 1 else f"{100 * kept:.2f} %"
