"""What a semantics is: how true a grounding is by degrees, what trains, and what is reported."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from kg import Formula
from rulekd.constraints.kernel import Kernel
from rulekd.constraints.literals import Disjunction, Reader


class Semantics(ABC):
    """Two laws hold for each: when every literal is sure, loss and violation are 0 exactly where the formula is true;
    and neither falls as a literal of a clause grows less true.
    """

    @property
    def root(self) -> float:
        """The mean over groundings is of loss ** root, and its root is taken: the p of a p-mean."""
        return 1.0

    @property
    def whole(self) -> bool:
        """Is every rule read as a whole? Else equalities and counts have a meaning of their own, and clauses a mean."""
        return False

    def refuses(self, formula: Formula) -> str:
        """Why the semantics cannot read a formula; nothing when it can."""
        return ""

    def kernel(self, *, soft: bool) -> Kernel | None:
        """How sums over all groundings of a clause are had without listing them; None = grounding by grounding.

        soft: of violations, which are reported, and not of losses, which train.
        """
        return None

    def held(self, part: Disjunction) -> int:
        """So many numbers are held for each grounding. Asked when a rule is planned: what a part needs is made then."""
        return 1

    @abstractmethod
    def degree(self, part: Disjunction, variables: tuple[str, ...], reader: Reader) -> Tensor:
        """How true a disjunction is, in the semantics' own numbers; broadcasts to (B, N, ..., N)."""

    @abstractmethod
    def loss(self, truth: Tensor) -> Tensor:
        """What trains, >= 0, to the power ``root``; 0 means that the formula holds."""

    @abstractmethod
    def violation(self, truth: Tensor) -> Tensor:
        """What is reported, 0 to 1, to the power ``root``; 0 means that the formula holds."""
