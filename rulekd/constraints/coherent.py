"""Coherent semantics of clauses: how wrong is the network at least, whatever depends on what?

Reported, for a clause of literals with probabilities P_i (soft violation, >= 0, 0 means that it can hold surely):

    v = max(0, 1 - sum_i P_i),

the least probability of breaking the clause under any joint distribution with these marginals (a Boole-Frechet
bound; the Lukasiewicz t-norm computes the same number). A network that is honestly unsure pays nothing. Trained:

    loss = -min(0, log sum_i P_i),        d loss / d logit_i = -+ (P_i / S) (1 - P_i),   S = sum_j P_j < 1,

zero on the same set (where S >= 1; at the kink S = 1 the gradient taken is 0), and alive at the worst violation:
at logits of +-120 the gradients of the literals still add up to 1. Probabilities are kept scaled by 2^60, so that
sigmoid(-120) = 7.7e-53 does not vanish in float32; log-odds beyond +-122 count as 122, with the gradient of 122.

It fits noisy teachers and rules that nearly hold. It is silent while all literals sit near 0.4: sharpen the logits
(``sharpness=3``) where a rule is to bite earlier.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rulekd.constraints.degrees import Degrees
from rulekd.constraints.kernel import Kernel, log_, room

#: Probabilities are multiplied by 2^60: the square of a scaled one, and a sum over 2,000 objects of the inverse of the
#: least one, still fit float32.
SCALE = 2.0**60

#: Log-odds are held within these bounds; sigmoid(-122) * 2^60 is a normal number of float32.
LIMIT = 122.0

#: Half a log-odds in bits.
HALF = 0.5 / math.log(2)

#: Groundings that are held at once: one megabyte.
BLOCK = 2**18


#: The log-probability of a given fact that is false: far below that of any network's answer, which is -LIMIT at least.
NEVER = -200.0


@dataclass(frozen=True)
class Coherent(Degrees):
    """Truth is the log of the greatest probability that the marginals allow.

    "or" adds probabilities up to 1, "and" takes the least: the Boole-Frechet bounds, so that the violation 1 - truth
    is a lower bound of the probability of breaking the formula.
    """

    def kernel(self, *, soft: bool) -> Kernel:
        return CoherentKernel(soft)

    def literal(self, z: Tensor) -> Tensor:
        held = z.clamp(-LIMIT, LIMIT)
        return logsigmoid(z + (held - z).detach())  # beyond the limit the gradient is that of the limit

    def given(self, held: Tensor, dtype: torch.dtype) -> Tensor:
        return torch.zeros(held.shape, dtype=dtype, device=held.device).masked_fill(~held, NEVER)

    def both(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.minimum(left, right)

    def either(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.logaddexp(left, right).clamp(max=0)

    def every(self, truth: Tensor, witness: Tensor, axes: tuple[int, ...]) -> Tensor:
        return truth.masked_fill(~witness, 0.0).amin(axes)

    def some(self, truth: Tensor, witness: Tensor, axes: tuple[int, ...]) -> Tensor:
        return torch.logsumexp(truth.masked_fill(~witness, NEVER), axes).clamp(NEVER, 0)

    def loss(self, truth: Tensor) -> Tensor:
        # where every literal is given and false, nearer to NEVER than to any answer, nobody can be taught
        return torch.where(truth <= (NEVER - LIMIT) / 2, 0.0, -truth)

    def violation(self, truth: Tensor) -> Tensor:
        return -torch.expm1(truth)


@dataclass(frozen=True)
class CoherentKernel(Kernel):
    """The number of a literal is its scaled probability; factors add up to S.

    soft: sum the violations 1 - S, which are reported, and not the losses -log S, which train.
    """

    soft: bool = False
    invalid: float = SCALE
    absent: float = 0.0
    given: tuple[float, float] = (SCALE, 2.0**-120)
    sense: float = -HALF

    @property
    def factor(self) -> float:
        """Numbers were filled in from bits."""
        return -1 / HALF

    def fill(self, z: Tensor) -> None:
        # 2^60 / (1 + e^-z), where e^-z is the square of a number that does not overflow
        z.clamp_(-HALF * LIMIT, HALF * LIMIT).exp2_().mul_(SCALE**-0.5)
        z.mul_(z).add_(1 / SCALE).reciprocal_()

    def slope_(self, upstream: Tensor, numbers: Tensor) -> None:
        upstream.mul_(numbers).addcmul_(upstream, numbers, value=-1 / SCALE)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return reduce(torch.add, parts)

    def unjoin(self, slopes: Tensor, parts: Sequence[Tensor], number: int) -> Tensor:
        return slopes

    def flat(self, factor: Tensor) -> Tensor:
        rows, batch = factor.shape[:2]
        flat = factor.reshape(rows * batch, -1).clamp(max=SCALE)
        if self.soft:
            return _violations(flat).reshape(rows, batch)
        together = _together(flat)
        sums = _logs(flat.mul_(1 / SCALE), together) if together else _logs_scaled(flat)
        return sums.neg_().reshape(rows, batch)

    def flat_slopes(self, factor: Tensor) -> Tensor:
        return _inverse_(factor.clamp(max=SCALE)).neg_()

    def triple(self, ab: Tensor, ac: Tensor, bc: Tensor) -> Tensor:
        sums = ab.new_zeros(len(ab))
        together = 0 if self.soft else _together(ab, ac, bc)
        top = 1.0 if together else SCALE
        if together:
            ab, ac, bc = (factor * (1 / SCALE) for factor in (ab, ac, bc))
        for items, _, s in _blocks(ab, ac, bc):
            s = s.clamp_(max=top).flatten(1)
            if self.soft:
                sums[items] += _violations(s)
            else:
                sums[items] -= _logs(s, together) if together else _logs_scaled(s)
        return sums

    def triple_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        slopes = torch.empty_like(ab), torch.empty_like(ac), torch.zeros_like(bc)
        for items, rows, s in _blocks(ab, ac, bc):
            _add_up_(_inverse_(s), slopes, items, rows)
        return slopes[0].neg_(), slopes[1].neg_(), slopes[2].neg_()

    def triple_with_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        together = 0 if self.soft else _together(ab, ac, bc)
        if not together:
            return super().triple_with_slopes(ab, ac, bc)
        sums = ab.new_zeros(len(ab))
        slopes = torch.empty_like(ab), torch.empty_like(ac), torch.zeros_like(bc)
        ab, ac, bc = (factor * (1 / SCALE) for factor in (ab, ac, bc))
        worst = ab.new_empty(0)
        for items, rows, s in _blocks(ab, ac, bc):
            inverse = s.reciprocal_()
            worst = torch.clamp(inverse, min=1.0, out=worst.resize_(s.shape))
            sums[items] += _logs(worst.flatten(1), together)  # -log S = log 1 / S
            _add_up_(torch.threshold_(inverse, 1.0, 0.0), slopes, items, rows)
        return sums, (slopes[0].mul_(-1 / SCALE), slopes[1].mul_(-1 / SCALE), slopes[2].mul_(-1 / SCALE))


def _blocks(ab: Tensor, ac: Tensor, bc: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """(items, rows of a, S over them and all b, c) of three factors (X, N, N), in one workspace."""
    count, size = ab.shape[:2]
    if not count or not size:
        return
    block = room(BLOCK, ab.device)
    step = max(1, block // size**3)
    rows = size if step > 1 else max(1, block // size**2)
    workspace = ab.new_empty(min(step, count), min(rows, size), size, size)
    for first in range(0, count, step):
        items = slice(first, min(first + step, count))
        for row in range(0, size, rows):
            some = slice(row, min(row + rows, size))
            s = workspace[: items.stop - first, : some.stop - row]
            torch.add(ab[items, some, :, None], bc[items, None], out=s)
            yield items, some, s.add_(ac[items, some, None])


def _add_up_(inverse: Tensor, slopes: tuple[Tensor, Tensor, Tensor], items: slice, rows: slice) -> None:
    """In place, the sums of (items, rows of a, b, c) over each of the objects go where they belong."""
    torch.sum(inverse, 3, out=slopes[0][items, rows])
    torch.sum(inverse, 2, out=slopes[1][items, rows])
    slopes[2][items] += inverse.sum(1)


def _inverse_(s: Tensor) -> Tensor:
    """In place: 1 / s below the scale, 0 from there on."""
    return torch.threshold_(s.reciprocal_(), 1 / SCALE, 0.0)


def _violations(s: Tensor) -> Tensor:
    """(X,): sums of 1 - S over (X, G) scaled S, none above the scale; written over."""
    return s.mul_(-1 / SCALE).add_(1).sum(1)


def _together(*factors: Tensor) -> int:
    """So many S may be multiplied before the logarithm is taken: 8, 4, 2; 0 where not even S itself may lose its scale.

    No S is less than the least number of any one of its factors.
    """
    if factors[0].device.type != "cpu" or not factors[0].numel():
        return 0  # elsewhere to look would be to wait
    least = max(float(factor.amin()) for factor in factors) / SCALE
    return next((count for count in (8, 4, 2) if least > 2.0 ** (-120 / count)), 0)


def _logs(s: Tensor, together: int) -> Tensor:
    """(X,): sums of log S over (X, G) plain S, or of the inverse of S; written over. A logarithm costs 3 products."""
    while together > 1 and s.shape[1] % 2 == 0:
        half = s.shape[1] // 2
        s, together = s[:, :half].mul_(s[:, half:]), together // 2
    return log_(s).sum(1)


def _logs_scaled(s: Tensor) -> Tensor:
    """(X,): sums of log S over (X, G) scaled S; written over."""
    # less the same function's own value at the scale, so that S = 1 costs exactly nothing
    return log_(s).sub_(log_(s.new_full((16,), SCALE))[0]).sum(1)
