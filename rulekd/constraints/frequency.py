"""How often body -> head should hold: "83 % of the monitors on something are on a desk", as a loss.

The soft rate over an epoch, literals taken as independent,

    rate = sum P(body & head) / sum P(body),        loss = (max(0, low - rate) + max(0, rate - high))^2,

is compared with an interval, such as the 95 % interval that was mined. A batch holds too few cases for a rate: sums
run over the epoch, and the gradient is that of the present batch's part. A rule of frequency p is no rule of logic:
training it as a clause would push p to 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kg import Formula, Rule, RulekdError, parse
from kg.formulas import And, Implies
from kg.normal import free_variables
from rulekd.constraints.constraints import Constraints, compile
from rulekd.constraints.literals import Reader
from rulekd.constraints.product import Product
from rulekd.grounding import View
from rulekd.scenes import Scenes


class Frequency(nn.Module):
    """Call it with what constraints are called with; ``start_epoch_`` forgets the sums.

    body, both: (), sums of P(body) and of P(body & head) over the epoch so far.

    >>> frequency = Frequency("monitor(a) -> on_desk(a)", low=0.8, high=0.9)
    >>> logits = {"monitor": torch.tensor([[9.0, 9.0]]), "on_desk": torch.tensor([[9.0, -9.0]])}
    >>> round(frequency(logits).item(), 3), round(frequency.rate, 3)
    (0.09, 0.5)
    """

    body: Tensor
    both: Tensor

    def __init__(self, rule: Rule | Formula | str, low: float, high: float) -> None:
        super().__init__()
        formula = rule.formula if isinstance(rule, Rule) else parse(rule) if isinstance(rule, str) else rule
        if not isinstance(formula, Implies):
            raise RulekdError(f"'{formula}' has no body and head", hint="A frequency is that of 'body -> head'.")
        if not 0 <= low <= high <= 1:
            raise RulekdError(f"an interval of {low!r} to {high!r}", hint="Give fractions, 0 <= low <= high <= 1.")
        self.formula = formula
        self.low, self.high = low, high
        self._constraints: Constraints = compile([formula], "product")
        for name in ("body", "both"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    def start_epoch_(self) -> None:
        """Forget the sums."""
        self.body.zero_()
        self.both.zero_()

    @property
    def rate(self) -> float | None:
        """The soft rate of the epoch so far; None where no body was likely."""
        return float(self.both / self.body) if float(self.body) > 0 else None

    def forward(self, logits: Mapping[str, Tensor], mask: Tensor | None = None, scenes: Scenes | None = None) -> Tensor:
        """Scalar >= 0; 0 where the rate lies within the interval."""
        view = self._constraints(logits, mask=mask, scenes=scenes).view
        body = self.body + self._sum(self.formula.body, view)
        both = self.both + self._sum(And((self.formula.body, self.formula.head)), view)
        self.body, self.both = body.detach(), both.detach()
        rate = both / body.clamp(min=torch.finfo(body.dtype).tiny)
        loss: Tensor = ((self.low - rate).clamp(min=0) + (rate - self.high).clamp(min=0)) ** 2
        return torch.where(body > 0, loss, 0.0).to(torch.float32)

    def _sum(self, formula: Formula, view: View) -> Tensor:
        """Sum of P(formula) over the valid groundings of the rule."""
        variables = free_variables(self.formula)
        valid = view.groundings(len(variables)) & view.askable(self.formula, variables)
        false = Product().degree((("", formula),), variables, Reader({"": view}, 1.0))
        return torch.where(valid, 1 - false, 0.0).sum(dtype=torch.float64)
