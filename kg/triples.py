"""Concept triples: how often things of one category stand in a relation to things of another."""

from __future__ import annotations

from dataclasses import dataclass

from kg.errors import RulekdError

__all__ = ["Triple"]


@dataclass(frozen=True)
class Triple:
    """(monitor, on, desk): of all monitors, the share that are on some desk.

    share: the mean over units (rooms, say) of the share of the unit's monitors that are. interval: its 95 % (low,
    high). base: the share of all things, of whatever category, that are on some desk; a triple says something as far as
    its share is another. support: monitors that were looked at. units: units that have any.

    >>> print(Triple("monitor", "on", "desk", share=0.83, interval=(0.71, 0.91), base=0.12, support=240, units=80))
    monitor on desk: 83 % (71 to 91 %), of all things 12 %
    """

    subject: str
    relation: str
    object: str
    share: float
    interval: tuple[float, float]
    base: float
    support: int
    units: int

    def __post_init__(self) -> None:
        for name in ("share", "base"):
            object.__setattr__(self, name, float(getattr(self, name)))
        low, high = self.interval
        object.__setattr__(self, "interval", (float(low), float(high)))
        for value in (self.share, self.base, *self.interval):
            if not 0 <= value <= 1:
                raise RulekdError(
                    f"a share of {value!r} in the triple {self.key}", hint="Shares are fractions, 0 to 1."
                )

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this triple and no other."""
        return self.subject, self.relation, self.object

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.subject} {self.relation} {self.object}: {self.share:.0%} ({low * 100:.0f} to {high:.0%}), "
            f"of all things {self.base:.0%}"
        ).replace("%", " %")
