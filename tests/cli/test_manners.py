"""Every command fails, answers and stops in one manner."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer

from kg import RulekdError
from rulekd.cli.app import app
from rulekd.cli.manners import FAILED, INTERRUPTED, answer, plain, printable, run
from tests.cli.shell import Outcome, assert_refused, rulekd


def outcome(act: Callable[[], object], *words: str) -> Outcome:
    """A program of one command that does ``act``, called with ``words``."""
    program = typer.Typer(add_completion=False, rich_markup_mode=None)

    @program.callback()
    def group() -> None:
        """Keeps the one command a command of its own."""

    @program.command("do")
    def do(as_json: bool = typer.Option(False, "--json")) -> None:
        act()

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(program, ["do", *words])
    return Outcome(code, out.getvalue(), err.getvalue())


def fails(error: BaseException) -> Callable[[], object]:
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (RulekdError("the sky is green", hint="Look\nup."), "the sky is green", "hint: Look up."),
        (RulekdError("no hint given"), "no hint given", "--help"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), "cannot use 'a.json': No such file", "path"),
        (OSError(28, "No space left on device"), "No space left on device", "hint: "),
        (MemoryError(), "not enough memory", "fewer scenes"),
        (ModuleNotFoundError("No module named 'ltn'", name="ltn"), "'ltn' is not installed", "make install"),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero", "--debug"),
    ],
)
def test_an_error_is_two_lines(error: Exception, message: str, hint: str) -> None:
    for words in ([], ["--json"]):
        assert_refused(outcome(fails(error), *words), message, hint.removeprefix("hint: "))


def test_debug_adds_the_traceback_wherever_it_stands() -> None:
    for words in (["--debug"], ["--json", "--debug"]):
        found = outcome(fails(RulekdError("the sky is green")), *words)
        assert found.code == FAILED
        assert "Traceback (most recent call last)" in found.err
        assert found.err.splitlines()[-2].startswith("error: the sky is green")
    assert "Traceback" not in outcome(fails(RulekdError("the sky is green"))).err


def test_an_interrupt_is_130() -> None:
    found = outcome(fails(KeyboardInterrupt()))
    assert (found.code, found.out) == (INTERRUPTED, "")


def test_an_exit_code_is_handed_on() -> None:
    assert outcome(fails(typer.Exit(1))).code == 1
    assert outcome(lambda: None).code == 0


def test_json_has_stdout_to_itself() -> None:
    def act() -> None:
        print("a library talks")
        answer({"share": float("nan")}, "text", as_json=True)

    found = outcome(act, "--json")
    assert found.value == {"share": None}
    assert found.err == "a library talks\n"


@pytest.mark.parametrize("words", [[], ["kg"], ["scenes"], ["--help"], ["kg", "list", "--help"]])
def test_help_is_a_result(words: list[str]) -> None:
    found = rulekd(*words)
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Usage: rulekd")


def test_version() -> None:
    assert rulekd("--version").out.startswith("rulekd 0.")
    assert rulekd("--version", "--json").value["version"].startswith("0.")
    assert_refused(rulekd("--json", "kg", "list", "x"), "--json stands before kg", "rulekd kg ... --json")


def commands(group: Any, name: str = "rulekd") -> Iterator[tuple[str, Any]]:
    """Every command of the program, however deep, with the words that call it."""
    for word, one in group.commands.items():
        yield from commands(one, f"{name} {word}") if hasattr(one, "commands") else [(f"{name} {word}", one)]


def test_every_command_answers_in_json() -> None:
    found = dict(commands(typer.main.get_command(app)))
    assert set(found) >= {"rulekd kg list", "rulekd runs show", "rulekd scenes check", "rulekd demo", "rulekd doctor"}
    lacking = [name for name, one in found.items() if "--json" not in {o for p in one.params for o in p.opts}]
    assert lacking == []
    assert "--json" in {o for p in typer.main.get_command(app).params for o in p.opts}


def test_every_command_says_what_it_does() -> None:
    """Also each of its options, in the help that it prints."""
    silent = []
    for name, one in commands(typer.main.get_command(app)):
        silent += [name] if not one.help else []
        silent += [f"{name} {p.opts[0]}" for p in one.params if not getattr(p, "help", "")]
    assert silent == []


def test_a_reader_that_leaves_early_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    for words in (["--help"], ["doctor"]):
        command = [sys.executable, "-m", "rulekd", *words]
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    os.close(write)


def test_values_become_json() -> None:
    class Colour(Enum):
        RED = "red"

    @dataclass(frozen=True)
    class Thing:
        path: Path
        colour: Colour
        sizes: tuple[float, ...]
        names: frozenset[str]

    thing = Thing(Path("a/b"), Colour.RED, (1.5, float("inf")), frozenset({"y", "x"}))
    expected = {"path": "a/b", "colour": "red", "sizes": [1.5, None], "names": ["x", "y"]}
    assert json.loads(json.dumps(plain(thing))) == expected


def test_a_file_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\tc\nd\u202e") == "a\\x1b[2Jb\tc\nd\\u202e"


def test_the_package_runs_as_a_module() -> None:
    done = [
        subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60, check=False)
        for words in (["rulekd", "kg", "--help"], ["rulekd", "--bogus"])
    ]
    assert [one.returncode for one in done] == [0, 2]
    assert done[0].stdout.lstrip().startswith("Usage: rulekd kg")
    assert done[1].stderr.startswith("error: No such option: --bogus")
