"""Progress where there is no terminal: few lines, on stderr, by the clock."""

from __future__ import annotations

import io
import sys

import pytest

from rulekd.cli.progress import Lines, counting, progress


def test_a_line_every_ten_seconds_and_one_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, *[float(second) for second in range(1, 26)]])
    show = counting(Lines(lambda: next(clock)), "training")
    for step in range(1, 26):
        show(step, 25)
    out, err = capsys.readouterr()
    assert out == ""
    # work began at second 1, lines came at 10 and 20, the last step at 25
    assert err.splitlines() == [
        "training: 10 of 25 (40 %), 9 s",
        "training: 20 of 25 (80 %), 19 s",
        "training: 25 of 25 (100 %), 24 s",
    ]


def test_quick_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    show = Lines(lambda: 3.0)
    for step in range(1, 6):
        show("asking", step, 5)
    assert capsys.readouterr().err == ""


def test_without_a_terminal_there_are_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as show:
        assert isinstance(show, Lines)


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress() as show:
        show("asking", 1, 4)
        show("asking", 4, 4)
    assert "asking" in screen.getvalue()
    assert "4/4" in screen.getvalue()
