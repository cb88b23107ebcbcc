"""How a parse error is worded: what was expected, what was probably meant, where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kg.errors import nearest

#: What the parser's tokens are called in messages; those that join formulas are all operators.
_JOIN: Final = frozenset({"IFF", "ARROW", "TURNSTILE", "OR", "AND", "COMPARISON", "SIGN", "TIMES"})
_WORDS: Final = {
    "NAME": "a name",
    "NUMBER": "a number",
    "WORD": "a word",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "COLON": "':'",
}


def expectation(kinds: frozenset[str]) -> str:
    """What the parser could have gone on with, in words."""
    if {"NAME", "LPAR"} <= kinds:
        return "a formula" if "NOT" in kinds else "a number"
    words = ["an operator such as '&' or '->'"] if kinds & _JOIN else []
    words += [_WORDS[kind] for kind in sorted(kinds - _JOIN) if kind in _WORDS and not (words and kind == "LPAR")]
    return " or ".join([*words, *(["the end"] if "$END" in kinds else [])])


def no_number(name: str, word_beside: str) -> tuple[str, str]:
    """(message, hint) about a variable where a number or a word should stand.

    word_beside: what it is compared with for equality, where a word could be meant.
    """
    hint = f"Read a number off it, as in 'x({name})'."
    if word_beside:
        hint = f'A word is quoted: {word_beside} = "{name}". {hint}'
    return f"the variable {name!r} stands for an object, and a number is needed here", hint


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the nearest other name; empty when nothing comes close."""
    close = nearest(name, (word for word in known if word != name))
    return f"Did you mean {close!r}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """The names in order, twelve at most."""
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (f" and {len(ordered) - 12} more" if len(ordered) > 12 else "")


def excerpt(text: str, line: int, column: int) -> str:
    """The line of the text, or the part of it around the column, with a caret under the place."""
    whole = text.split("\n")[line - 1]
    begin = max(0, column - 61)
    part = whole[begin : begin + 120]
    shown = "".join(sign if sign.isprintable() else "·" if sign != "\t" else " " for sign in part)
    return f"    {shown.rstrip()}\n    {' ' * (column - 1 - begin)}^"
