"""HTML and SVG as text in which everything that is not markup is escaped."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

#: Elements that have no end tag.
VOID = frozenset({"meta", "br", "hr", "col"})


class Markup(str):
    """Text that is markup already; plain text becomes markup by escaping only."""

    __slots__ = ()


Child: TypeAlias = str | Markup | None


def tag(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. Children that are no Markup are escaped, None is left out, and so are attributes that are None.

    An attribute's underscores become dashes; those at its end are dropped (``class_``).

    >>> tag("p", "a < b", tag("b", "x & y"), class_="note")
    '<p class="note">a &lt; b<b>x &amp; y</b></p>'
    >>> tag("p", '<img onerror="x()">', title='"')
    '<p title="&quot;">&lt;img onerror=&quot;x()&quot;&gt;</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = joined(*children)
    return Markup(f"<{name}{given}>" + ("" if name in VOID else f"{inside}</{name}>"))


def joined(*children: Child) -> Markup:
    """The children one after the other."""
    return Markup("".join(c if isinstance(c, Markup) else escape(_clean(c)) for c in children if c is not None))


def _text(value: str | float) -> str:
    """Numbers with four digits after the point at most: pictures need no more."""
    return _clean(value) if isinstance(value, str) else f"{round(value, 4):g}"


def _clean(text: str) -> str:
    """Without signs that HTML cannot hold (control characters, halves of characters), each as a dot."""
    return "".join(c if c.isprintable() or c in "\n\t\u00a0" else "·" for c in text)
