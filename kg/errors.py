"""Errors that a person can cause. Each names the thing, shows the value and says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RulekdError(Exception):
    """Base of every error that stems from what a person gave us; our own mistakes are assertions.

    ``hint`` says what to do next; the command line prints it on a line of its own.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message}\n{self.hint}" if self.hint else message

    @property
    def message(self) -> str:
        """The message without the hint."""
        return str(self.args[0])


class UnknownNameError(RulekdError):
    """A name that is not in the vocabulary, graph or table that it was looked up in."""


class ArityError(RulekdError):
    """A predicate or term with the wrong number of arguments."""


class FormulaError(RulekdError):
    """A formula that cannot be built, or cannot be used where it was given."""


class ParseError(RulekdError):
    """Rule text that cannot be read. ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, *, line: int, column: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.column = column


class FileFormatError(RulekdError):
    """A file that is truncated, malformed or of a version that this program does not know."""


class ContradictionError(RulekdError):
    """Rules that cannot hold together where a consistent set is needed."""


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None when nothing comes close, or it is no name at all."""
    if not isinstance(name, str):
        return None
    names = sorted(known)
    exact = [candidate for candidate in names if candidate.lower() == name.lower()]
    close = exact or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return close[0] if close else None


def unknown(kind: str, name: object, known: Iterable[str], *, where: str = "") -> UnknownNameError:
    """The error for an unknown name: what was asked for, what is known, what was probably meant.

    >>> print(unknown("predicate", "abov", ["above", "below"]))
    unknown predicate 'abov'; known: above, below
    Did you mean 'above'?
    """
    names = sorted(known)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    close = nearest(name, names)
    otherwise = "Use one of these names." if names else "Nothing is known here: check what was given."
    return UnknownNameError(
        f"{where}unknown {kind} {name!r}; known: {shown or 'none'}",
        hint=f"Did you mean {close!r}?" if close else otherwise,
    )
