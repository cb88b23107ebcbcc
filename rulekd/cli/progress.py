"""How far the work is: bars on a terminal, a line every ten seconds elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rulekd.cli.manners import log

#: Seconds between two lines where there is no terminal.
PAUSE = 10.0


class Progress(Protocol):
    """Called while the work goes on: what is being done, how much of it is done, of how much."""

    def __call__(self, what: str, done: int, of: int, /) -> None: ...


@contextmanager
def progress() -> Iterator[Progress]:
    """Shows the progress that it is told of.

    >>> with progress() as show:
    ...     show("teaching", 1, 2)
    """
    if sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield Lines()


def counting(show: Progress, what: str) -> Callable[[int, int], None]:
    """``show`` as a function of (done, of), for work that has one name."""
    return lambda done, of: show(what, done, of)


class Lines:
    """A line when ``PAUSE`` seconds have gone by since the last; work that had one also has one at its end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[str, float] = {}
        self._told = clock()
        self._spoken: set[str] = set()

    def __call__(self, what: str, done: int, of: int, /) -> None:
        now = self._clock()
        begun = self._begun.setdefault(what, now)
        last = done >= of and what in self._spoken
        if now - self._told < PAUSE and not last:
            return
        self._told = now
        self._spoken = self._spoken - {what} if last else self._spoken | {what}
        share = f"{100 * done / of:.0f} %" if of else "done"
        log(f"{what}: {done} of {of} ({share}), {now - begun:.0f} s")


@contextmanager
def _bars() -> Iterator[Progress]:
    # rich is loaded only where there is a terminal to draw on
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Drawn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TimeRemainingColumn()]
    with Drawn(*columns, console=Console(stderr=True)) as drawn:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, of: int, /) -> None:
            if what not in tasks:
                tasks[what] = drawn.add_task(what, total=of)
            drawn.update(tasks[what], completed=done, total=of)

        yield show
