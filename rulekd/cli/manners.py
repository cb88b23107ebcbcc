"""How every command behaves: where its words go, how it fails, how it says how far it is.

The result goes to stdout and everything else to stderr. Exit codes: 0 done; 1 ran, and the answer is no; 2 could not
run; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeAlias

import typer

from kg.errors import RulekdError

#: The answer is no: a contradiction, a gate missed.
NO = 1
#: The command could not run.
FAILED = 2
INTERRUPTED = 130

JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as exactly one JSON object.")]


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong is told in the manner of the house.

    ``--debug`` may stand anywhere before ``--`` and adds the traceback.
    """
    words, debug = _without_debug(arguments)
    try:
        with _stdout_for_the_result("--json" in words):
            code = app(args=words, prog_name="rulekd", standalone_mode=False)
            sys.stdout.flush()
    except KeyboardInterrupt:
        log("interrupted")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as stop:
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):
            sys.stdout.flush()  # typer stops so when it has answered the shell's question for completions
            return stop.code if isinstance(stop.code, int) else 0
        # the reader has seen enough (`rulekd kg list | head`), which typer turns into SystemExit;
        # python must not complain again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return 0
    except (Exception, typer.Abort) as error:
        if debug:
            traceback.print_exc()
        message, hint = explain(error)
        log(f"error: {one_line(message)}")
        log(f"hint: {one_line(hint)}")
        return FAILED
    return code if isinstance(code, int) else 0


def explain(error: BaseException) -> tuple[str, str]:
    """What went wrong and what to do about it, for any error."""
    if isinstance(error, RulekdError):
        return error.message, error.hint or "`--help` says what the command takes, `--debug` shows where this arose."
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "rulekd"
        return error.format_message().replace("Value error, ", ""), f"`{path} --help` lists what it takes."
    if isinstance(error, typer.Abort):
        return "the question was not answered", "Answer it, or give the option that answers it."
    if isinstance(error, OSError):
        where = f" {str(error.filename)!r}" if error.filename is not None else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "Make room, or choose another place; what was there is as it was."
        return (
            f"cannot use{where}: {error.strerror or error}",
            hint if full else "Check that the path exists and may be read or written.",
        )
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name!r} is not installed", "Run `make install`, or pip install it beside rulekd."
    if isinstance(error, MemoryError):
        return "there is not enough memory", "Use fewer scenes or smaller batches."
    return (
        f"unexpected {type(error).__name__}: {error}",
        "This is a fault of rulekd, not yours: run it again with --debug and report the traceback.",
    )


def answer(value: Any, text: str, *, as_json: bool) -> None:
    """The result of a command, on stdout: ``value`` as one JSON object, or ``text`` for a person."""
    out = _result_stream()
    out.write((json.dumps(plain(value), ensure_ascii=False, indent=2) if as_json else printable(text)) + "\n")
    out.flush()


def log(text: str) -> None:
    """A line for a person, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def overview(context: typer.Context) -> None:
    """Callback of a group of commands: called without a command, it shows its help and is done."""
    if context.invoked_subcommand is None:
        answer(None, context.get_help(), as_json=False)
        raise typer.Exit(0)


def plain(value: Any) -> Any:
    """The value as JSON can hold it: dataclasses as objects, numbers that are not finite as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    assert isinstance(value, Path), f"a result holds a {type(value).__name__}"
    return str(value)


def printable(text: str) -> str:
    """The text without control characters: what a file says must not steer the terminal.

    >>> printable("red\\x1b[31m\\n")
    'red\\\\x1b[31m\\n'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """The text in one line.

    >>> one_line("line 1:\\n  a -> \\n")
    'line 1: a ->'
    """
    return " ".join(text.split())


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    return [w for place, w in enumerate(words) if w != "--debug" or place > end], "--debug" in words[:end]


#: Where the result goes while everything else that is printed is sent to stderr.
_result: list[TextIO] = []


@contextlib.contextmanager
def _stdout_for_the_result(alone: bool) -> Iterator[None]:
    """With ``alone``, whatever a library prints goes to stderr and stdout stays for ``answer``."""
    if not alone:
        yield
        return
    _result.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _result.pop()


def _result_stream() -> TextIO:
    return _result[-1] if _result else sys.stdout
