"""Plain tables for terminals."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

#: Characters of a cell; and of a column that is wrapped, however narrow the terminal.
WIDEST: Final = 72
NARROWEST: Final = 20


def aligned(rows: Sequence[Sequence[str]], wrapped: int | None = None, width: int | None = None) -> list[str]:
    """Lines with the columns below each other, the first row underlined; cells over WIDEST are shortened.

    wrapped: the column that goes on over several lines, so that all fit into the width; by default the terminal's, 120
    where there is none.

    >>> print("\\n".join(aligned([["name", "support"], ["near", "12"]])))
    name  support
    ----  -------
    near  12
    """
    cells = [[cell if place == wrapped else _short(cell) for place, cell in enumerate(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if wrapped is not None:
        others = sum(widths) - widths[wrapped] + 2 * (len(widths) - 1)
        room = (page_width() if width is None else width) - others
        widths[wrapped] = min(widths[wrapped], max(NARROWEST, room))
    lines = []
    for row in [cells[0], ["-" * width for width in widths], *cells[1:]]:
        folded = [_folded(cell, widths[place]) if place == wrapped else [cell] for place, cell in enumerate(row)]
        for parts in zip_longest(*folded, fillvalue=""):
            lines.append("  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip())
    return lines


def page_width() -> int:
    """Columns of the terminal, or what COLUMNS says; 120 where there is neither."""
    return shutil.get_terminal_size((120, 24)).columns


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


def _folded(text: str, width: int) -> list[str]:
    """Lines of at most that width, further ones indented; an atom such as ``on(a, b)`` is not parted.

    >>> _folded("on(a, b) & on(b, c) -> above(a, c)", 20)
    ['on(a, b) & on(b, c)', '  -> above(a, c)']
    """
    whole = re.sub(
        r"\w+\([^()]*\)", lambda atom: atom[0] if len(atom[0]) > width - 2 else atom[0].replace(" ", "\0"), text
    )
    lines = textwrap.wrap(whole, width, subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def fields(values: Sequence[tuple[str, str]], page: int | None = None) -> str:
    """One named value a line; values of several lines, or wider than the page, are indented under the first.

    >>> print(fields([("name", "near"), ("rate", "2 %")]))
    name  near
    rate  2 %
    >>> fields([("text", "left_of(a, b) & left_of(b, c) -> left_of(a, c)")], page=44).splitlines()
    ['text  left_of(a, b) & left_of(b, c) ->', '        left_of(a, c)']
    """
    width = max((len(name) for name, _ in values), default=0)
    room = max((page_width() if page is None else page) - width - 2, WIDEST // 2)
    told = []
    for name, value in values:
        lines = [part for line in value.split("\n") for part in _folded(line, room)] if value else []
        told += [f"{name if not place else '':{width}}  {line}" for place, line in enumerate(lines)]
    return "\n".join(told)


def percent(fraction: float | None) -> str:
    """A fraction in per cent, with as many digits as it needs; a dash where it is unknown.

    >>> percent(0.0123), percent(0.00004), percent(None), percent(1.0), percent(0.0)
    ('1.2 %', '0.004 %', '-', '100 %', '0 %')
    """
    if fraction is None:
        return "-"
    if fraction in (0, 1):
        return f"{100 * fraction:.0f} %"
    return f"{100 * fraction:.3g} %" if fraction < 0.0005 else f"{100 * fraction:.1f} %"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same as a table in Markdown, the first row its heads.

    >>> print(markdown([["name", "support"], ["near", "12"]]))
    | name | support |
    |---|---|
    | near | 12 |
    """
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join([f"| {lines[0]} |", "|" + "---|" * len(rows[0]), *(f"| {line} |" for line in lines[1:])])


def how_many(count: int, noun: str) -> str:
    """A number of things in words.

    >>> how_many(1, "rule"), how_many(1204, "rule")
    ('1 rule', '1,204 rules')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def rate_text(interval: tuple[float, float] | None) -> str:
    """A violation rate's interval in per cent, or why there is none.

    >>> rate_text((0.0, 0.0134)), rate_text(None)
    ('0.00 to 1.34 %', 'n/a')
    """
    return "n/a" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %"


def printable(text: str) -> str:
    """The text on one line, with a dot for what would steer a terminal.

    >>> printable("done\\x1b[2J")
    'done·[2J'
    """
    return "".join(sign if sign.isprintable() else "·" for sign in text)
