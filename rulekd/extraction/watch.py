"""How much time is left, and who is told how far the work is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Report = Callable[[str, int, int], None]
"""progress(what, done, of): called while the work goes on."""

_Part = TypeVar("_Part")


@dataclass
class Watch:
    """Told of the candidates before they are counted, and as their scenes are; says when the time is up.

    until: seconds of ``time.monotonic`` at which no further part is begun. unfinished: by what is counted the share of
    its scenes that were reached, where the time was up before all of them were.
    """

    report: Report | None = None
    until: float = math.inf
    unfinished: dict[str, float] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Is the time up?"""
        return time.monotonic() >= self.until

    @property
    def left(self) -> float:
        """Seconds, 0 or more."""
        return max(0.0, self.until - time.monotonic())

    def parts(self, what: str, candidates: int, parts: Sequence[_Part]) -> Iterator[_Part]:
        """The parts of the scenes on which so many candidates are counted, as long as there is time.

        >>> told = []
        >>> list(Watch(lambda *step: told.append(step)).parts("chains", 1372, ["some scenes", "the others"]))
        ['some scenes', 'the others']
        >>> told
        [('candidates: chains', 0, 1372), ('candidates: chains', 686, 1372), ('candidates: chains', 1372, 1372)]
        >>> late = Watch(until=0.0)
        >>> list(late.parts("chains", 1372, ["some scenes"])), late.unfinished
        ([], {'chains': 0.0})
        """
        self._tell(what, 0, candidates)
        for done, part in enumerate(parts):
            if self.over:
                self.unfinished[what] = done / len(parts)
                return
            yield part
            self._tell(what, candidates * (done + 1) // len(parts), candidates)

    def _tell(self, what: str, done: int, of: int) -> None:
        if self.report is not None:
            self.report(f"candidates: {what}", done, of)
