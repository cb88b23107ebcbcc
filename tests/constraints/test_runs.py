"""Several runs stacked into one batch read as each of them alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import rulekd
from kg import RulekdError
from rulekd.scenes import Scenes

RULES = [
    "r(a, b) & r(b, c) -> r(a, c)",
    "r(a, b) & s(b, c) -> r(a, c) | s(a, c)",
    "p(a) <-> q(a)",
    "r(a, b) <-> s(b, a)",
    "exactly_one(p(a), q(a), t())",
    "r(a, b) & p(b) <-> s(a, b)",
    "r(a, b) <-> x(a) < x(b)",
    "under mirror_x: r(a, b) <-> s(a, b)",
]


def stacked(runs: int, scenes: int, objects: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2, "t": 0}
    return {
        name: 3 * torch.randn(runs * scenes, *(objects,) * k, generator=generator, dtype=torch.float64)
        for name, k in arity.items()
    }


@pytest.mark.parametrize("semantics", ["coherent", "product"])
@pytest.mark.parametrize("p", [1, 2])
def test_a_run_reads_as_if_it_were_alone(semantics: str, p: int) -> None:
    runs, scenes, objects = 3, 2, 4
    values, image = (stacked(runs, scenes, objects, seed) for seed in (0, 1))
    # One run has fewer objects than the others, so that the number of valid groundings differs.
    mask = torch.ones(runs * scenes, objects, dtype=torch.bool)
    mask[2:4, 3] = False
    mask[0, 1:] = False
    placed = [[{"center": (float(i * (row % 3 - 1)), 0, 0)} for i in range(objects)] for row in range(runs * scenes)]
    constraints = rulekd.compile(RULES, semantics, p)  # type: ignore[arg-type] # parametrised

    def losses(rows: slice, stacked_runs: int) -> tuple[dict[str, Tensor], list[Tensor]]:
        given = {name: value[rows].clone().requires_grad_() for name, value in values.items()}
        reading = constraints(
            given,
            mask=mask[rows],
            scenes=Scenes.from_objects(placed[rows]),
            views={"mirror_x": {name: value[rows] for name, value in image.items()}},
        )
        found = reading.losses_by_run(stacked_runs)
        torch.stack(list(found.values())).sum().backward()
        return found, [value.grad for value in given.values() if value.grad is not None]

    together, gradients = losses(slice(0, runs * scenes), runs)
    assert len(together) == len(RULES)
    for run in range(runs):
        rows = slice(run * scenes, (run + 1) * scenes)
        alone, alone_gradients = losses(rows, 1)
        for rule, loss in together.items():
            assert loss.shape == (runs,)
            assert loss[run].item() == pytest.approx(alone[rule].item(), rel=1e-12), rule
        for one, other in zip(gradients, alone_gradients, strict=True):
            assert torch.allclose(one[rows], other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("runs", [0, 4, -1, 1.5])
def test_runs_that_do_not_divide_the_batch_are_refused(runs: int) -> None:
    reading = rulekd.compile(["p(a) -> q(a)"])({"p": torch.zeros(6, 2), "q": torch.zeros(6, 2)})
    with pytest.raises(RulekdError, match="6 scenes has no"):
        reading.losses_by_run(runs)
