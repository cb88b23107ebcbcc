"""How much time is left, who is told how far the work is, and what was not reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kg import RulekdError

Report = Callable[[str, int, int], None]
"""progress(what, done, of): called while the work goes on."""

#: How reports about the counting of candidates begin.
CANDIDATES = "candidates: "

#: Share of a budget after which nothing new is proposed: the rest is for judging what was.
PROPOSING = 0.5

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Missed:
    """What was not finished when the time was up. reached: the share of its scenes that were, None for some part of
    what has no known whole; candidates: None where their number is known only when they are made; names: of the pieces
    that were not begun, where they have names."""

    what: str
    reached: float | None
    candidates: int | None
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.names:
            return f"{self.what} of {', '.join(self.names)}: not examined, the time was used up"
        number = "its candidates" if self.candidates is None else f"{self.candidates:,} candidates"
        if self.reached == 0:
            return f"{self.what}: {number} not examined, the time was used up"
        if self.candidates is None or self.reached is None:
            return f"{self.what}: not all of {number} examined, the time was used up"
        return (
            f"{self.what}: {number} examined on {self.reached:.0%} of the scenes of the discovery part only, the time "
            "was used up"
        )


@dataclass
class Watch:
    """Told of the candidates before they are counted, and as their scenes are; says when the time is up.

    propose_until, until: seconds of ``time.monotonic`` at which nothing more is proposed, and at which all is to be
    done. missed: what was not finished, by name.
    """

    report: Report | None = None
    propose_until: float = math.inf
    until: float = math.inf
    missed: dict[str, Missed] = field(default_factory=dict)

    @classmethod
    def of(cls, report: Report | None, seconds: float | None) -> Watch:
        """From now on; seconds: None = as long as it takes."""
        if report is not None and not callable(report):
            raise RulekdError(f"progress is {report!r}", hint="Give a function of (what, done, of), or None.")
        if seconds is None:
            return cls(report)
        if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise RulekdError(f"a budget of {seconds!r} seconds", hint="Give a number above 0, or None for no limit.")
        now = time.monotonic()
        return cls(report, now + PROPOSING * seconds, now + seconds)

    @property
    def over(self) -> bool:
        """Is the time for proposing up?"""
        return time.monotonic() >= self.propose_until

    @property
    def left(self) -> float:
        """Seconds until all is to be done, 0 or more."""
        return max(0.0, self.until - time.monotonic())

    def begun(self, what: str) -> bool:
        """Was at least some of it done, or was there time for all?"""
        return what not in self.missed or self.missed[what].reached != 0

    def parts(self, what: str, candidates: int, parts: Sequence[_Part]) -> Iterator[_Part]:
        """The parts of the scenes on which so many candidates are counted, as long as there is time.

        >>> told = []
        >>> list(Watch(lambda *step: told.append(step)).parts("chains", 1372, ["some scenes", "the others"]))
        ['some scenes', 'the others']
        >>> told
        [('candidates: chains', 0, 1372), ('candidates: chains', 686, 1372), ('candidates: chains', 1372, 1372)]
        >>> late = Watch(propose_until=0.0)
        >>> list(late.parts("chains", 1372, ["some scenes"])), str(late.missed["chains"])
        ([], 'chains: 1,372 candidates not examined, the time was used up')
        """
        self.tell(f"{CANDIDATES}{what}", 0, candidates)
        for done, part in enumerate(parts):
            if self.over:
                self.missed[what] = Missed(what, done / len(parts), candidates)
                return
            yield part
            self.tell(f"{CANDIDATES}{what}", candidates * (done + 1) // len(parts), candidates)

    def while_time(self, what: str, pieces: Iterable[_Part]) -> Iterator[_Part]:
        """Pieces of work that is still to be done, as long as there is time; to name the next one costs nothing."""
        for done, piece in enumerate(pieces):
            if self.over:
                self.missed[what] = Missed(what, None if done else 0.0, None)
                return
            yield piece

    def each(self, what: str, pieces: Mapping[str, Callable[[], _Part]]) -> Iterator[_Part]:
        """What comes of named pieces of work, one after the other, as long as there is time.

        The time is looked at before a piece is begun: what was begun is finished and given out, so that a budget is
        overrun by one piece at most, and the pieces that were not begun are named.

        >>> import itertools
        >>> class Two(Watch):
        ...     left_over = itertools.count()
        ...     over = property(lambda self: next(self.left_over) >= 2)
        >>> watch = Two()
        >>> list(watch.each("decisions", {name: name.upper for name in ("red", "big", "old", "new")}))
        ['RED', 'BIG']
        >>> str(watch.missed["decisions"])
        'decisions of old, new: not examined, the time was used up'
        """
        for done, (name, piece) in enumerate(pieces.items()):
            if self.over:
                before = self.missed[what].names if what in self.missed else ()
                names = tuple(dict.fromkeys((*before, *list(pieces)[done:])))
                self.missed[what] = Missed(what, None if done else 0.0, None, names)
                return
            self.tell(f"{what} of {name}", done, len(pieces))
            yield piece()
            self.tell(f"{what} of {name}", done + 1, len(pieces))

    def tell(self, what: str, done: int, of: int) -> None:
        """Report how far something is."""
        if self.report is not None and of:
            self.report(what, done, of)
