"""Exact probabilities of small formulas against KLay, which compiles them to circuits: same value, time.

Exactly one of 10, and a random 3-CNF over 12 variables with 40 clauses; batch 1,024; forward and backward; one thread.
KLay evaluates an SDD in its log semiring, from log-probabilities of atoms and of their opposites. Both sides start
from log-odds and end at the mean of -log W.

    pip install .[peers]
    OMP_NUM_THREADS=1 python -m benchmarks.constraints.against_klay
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

import klay
import torch
from pysdd.sdd import SddManager
from torch import Tensor
from torch.nn.functional import logsigmoid

import rulekd
from benchmarks.constraints.measuring import interleaved, table

BATCH = 1024


def exactly_one(count: int) -> list[list[int]]:
    """Clauses of signed numbers of variables, from 1."""
    pairs = [[-i, -j] for i in range(1, count + 1) for j in range(1, i)]
    return [list(range(1, count + 1)), *pairs]


def random_cnf(variables: int, clauses: int) -> list[list[int]]:
    """Clauses of three variables, drawn with a fixed seed."""
    draw = random.Random(0)
    return [[v if draw.random() < 0.5 else -v for v in draw.sample(range(1, variables + 1), 3)] for _ in range(clauses)]


def ours(text: str, count: int) -> Callable[[Tensor], Tensor]:
    """Through rulekd. Log-odds (variables, BATCH)."""
    constraints = rulekd.compile([text], "exact")

    def loss(z: Tensor) -> Tensor:
        return constraints({f"v{n + 1}": row for n, row in enumerate(z.unbind(0))}).loss

    return loss


def theirs(clauses: list[list[int]], count: int) -> Callable[[Tensor], Tensor]:
    """Through KLay."""
    manager = SddManager(var_count=count, auto_gc_and_minimize=True)
    whole = manager.true()
    for clause in clauses:
        part = manager.false()
        for literal in clause:
            part = part | manager.literal(literal)
        whole = whole & part
    circuit = klay.Circuit()
    circuit.add_sdd(whole)
    module = circuit.to_torch_module(semiring="log")

    def loss(z: Tensor) -> Tensor:
        positive, negative = logsigmoid(z), logsigmoid(-z)
        found: Tensor = module(positive.T, negative.T)
        return -found.mean()

    return loss


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cnf = random_cnf(12, 40)
    written = " & ".join("(" + " | ".join(("~" if x < 0 else "") + f"v{abs(x)}()" for x in c) + ")" for c in cnf)
    members = ", ".join(f"v{n}()" for n in range(1, 11))
    rows = []
    for what, text, clauses, count in (
        ("exactly one of 10", f"exactly_one({members})", exactly_one(10), 10),
        ("3-CNF over 12", written, cnf, 12),
    ):
        z = torch.randn(count, BATCH, generator=torch.Generator().manual_seed(0)).requires_grad_()
        steps, values = {}, {}
        for name, loss in (("rulekd", ours(text, count)), ("KLay", theirs(clauses, count))):
            values[name] = float(loss(z).detach())
            steps[name] = step(loss, z)
        times = interleaved(steps, options.repeats, calls=10)
        mine, peer = (times[name][0] for name in steps)
        rows.append(
            [what, f"{mine:.2f}", f"{peer:.2f}", f"{peer / mine:.1f}", f"{abs(values['rulekd'] - values['KLay']):.0e}"]
        )
    print(table(["", "rulekd ms", "KLay ms", "times", "values differ by"], rows))


def step(loss: Callable[[Tensor], Tensor], z: Tensor) -> Callable[[], None]:
    """Forward and backward."""

    def run() -> None:
        z.grad = None
        loss(z).backward()

    return run


if __name__ == "__main__":
    main()
