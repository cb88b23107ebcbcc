"""What is known about a definition, ``p(a, b) <-> f(a, b)``, beside its evidence as a rule."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Choice", "Definition", "Threshold"]


@dataclass(frozen=True)
class Threshold:
    """One threshold of a definition.

    literal: the comparison that it stands in, as text. value: as printed. low, high: its 95 % interval, in the unit,
    with all other literals as printed; infinite where nothing bounds it. unit: m, m^3, rad, or empty where unknown.
    separates: no grounding disagrees at any threshold inside (low, high), and some do beyond: the interval is what the
    data leave open, not an estimate.
    """

    literal: str
    value: float
    low: float
    high: float
    unit: str = ""
    separates: bool = False

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        open_ends = ("(", ")") if self.separates else ("[", "]")
        return f"{self.value:g}{unit} in {open_ends[0]}{self.low:.4g}, {self.high:.4g}{open_ends[1]}"


@dataclass(frozen=True)
class Choice:
    """One formula of the front. literals: its size. fidelity: two-class macro-F1 on the discovery part, as printed."""

    text: str
    literals: int
    fidelity: float


@dataclass(frozen=True)
class Definition:
    """How a definition was chosen and how well it tells what it defines.

    fidelity: two-class macro-F1 of the printed formula to the network, on the confirmation part (where too few
    scenes are there to hold any back, on those that it was fitted to); truth: the same to the labels, where there are
    any. front: the best formula of each size, shortest first, each better than all before. why: the reason for the
    chosen one. queries: scenes made and asked about beside the given ones.
    """

    fidelity: float | None = None
    truth: float | None = None
    thresholds: tuple[Threshold, ...] = ()
    front: tuple[Choice, ...] = ()
    why: str = ""
    queries: int = 0

    def __post_init__(self) -> None:
        for name in ("thresholds", "front"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
