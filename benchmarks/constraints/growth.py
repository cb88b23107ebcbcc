"""Time of one pass, forwards and backwards, as rules and objects grow: a table, and a picture of it.

32 scenes, 20 predicates over pairs, compositions; one thread.

    OMP_NUM_THREADS=1 python -m benchmarks.constraints.growth --out docs/constraints_growth.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # after a backend without a window is chosen
import torch

import rulekd
from benchmarks.constraints.beside_a_student import PREDICATES, SCENES, rules
from benchmarks.constraints.measuring import interleaved, table

SEMANTICS = ("product", "coherent")
COUNTS = (1, 3, 10, 32, 100, 316, 1000)
SIZES = (16, 24, 32, 48, 64, 96, 128)

#: Milliseconds by semantics.
Times = Mapping[str, float]


def measure(count: int, size: int, repeats: int) -> Times:
    """The least of interleaved repeats."""
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.randn(SCENES, size, size, generator=generator).requires_grad_() for name in PREDICATES}
    made = rules(count, 0, 0, 0)
    steps = {semantics: one_pass(rulekd.compile(made, semantics), values) for semantics in SEMANTICS}
    times = interleaved(steps, max(2, repeats // (1 + count * size**2 // 2**18)), warm=1)
    return {semantics: times[semantics][0] for semantics in SEMANTICS}


def one_pass(constraints: rulekd.Constraints, values: dict[str, torch.Tensor]) -> Callable[[], None]:
    """Forward and backward."""

    def run() -> None:
        for value in values.values():
            value.grad = None
        constraints(values).loss.backward()

    return run


def draw(by_rules: Sequence[Times], by_size: Sequence[Times], path: Path) -> None:
    """Two panels, both axes logarithmic, each with the slope that it comes near to."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
    for panel, at, times, power, title in (
        (panels[0], COUNTS, by_rules, 1, "rules, at n = 16"),
        (panels[1], SIZES, by_size, 3, "objects n, one rule over three of them"),
    ):
        for semantics, marker in zip(SEMANTICS, "os", strict=True):
            panel.plot(at, [one[semantics] for one in times], marker=marker, markersize=4, label=semantics)
        last = max(times[-1].values())
        guide = [2 * last * (x / at[-1]) ** power for x in at]
        shown = [(x, y) for x, y in zip(at, guide, strict=True) if y > min(min(one.values()) for one in times)]
        panel.plot(*zip(*shown, strict=True), linestyle=":", color="gray", label="linear" if power == 1 else "cubic")
        panel.set(xscale="log", yscale="log", xlabel=title)
        panel.set_xticks(at, [str(x) for x in at])
        panel.minorticks_off()
        panel.legend(frameon=False)
    panels[0].set_ylabel("forward and backward, ms")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print a Markdown table, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path, help="an SVG file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    plt.rcParams["svg.hashsalt"] = "growth"  # the same numbers give the same file
    by_rules = [measure(count, 16, options.repeats) for count in COUNTS]
    by_size = [measure(1, size, options.repeats) for size in SIZES]
    rows = [[count, 16, *times.values()] for count, times in zip(COUNTS, by_rules, strict=True)]
    rows += [[1, size, *times.values()] for size, times in zip(SIZES, by_size, strict=True)]
    rows += [[50, size, *measure(50, size, options.repeats).values()] for size in (32, 64)]
    print(table(["rules", "n", "product ms", "coherent ms"], [[c, n, f"{p:.1f}", f"{q:.1f}"] for c, n, p, q in rows]))
    if options.out is not None:
        draw(by_rules, by_size, options.out)


if __name__ == "__main__":
    main()
