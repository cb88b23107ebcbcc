"""Rules as a table for a terminal: the text of each, how often it is broken, and how it stands."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Final

from kg.rules import Kind, Rule, Status
from kg.tables import printable, rate_text

#: Columns of a page where nobody says how wide it is (a file, a pipe), and the fewest that are asked of a table.
UNSAID, LEAST = 120, 40

#: Columns that the text of a rule gets before another column is dropped for it.
ROOM: Final = 44

GAP: Final = "  "
_ATOM: Final = re.compile(r"\w\([^()]*\)")


def page_width() -> int:
    """Columns of the terminal, or what the variable COLUMNS says."""
    return max(LEAST, shutil.get_terminal_size((UNSAID, 24)).columns)


def standing(rule: Rule) -> str:
    """What a person or the evidence says of a rule, in a word or two.

    >>> from kg import Evidence, Ledger, parse
    >>> rule = Rule(parse("near(a, b) -> near(b, a)"), Evidence(Ledger(10, 1), tolerance=0.2))
    >>> standing(rule), standing(rule.with_status(Status.REJECTED))
    ('not confirmed', 'rejected')
    """
    if rule.status is not Status.SUGGESTED:
        return str(rule.status.value)
    if rule.kind is Kind.HABIT:
        return "habit"
    if rule.evidence is None:
        return "untested"
    return "confirmed" if rule.evidence.confirmed else "not confirmed"


def listing(rules: Sequence[Rule], width: int | None = None) -> list[str]:
    """Lines of a table of rules, at most ``width`` columns wide (the terminal's unless said; 80 always suffice).

    Violation rates are shown by their 95 % intervals: in the network's answers, and in the data where any rule was
    counted there. Where the rules would get fewer than ``ROOM`` columns (or than the longest needs) the name is
    dropped, then confidence, then support. A rule that still is too long goes on in the next line.

    >>> from kg import Evidence, Ledger, parse
    >>> seen = Evidence(Ledger(200, 1, 40, 0.01, (0.001, 0.04)), tolerance=0.05, confirmed=True)
    >>> rules = [Rule(parse("near(a, b) -> near(b, a)"), seen), Rule(parse("on(a, b) & on(b, c) -> above(a, c)"))]
    >>> print("\\n".join(listing(rules, 80)))
    rule                                  broken, 95 %  support  standing
    ----------------------------------  --------------  -------  ---------
    near(a, b) -> near(b, a)            0.10 to 4.00 %      200  confirmed
    on(a, b) & on(b, c) -> above(a, c)               -        -  untested
    """
    if not rules:
        return ["no rules"]
    page = page_width() if width is None else width
    columns = _columns(rules)
    texts = [printable(rule.text) for rule in rules]
    wanted = min(max(map(len, ["rule", *texts])), ROOM)
    for name in ("name", "confidence", "support"):
        if page - _taken(columns) < wanted:
            columns.pop(name, None)
    room = max(min(max(map(len, texts)), page - _taken(columns)), 4)
    heads = [("rule", room), *((name, _widest(name, cells)) for name, cells in columns.items())]
    lines = [GAP.join(_placed(name, name, size) for name, size in heads).rstrip()]
    lines.append(GAP.join("-" * size for _, size in heads))
    for place, text in enumerate(texts):
        first, *others = folded(text, room)
        cells = [(name, columns[name][place], size) for name, size in heads[1:]]
        lines.append(GAP.join([first.ljust(room), *(_placed(*cell) for cell in cells)]).rstrip())
        lines += others
    if "network breaks" in columns:
        lines += folded("network breaks, data break: 95 % intervals of the violation rate", page)
    return lines


def folded(text: str, room: int) -> list[str]:
    """The text in lines of at most ``room`` columns, later ones indented; a word that is longer is cut.

    >>> folded("on(a, b) & on(b, c) -> above(a, c)", 20)
    ['on(a, b) & on(b, c)', '  -> above(a, c)']
    """
    # Spaces between the arguments of an atom do not part: 'on(a, b)' stays on one line where it can.
    kept = _ATOM.sub(lambda atom: atom.group().replace(" ", "\0"), text)
    lines = textwrap.wrap(kept, max(room, 4), subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _columns(rules: Sequence[Rule]) -> dict[str, list[str]]:
    """Cells by head, in the order in which they stand; those that say nothing are left out."""
    two = any(rule.evidence is not None and rule.evidence.data is not None for rule in rules)
    by_head: dict[str, Callable[[Rule], str]] = {
        "name": lambda rule: printable(rule.name) if rule.name != rule.text else "",
        "network breaks" if two else "broken, 95 %": _by_network,
        "data break": _in_data if two else lambda rule: "",
        "confidence": _confidence,
        "support": lambda rule: "-" if rule.evidence is None else f"{rule.evidence.support:,}",
        "standing": standing,
    }
    cells = {head: [cell(rule) for rule in rules] for head, cell in by_head.items()}
    return {head: column for head, column in cells.items() if any(cell.strip("-") for cell in column)}


def _by_network(rule: Rule) -> str:
    return "-" if rule.evidence is None else _between(rule.evidence.interval)


def _in_data(rule: Rule) -> str:
    data = None if rule.evidence is None else rule.evidence.data
    return "-" if data is None else _between(data.interval)


def _between(interval: tuple[float, float] | None) -> str:
    """``rate_text`` in 14 columns: two digits behind the point below 10 %, one from there on."""
    if interval is None:
        return rate_text(None)
    low, high = (f"{100 * bound:.2f}" if 100 * bound < 9.995 else f"{100 * bound:.1f}" for bound in interval)
    return f"{low} to {high} %"


def _confidence(rule: Rule) -> str:
    confidence = None if rule.evidence is None else rule.evidence.confidence
    return "-" if confidence is None else f"{confidence:.4f}"


def _taken(columns: dict[str, list[str]]) -> int:
    return sum(_widest(name, cells) + len(GAP) for name, cells in columns.items())


def _widest(name: str, cells: Sequence[str]) -> int:
    return max(map(len, [name, *cells]))


def _placed(column: str, cell: str, size: int) -> str:
    """Numbers stand at the right of their column, words at the left."""
    return cell.ljust(size) if column in ("rule", "name", "standing") else cell.rjust(size)
