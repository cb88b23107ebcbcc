"""Markup: nothing that is text can become an element."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rulekd.report.markup import Markup, joined, tag
from tests.report.made import Page


@given(st.text(), st.text())
def test_any_text_stays_text(inside: str, attribute: str) -> None:
    page = Page(tag("div", tag("p", inside, title=attribute), class_="x"))
    assert [name for name, _ in page.tags] == ["div", "p"]
    shown = "".join(page.texts)
    assert len(shown) == len(inside)
    assert all(c == d or d == "·" for c, d in zip(inside, shown, strict=True))
    assert set(page.tags[1][1]) == {"title"}


def test_markup_is_not_escaped_twice() -> None:
    assert tag("b", tag("i", "&")) == "<b><i>&amp;</i></b>"
    assert joined("a<", Markup("<br>"), None, "b") == "a&lt;<br>b"


def test_attributes() -> None:
    assert tag("svg", viewBox="0 0 1 1", stroke_width=1.23456, class_=None) == (
        '<svg viewBox="0 0 1 1" stroke-width="1.2346"></svg>'
    )
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_signs_that_steer_are_shown_as_dots() -> None:
    assert joined("a\x00b\x1b\ud800c") == "a·b··c"
