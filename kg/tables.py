"""Plain tables for terminals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

WIDEST: Final = 72


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the columns below each other, the first row underlined; cells over WIDEST are shortened.

    >>> print("\\n".join(aligned([["name", "support"], ["near", "12"]])))
    name  support
    ----  -------
    near  12
    """
    short = [[cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 3]}..." for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    lines = [short[0], ["-" * width for width in widths], *short[1:]]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same as a table in Markdown, the first row its heads.

    >>> print(markdown([["name", "support"], ["near", "12"]]))
    | name | support |
    |---|---|
    | near | 12 |
    """
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join([f"| {lines[0]} |", "|" + "---|" * len(rows[0]), *(f"| {line} |" for line in lines[1:])])


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
