"""The palette: readable in both schemes, complete, and nothing fetched."""

from __future__ import annotations

import re

import pytest

from rulekd.report.style import COLOURS, DARK, LIGHT, STYLE

TEXT = ("ink", "faint", "good", "bad", "open", "strong")
#: What carries meaning without being text. Boxes of things that no rule speaks of are told by their outline.
SHAPES = ("edge", "zero", *(f"c{n}" for n in range(COLOURS)))


def contrast(one: str, other: str) -> float:
    """WCAG 2: (L1 + 0.05) / (L2 + 0.05), L being the relative luminance of an sRGB colour."""

    def luminance(colour: str) -> float:
        parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read(palette: dict[str, str]) -> None:
    low = {(t, g): contrast(palette[t], palette[g]) for t in TEXT for g in ("page", "card", "room")}
    assert {pair: found for pair, found in low.items() if found < 4.5} == {}


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_and_shapes_can_be_seen(palette: dict[str, str]) -> None:
    low = {(s, g): contrast(palette[s], palette[g]) for s in SHAPES for g in ("card", "room")}
    assert {pair: found for pair, found in low.items() if found < 3 and pair[0] != "edge"} == {}
    assert all(found >= 1.9 for pair, found in low.items())


def test_both_schemes_have_every_colour_that_is_used() -> None:
    assert set(LIGHT) == set(DARK)
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE)) - {"tone"}  # set by each kind of verdict
    assert used <= set(LIGHT)
    assert set(LIGHT) - used == set()


def test_paper_is_light_whatever_the_screen_is() -> None:
    printed = STYLE[STYLE.index("@media print { :root") :]
    assert f"--ink: {LIGHT['ink']}" in printed[: printed.index("}")]
    # what comes later wins
    assert STYLE.index("@media print { :root") > STYLE.index("prefers-color-scheme: dark")


def test_nothing_is_fetched() -> None:
    for word in ("url(", "@import", "http", "@font-face", "expression"):
        assert word not in STYLE
    assert STYLE.count("{") == STYLE.count("}")
