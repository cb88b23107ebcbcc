"""Six rules about relations against LTNtorch: the same values and gradients, time and memory.

Symmetry, asymmetry, inverse, exclusion, implication and transitivity over four relations; batches of 32 scenes;
forward and backward; one thread. Both sides leave out groundings in which two variables name one object: LTNtorch by a
guard of its quantifier. LTNtorch's connectives add an epsilon of 1e-4 where they are "stable", which is its default.

    pip install .[peers]
    OMP_NUM_THREADS=1 python -m benchmarks.constraints.against_ltn --sizes 16 32 64 128
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch._inductor.config
from torch import Tensor

import rulekd
from benchmarks.constraints.measuring import in_a_process_of_its_own, interleaved, peak, table

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns about its own escapes while it is imported
    import ltn

RULES = (
    "near(a, b) -> near(b, a)",
    "left(a, b) -> ~left(b, a)",
    "left(a, b) -> right(b, a)",
    "~(left(a, b) & right(a, b))",
    "touch(a, b) -> near(a, b)",
    "left(a, b) & left(b, c) -> left(a, c)",
)
NAMES = ("near", "left", "right", "touch")
BATCH = 32


def logits(size: int) -> dict[str, Tensor]:
    """Random log-odds, (BATCH, size, size) by relation."""
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(BATCH, size, size, generator=generator).requires_grad_() for name in NAMES}


def ours(semantics: str, size: int, compiled: bool = False) -> Callable[[dict[str, Tensor]], Tensor]:
    """The loss through rulekd."""
    constraints = rulekd.compile(RULES, semantics, p=2)

    def loss(values: dict[str, Tensor]) -> Tensor:
        return constraints(values).loss

    return torch.compile(loss, fullgraph=True) if compiled else loss


def theirs(semantics: str, size: int) -> Callable[[dict[str, Tensor]], Tensor]:
    """The loss through LTNtorch: product with Reichenbach's implication and p-mean 2, or Lukasiewicz and the mean."""
    ops = ltn.fuzzy_ops
    product = semantics == "product"
    implies = ltn.Connective(ops.ImpliesReichenbach() if product else ops.ImpliesLuk())
    both = ltn.Connective(ops.AndProd() if product else ops.AndLuk())
    negation = ltn.Connective(ops.NotStandard())
    forall = ltn.Quantifier(ops.AggregPMeanError(p=2 if product else 1), quantifier="f")
    scene = ltn.Variable("scene", torch.arange(BATCH).float()[:, None])
    a, b, c = (ltn.Variable(name, torch.arange(size).float()[:, None]) for name in "abc")

    def distinct(*variables: Any) -> Tensor:
        apart = [x.value != y.value for i, x in enumerate(variables) for y in variables[:i]]
        return torch.stack(apart).all(0)[..., 0]

    def loss(values: dict[str, Tensor]) -> Tensor:
        def relation(name: str) -> Any:
            chance = values[name].sigmoid()
            return ltn.Predicate(func=lambda s, x, y: chance[s[:, 0].long(), x[:, 0].long(), y[:, 0].long()])

        near, left, right, touch = map(relation, NAMES)
        pair = {"cond_vars": [a, b], "cond_fn": distinct}
        satisfied = [
            forall([scene, a, b], implies(near(scene, a, b), near(scene, b, a)), **pair),
            forall([scene, a, b], implies(left(scene, a, b), negation(left(scene, b, a))), **pair),
            forall([scene, a, b], implies(left(scene, a, b), right(scene, b, a)), **pair),
            forall([scene, a, b], negation(both(left(scene, a, b), right(scene, a, b))), **pair),
            forall([scene, a, b], implies(touch(scene, a, b), near(scene, a, b)), **pair),
            forall(
                [scene, a, b, c],
                implies(both(left(scene, a, b), left(scene, b, c)), left(scene, a, c)),
                cond_vars=[a, b, c],
                cond_fn=distinct,
            ),
        ]
        return torch.stack([1 - one.value for one in satisfied]).mean()

    return loss


def step(loss: Callable[[dict[str, Tensor]], Tensor], size: int) -> Callable[[], tuple[Tensor, list[Tensor]]]:
    """Forward and backward."""
    values = logits(size)

    def run() -> tuple[Tensor, list[Tensor]]:
        for value in values.values():
            value.grad = None
        total = loss(values)
        total.backward()
        return total.detach(), [value.grad for value in values.values() if value.grad is not None]

    return run


MAKERS = {"rulekd": ours, "LTNtorch": theirs}


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="also rulekd under torch.compile")
    parser.add_argument(
        "--peak", nargs=3, metavar=("WHO", "SEMANTICS", "SIZE"), help="print megabytes, for this script"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        who, semantics, size = options.peak
        step(MAKERS[who](semantics, 8), 8)()  # libraries are loaded, and their own buffers made, before it counts
        print(peak(step(MAKERS[who](semantics, int(size)), int(size))))
        return
    rows = []
    for semantics in ("product", "coherent"):
        for size in options.sizes:
            steps = {who: step(make(semantics, size), size) for who, make in MAKERS.items()}
            cold = 0.0
            if options.compiled:
                torch._dynamo.reset()
                torch._inductor.config.force_disable_caches = True  # else it would be what earlier runs have left
                steps["compiled"] = step(ours(semantics, size, compiled=True), size)
                start = time.perf_counter()
                steps["compiled"]()
                cold = time.perf_counter() - start
            (one, slopes), (other, other_slopes) = steps["rulekd"](), steps["LTNtorch"]()
            if semantics == "coherent":  # LTNtorch trains on what is only reported here
                reading = rulekd.compile(RULES)(logits(size))
                one = torch.tensor(list(reading.violations.values())).mean()
            off = max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(slopes, other_slopes, strict=True))
            times = interleaved(steps, options.repeats)
            memory = {
                who: float(in_a_process_of_its_own(__file__, ["--peak", who, semantics, str(size)])) for who in MAKERS
            }
            mine, peer = times["rulekd"][0], times["LTNtorch"][0]
            row = [semantics, size, f"{mine:.1f}", f"{peer:.0f}", f"{peer / mine:.0f}"]
            if options.compiled:
                compiled = times["compiled"][0]
                row += [f"{compiled:.1f}", f"{peer / compiled:.0f}", f"{cold:.0f}"]
            row += [
                f"{memory['rulekd']:.0f}",
                f"{memory['LTNtorch']:.0f}",
                f"{memory['LTNtorch'] / memory['rulekd']:.0f}",
            ]
            rows.append([*row, f"{abs(float(one - other)):.0e}", f"{off:.0e}"])
            print(*rows[-1], flush=True)
    more = ["compiled ms", "times", "cold compilation, s"] if options.compiled else []
    print()
    head = ["semantics", "n", "rulekd ms", "LTNtorch ms", "times", *more, "rulekd MB", "LTNtorch MB", "times less"]
    print(table([*head, "values differ by", "gradients, relative to the largest"], rows))


if __name__ == "__main__":
    main()
