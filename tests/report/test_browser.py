"""The page in a browser: nothing sticks out on a phone or on paper, the dark scheme is dark, nothing is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rulekd.report import write
from tests.report.made import report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

#: (width, height) of a phone, a tablet and a screen, CSS pixels.
SIZES = [(320, 640), (390, 844), (768, 1024), (1280, 900)]
#: A page of A4 less its margins of 14 mm, CSS pixels.
PAPER = 688


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with long names in it."""
    name = "a_very_long_name_without_any_place_to_break_" * 4
    return write(report(name), tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_sticks_out(browser: Any, path: Path, width: int, height: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # tables may scroll by themselves; pictures and cards lie within the page
    wide = page.evaluate(
        "w => [...document.querySelectorAll('svg, figure, .card, h1, h2, h3, p, dd')]"
        ".filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.right > w + 1 || r.left < -1) })"
        ".map(e => e.outerHTML.slice(0, 80))",
        width,
    )
    assert wide == []
    page.close()


def test_no_table_is_cut_off_on_paper(browser: Any, path: Path) -> None:
    page = browser.new_page(viewport={"width": PAPER, "height": 1000})
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    cut = page.evaluate(
        "w => [...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right).filter(r => r > w + 1)",
        PAPER,
    )
    assert cut == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_scheme_is_that_of_the_reader_and_paper_is_light(browser: Any, path: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(path.as_uri())

    def brightness(name: str) -> float:
        colour = page.evaluate(f"getComputedStyle(document.body)['{name}']")
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3

    dark = scheme == "dark"
    assert (brightness("backgroundColor") < 60) is dark
    assert (brightness("color") > 180) is dark
    page.emulate_media(media="print", color_scheme=scheme)
    assert brightness("backgroundColor") == 255
    assert brightness("color") < 60
    page.close()


def test_a_browser_asks_for_nothing_and_complains_of_nothing(browser: Any, path: Path) -> None:
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert said == []
    page.close()


def test_marks_are_round_on_every_screen(browser: Any, path: Path) -> None:
    for width in (320, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(path.as_uri())
        sizes = page.evaluate(
            "[...document.querySelectorAll('.strips circle')].map(c => c.getBoundingClientRect())"
            ".map(r => [r.width, r.height])"
        )
        assert len(sizes) > 5
        assert all(abs(one - other) < 0.5 and 5 < one < 14 for one, other in sizes)
        page.close()
