"""How a rule is referred to: a text that is meant as a formula and cannot be read is told from an unknown name."""

from __future__ import annotations

from collections.abc import Container

from kg.errors import ParseError
from kg.text import parse


def is_formula(text: str, predicates: Container[str]) -> bool:
    """Is it meant as a formula? It has signs of logic, or calls a predicate; ``inverse(on, under)`` is a name."""
    signs = any(sign in text for sign in ("->", "=>", "&", "|", "~"))
    return signs or ("(" in text and text.split("(")[0].strip() in predicates)


def check_readable(text: str) -> None:
    """Raises ParseError, in one line, where a text that refers to a rule is no formula."""
    try:
        parse(text)
    except ParseError as error:
        why = error.message.splitlines()[0]
        raise ParseError(
            f"unknown rule {text[:200]!r}, which cannot be read as a formula: {why}",
            line=error.line,
            column=error.column,
            hint=error.hint or "`rulekd kg list` lists the rules; each has an id.",
        ) from None
